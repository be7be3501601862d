//! A text that cannot print itself: keys, tokens, connection strings. Every layer may use it; `settings` reads
//! secrets, and [`super::redact`] removes them from messages.

use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::Zeroize;

/// A secret. `Debug` shows `[redacted]`, there is no `Display`, and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The reason why a text cannot be a key. Gives the position, never the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("it is empty")]
    Empty,
    /// A character that no HTTP header can carry, or that does not occur in keys.
    #[error("character {position} is {what}, which no key can hold: was it copied whole and without quotes?")]
    Character {
        /// Counted from 1.
        position: usize,
        /// Any of `white space`, `a control character`, `not ASCII`.
        what: &'static str,
    },
}

impl Secret {
    /// A secret of any content, for example a connection string.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A key for an HTTP header: visible ASCII, at least one character.
    ///
    /// # Errors
    /// [`InvalidKey`], which does not repeat the text.
    pub fn key(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let secret = Self(text.into());
        if secret.0.is_empty() {
            return Err(InvalidKey::Empty);
        }
        match secret.0.chars().position(|ch| !ch.is_ascii_graphic()) {
            None => Ok(secret),
            Some(index) => {
                Err(InvalidKey::Character { position: index + 1, what: defect(secret.0.chars().nth(index)) })
            }
        }
    }

    /// The text itself. Call it only where the text is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn defect(ch: Option<char>) -> &'static str {
    match ch {
        Some(ch) if ch.is_whitespace() => "white space",
        Some(ch) if ch.is_ascii_control() => "a control character",
        _ => "not ASCII",
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Secret {
    /// Overwrites this copy. Copies made by the operating system or a library cannot be overwritten.
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_print() {
        let secret = Secret::key("canary-key").unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(secret.expose(), "canary-key");
    }

    #[test]
    fn says_where_a_key_is_broken_and_not_what_it_is() {
        for (text, what) in
            [("ab c", "white space"), ("ab\u{1}", "a control character"), ("ab“c", "not ASCII")]
        {
            let error = Secret::key(text).unwrap_err();
            assert_eq!(error, InvalidKey::Character { position: 3, what });
            assert!(!error.to_string().contains(text));
        }
        assert_eq!(Secret::key(""), Err(InvalidKey::Empty));
    }
}

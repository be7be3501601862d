//! The common format of all errors, and their messages. A refusal repeats at most 200 characters of a request, and
//! nothing in it can move a terminal's cursor.

use super::strict_json::BodyError;
use crate::domain::name_rules::is_hidden;
use serde_json::{Value, json};

/// Maximum length of a message, in characters.
const LONGEST: usize = 400;
/// Maximum length of repeated input, in characters.
const LONGEST_ECHO: usize = 200;

/// The reason why a request, or one item of a batch, failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeError {
    pub status: u16,
    /// The error's name for programs.
    pub code: &'static str,
    /// A sentence for users.
    pub message: String,
    /// The JSON path of the invalid value, if there is one.
    pub field: Option<String>,
    /// The index in a batch, from 0.
    pub item: Option<usize>,
    /// Seconds to wait; `Some` if the same request may succeed later.
    pub retry_after: Option<u64>,
    /// Methods that the path accepts, for a 405.
    pub allow: Option<&'static str>,
}

impl BridgeError {
    /// An error that a retry does not fix.
    pub fn new(status: u16, code: &'static str, message: impl AsRef<str>) -> Self {
        let message = shown(message.as_ref(), LONGEST);
        Self { status, code, message, field: None, item: None, retry_after: None, allow: None }
    }

    /// A temporary error. Its status is 503, because the Python runner stops for a cycle after 429.
    pub fn later(code: &'static str, message: impl AsRef<str>, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(503, code, message) }
    }

    /// A value that cannot be stored.
    pub fn schema(field: impl Into<String>, message: impl AsRef<str>) -> Self {
        Self { field: Some(field.into()), ..Self::new(422, "schema", message) }
    }

    /// A missing or invalid key. The message is the same for every reason.
    pub fn unauthorized() -> Self {
        Self::new(
            401,
            "unauthorized",
            "no valid key: send one in X-API-Key, or in Authorization as a Bearer token",
        )
    }

    /// The same error at an index of a batch.
    #[must_use]
    pub fn at_item(mut self, item: usize) -> Self {
        self.item = Some(item);
        self
    }

    /// True if the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retry_after.is_some()
    }

    /// The JSON document of the response body.
    pub fn document(&self, request_id: &str) -> Value {
        json!({ "error": {
            "code": self.code,
            "message": self.message,
            "field": self.field.as_deref().map(|field| shown(field, LONGEST_ECHO)),
            "item": self.item,
            "retryable": self.is_retryable(),
            "request_id": request_id,
        }})
    }
}

impl From<BodyError> for BridgeError {
    fn from(error: BodyError) -> Self {
        let (status, code) = if error.syntax { (400, "syntax") } else { (422, "schema") };
        let field = Some(error.path).filter(|path| !path.is_empty());
        Self { field, ..Self::new(status, code, error.message) }
    }
}

/// Shortens input for repetition, and escapes invisible characters.
pub fn echo(text: &str) -> String {
    shown(text, LONGEST_ECHO)
}

fn shown(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for (count, ch) in text.chars().enumerate() {
        if count == longest {
            out.push('…');
            break;
        }
        if is_hidden(ch) { out.extend(ch.escape_default()) } else { out.push(ch) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_always_whole() {
        let plain = BridgeError::new(404, "not_found", "there is nothing at this path").document("r1");
        assert_eq!(
            plain.to_string(),
            r#"{"error":{"code":"not_found","message":"there is nothing at this path","field":null,"item":null,"retryable":false,"request_id":"r1"}}"#
        );
        let item = BridgeError::schema("$.a", "it must be a string").at_item(3).document("r2");
        assert_eq!((&item["error"]["field"], &item["error"]["item"]), (&json!("$.a"), &json!(3)));
        let later = BridgeError::later("busy", "busy", 2);
        assert_eq!((later.status, later.document("r")["error"]["retryable"].clone()), (503, json!(true)));
    }

    #[test]
    fn what_was_sent_is_cut_and_written_out() {
        assert_eq!(echo("a\x1b[2J\u{202e}b\n"), "a\\u{1b}[2J\\u{202e}b\\n");
        assert_eq!(echo(&"x".repeat(1000)).chars().count(), LONGEST_ECHO + 1);
    }
}

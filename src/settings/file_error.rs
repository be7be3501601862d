//! Explains mistakes in the configuration file: the place, the mistake, and the probable intention. Values are never
//! repeated, because one of them may be a key.

use super::SettingsError;
use crate::domain::nearest::did_you_mean;
use crate::domain::redact::Redactor;
use std::path::Path;

/// Names of keys that suggest that a secret was written into the file itself.
const KEY_WORDS: [&str; 6] = ["key", "api_key", "apikey", "token", "secret", "password"];

/// The parser's error with file, line and the nearest known key.
pub(super) fn explained(error: &toml::de::Error, text: &str, path: &Path) -> SettingsError {
    let line = error.span().map(|span| line(text, span.start));
    let written = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
    SettingsError::File {
        path: path.to_owned(),
        line,
        message: Redactor::new().redact(&message(error.message(), written)),
    }
}

/// Line number of a byte, from 1.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Builds the message; `written` is the line of the mistake.
fn message(raw: &str, written: &str) -> String {
    if let Some((unknown, known)) = unknown(raw, "unknown field `") {
        if KEY_WORDS.contains(&unknown) {
            return format!(
                "`{unknown}` does not belong into this file: use key_env, key_file or key_command"
            );
        }
        return format!("unknown key `{unknown}`{}", meant(unknown, &known));
    }
    if let Some((word, known)) = unknown(raw, "unknown variant `") {
        let key = key(written).map(|key| format!("`{key}`: ")).unwrap_or_default();
        // A long word, or one with characters other than letters, may be a key in the wrong place.
        let word = if is_plain(word) { format!(" `{word}`") } else { String::new() };
        return format!("{key}unknown word{word}; known are {}", known.join(", "));
    }
    without_values(raw)
}

/// The longest word of a value that a message repeats, in letters.
const LONGEST_WORD: usize = 15;

fn is_plain(word: &str) -> bool {
    word.len() <= LONGEST_WORD
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_')
}

/// The key of a line, if it has one.
fn key(line: &str) -> Option<&str> {
    let key = line.split_once('=')?.0.trim();
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (!key.is_empty() && key.bytes().all(is_bare)).then_some(key)
}

/// The name unknown to serde, and the known ones: ``unknown field `a`, expected one of `b`, `c` ``.
fn unknown<'a>(raw: &'a str, start: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (name, rest) = raw.strip_prefix(start)?.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((name, known))
}

fn meant(unknown: &str, known: &[&str]) -> String {
    let near = did_you_mean(unknown, known.iter().copied());
    if near.is_empty() { format!("; known are {}", known.join(", ")) } else { near }
}

/// A message without the text, number or list that it quotes from the file.
fn without_values(raw: &str) -> String {
    let quoted = ["string \"", "invalid value: ", "literal string "];
    let cut = quoted.iter().filter_map(|mark| Some((raw.find(mark)?, mark))).min_by_key(|(start, _)| *start);
    let Some((start, mark)) = cut else { return raw.lines().next().unwrap_or(raw).to_owned() };
    let expected = raw.rfind(", expected ").filter(|end| *end > start).map_or("", |end| &raw[end..]);
    let mark = mark.trim_end_matches(['"', ' ', ':']);
    format!("{}{mark}{expected}", &raw[..start])
}

#[cfg(test)]
mod tests {
    use crate::settings::file::parse;
    use std::path::Path;

    fn said(text: &str) -> String {
        parse(text, Path::new("c.toml")).unwrap_err().to_string()
    }

    #[test]
    fn names_place_key_and_neighbour() {
        assert_eq!(said("\nstroe = 'x'"), "c.toml:2: unknown key `stroe`: did you mean store?");
        assert_eq!(
            said("[defaults]\n\nfirst_bite = 1"),
            "c.toml:3: unknown key `first_bite`: did you mean first_byte?"
        );
        assert_eq!(
            said("[defaults]\nbananas = 1"),
            "c.toml:2: unknown key `bananas`; known are profile, connect, first_byte, gap, total"
        );
        assert_eq!(
            said("[providers.x]\ndialect = 'smoke'"),
            "c.toml:2: `dialect`: unknown word `smoke`; known are chat, responses, completions, messages, gemini"
        );
        // A key in the wrong place is not repeated.
        assert_eq!(
            said("[providers.x]\ndialect = 'sk-Canary12'"),
            "c.toml:2: `dialect`: unknown word; known are chat, responses, completions, messages, gemini"
        );
    }

    #[test]
    fn keys_do_not_belong_into_the_file() {
        assert_eq!(
            said("[providers.openai]\napi_key = 'sk-canary'"),
            "c.toml:2: `api_key` does not belong into this file: use key_env, key_file or key_command"
        );
    }

    #[test]
    fn types_are_named_and_values_are_not() {
        assert_eq!(
            said("[defaults]\ngap = 'soon, expected later'"),
            "c.toml:2: invalid type: string, expected f64"
        );
        assert!(said("store = 'x").starts_with("c.toml:1: "));
    }
}

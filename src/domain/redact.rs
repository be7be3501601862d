//! Removes secrets from messages: known ones, and text that looks like one. Applied to every foreign text before it is
//! cut to length, stored or shown. Hides too much rather than too little.

use super::secret::Secret;
use super::secret_spellings::Spellings;
use std::ops::Range;

/// The replacement of a secret.
pub const MASK: &str = "[redacted]";

/// Prefixes of keys: OpenAI and many others, ours, AWS, Groq, Google, Google tokens, Cerebras, Fireworks, Together.
const KEY_PREFIXES: &[&str] = &[
    "sk-", "sk_", "lb_", "AKIA", "ASIA", "gsk_", "AIza", "ya29.", "csk-", "fw_", "tgp_v1_", "ABSK", "pplx-",
    "xai-", "nvapi-", "hf_", "dapi",
];

/// Words before a secret, in lower case.
const SCHEMES: &[&str] = &["bearer ", "basic "];

/// Ends of names, in lower case, whose value after `=` is a secret.
const ASSIGNED: &[&str] =
    &["key", "token", "secret", "password", "passwd", "pwd", "signature", "credential", "assertion"];

/// Names, in lower case, whose value after `:` is a secret (headers, JSON). `key:` alone is common prose.
const HEADERS: &[&str] = &[
    "api_key",
    "api-key",
    "apikey",
    "authorization",
    "x-amz-security-token",
    "access_token",
    "refresh_token",
    "client_secret",
    "private_key",
    "password",
    "secret",
];

#[derive(Debug, Clone, Default)]
pub struct Redactor {
    known: Spellings,
}

impl Redactor {
    /// A redactor that knows patterns alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret, which is then found plain, form-encoded, and as base64 behind any other bytes. Each is found in
    /// any case, with any white space in it, and percent-encoded.
    pub fn add(&mut self, secret: &Secret) {
        self.known.add(secret.expose());
    }

    /// The text with every secret replaced by [`MASK`].
    pub fn redact(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let mut spans = self.known_spans(text);
        spans.extend(prefix_spans(text));
        spans.extend(scheme_spans(text, &lower));
        spans.extend(named_spans(text, &lower, ASSIGNED, '='));
        spans.extend(named_spans(text, &lower, HEADERS, ':'));
        spans.extend(uri_spans(text));
        masked(text, spans)
    }

    /// The text with only the known secrets replaced: for ids and names, which look like keys but are none.
    pub fn redact_known(&self, text: &str) -> String {
        masked(text, self.known_spans(text))
    }

    fn known_spans(&self, text: &str) -> Vec<Range<usize>> {
        self.known.find(text)
    }
}

/// Keys found by their prefixes, at the start of a word.
fn prefix_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for prefix in KEY_PREFIXES {
        for (start, _) in text.match_indices(prefix) {
            let end = token_end(text, start + prefix.len());
            let inside_word = text[..start].ends_with(|ch: char| ch.is_ascii_alphanumeric());
            if !inside_word && end - start >= prefix.len() + 6 {
                spans.push(start..end);
            }
        }
    }
    spans
}

/// Tokens after `Bearer …` and `Basic …`.
fn scheme_spans(text: &str, lower: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for scheme in SCHEMES {
        for (index, _) in lower.match_indices(scheme) {
            let start = skip(text, index + scheme.len(), char::is_whitespace);
            let end = token_end(text, start);
            if end - start >= 8 {
                spans.push(start..end);
            }
        }
    }
    spans
}

/// The value in `name=value` and `"name": "value"`.
fn named_spans(text: &str, lower: &str, names: &[&str], separator: char) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for name in names {
        for (index, _) in lower.match_indices(name) {
            let after =
                skip(text, index + name.len(), |ch| matches!(ch, '"' | '\'' | '\\') || ch.is_whitespace());
            if !text[after..].starts_with(separator) {
                continue;
            }
            let start = skip(text, after + 1, |ch| matches!(ch, '"' | '\'' | '\\') || ch.is_whitespace());
            let end = skip(text, start, |ch| {
                !ch.is_whitespace() && !matches!(ch, '"' | '\'' | '&' | ';' | ',' | ')' | '}')
            });
            spans.push(start..end);
        }
    }
    spans
}

/// User and password of `scheme://user:password@host`, up to the last `@` of the word: passwords may hold an unescaped
/// one. In a store URL without a host, `mongodb://user:password`, the text after the colon is no port.
fn uri_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (index, separator) in text.match_indices("://") {
        let start = index + separator.len();
        let end = skip(text, start, |ch| !ch.is_whitespace() && !matches!(ch, '"' | '\'' | '<' | '>'));
        if let Some(at) = text[start..end].rfind('@') {
            spans.push(start..start + at);
            continue;
        }
        if !text[..index].ends_with("mongodb") && !text[..index].ends_with("mongodb+srv") {
            continue;
        }
        let end = skip(text, start, |ch| !ch.is_whitespace() && !"\"'<>/?#,;)[".contains(ch));
        let password = text[start..end].split_once(':').map_or("", |(_, password)| password);
        // The last characters may belong to the sentence.
        if password.trim_end_matches([':', '.', '`']).bytes().any(|byte| !byte.is_ascii_digit()) {
            spans.push(start..end);
        }
    }
    spans
}

/// The end of a run of characters that keys are made of; `*` too, because providers mask keys only partly.
fn token_end(text: &str, start: usize) -> usize {
    skip(text, start, |ch| {
        ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_' | '.' | '~' | '+' | '/' | '=' | '*')
    })
}

/// The first index from `start` on whose character does not fit.
fn skip(text: &str, start: usize, fits: impl Fn(char) -> bool) -> usize {
    text[start..].find(|ch| !fits(ch)).map_or(text.len(), |offset| start + offset)
}

fn masked(text: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.retain(|span| !span.is_empty());
    spans.sort_by_key(|span| span.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        if span.start >= done {
            out.push_str(&text[done..span.start]);
            out.push_str(MASK);
        }
        done = done.max(span.end);
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hides_what_looks_like_a_key() {
        let cases = [
            ("bad key sk-abc***************wxyz.", "bad key [redacted]"),
            ("AKIAIOSFODNN7EXAMPLE is unknown", "[redacted] is unknown"),
            ("Authorization: Bearer abcdefgh12345", "Authorization: [redacted] [redacted]"),
            ("GET /v1?key=AbC123&alt=sse", "GET /v1?key=[redacted]&alt=sse"),
            (r#"{"api_key": "abc", "model": "m"}"#, r#"{"api_key": "[redacted]", "model": "m"}"#),
            ("mongodb://bob:p@ss/w@db.example/x", "mongodb://[redacted]@db.example/x"),
            ("mongodb://user:SECRET is odd", "mongodb://[redacted] is odd"),
            ("mongodb://user:SECRET/db", "mongodb://[redacted]/db"),
            ("lb_k1_0123456789abcdef", "[redacted]"),
        ];
        for (text, expected) in cases {
            assert_eq!(Redactor::new().redact(text), expected);
        }
    }

    #[test]
    fn leaves_prose_alone() {
        for text in [
            "max_tokens=64 is too few",
            "a task-force and a risk-free lb_ port",
            "unknown key: stroe",
            "https://console.groq.com/keys at user@example.com",
            "http://127.0.0.1:9464: refused, mongodb://a:27017,b:27018/db `https://h:443` http://[::1]:80/x",
            "",
        ] {
            assert_eq!(Redactor::new().redact(text), text);
        }
    }

    #[test]
    fn knows_its_secrets_in_every_form() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("p@ss+word/7"));
        redactor.add(&Secret::new("abc"));
        for form in [
            "p@ss+word/7",
            "p%40ss%2Bword%2F7",
            "P@SS+WORD/7",
            "p@ss +wo\n\trd/7",
            "p%40SS%2bword/ 7",
            "cEBzcyt3b3JkLzc=",
        ] {
            let said = redactor.redact(&format!("it was {form}, abc"));
            assert!(said.starts_with("it was [redacted]") && said.ends_with(", abc"), "{form}: {said}");
        }
        assert!(!format!("{redactor:?}").contains("ss+w"));
        assert_eq!(redactor.redact_known("p @ s s + w o r d / 7 sk-0123456789"), "[redacted] sk-0123456789");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*", secret in ".{0,12}") {
            let mut redactor = Redactor::new();
            redactor.add(&Secret::new(secret));
            redactor.redact(&text);
        }

        #[test]
        fn a_known_key_never_survives(before in ".*", key in "[!-~]{16,60}", after in ".*") {
            prop_assume!(!MASK.contains(&key));
            let mut redactor = Redactor::new();
            redactor.add(&Secret::new(key.clone()));
            let said = redactor.redact(&[before, key.clone(), after].concat());
            prop_assert!(!said.contains(&key));
        }

        #[test]
        fn an_unknown_key_never_survives_where_keys_stand(
            lead in "(say |\\(|\"|: |é)",
            form in prop::sample::select(vec![
                "sk-{}", "gsk_{}", "lb_{}", "AKIA{}", "Bearer {}", "bearer  {}", "?key={}", "api_key={}", "\"x-api-key\": \"{}\"",
                "mongodb://u:{}@h/d", "https://{}@h/",
            ]),
            key in "[A-Za-z0-9]{16,60}",
            tail in "(\"| |\\)|,|\n|)",
        ) {
            let text = format!("{lead}{}{tail}", form.replace("{}", &key));
            prop_assert!(!Redactor::new().redact(&text).contains(&key));
        }
    }
}

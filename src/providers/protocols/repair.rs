//! Repairs JSON that fails only because of characters: bytes that are not UTF-8, and halves of surrogate pairs, which
//! servers in JavaScript write if they cut a text inside an emoji. One bad character must not void a paid answer.

/// The data with every such character replaced by U+FFFD; `None` if there is none, so that a retry would be useless.
pub(super) fn repaired(data: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(data);
    let whole = without_lone_surrogates(&text);
    (whole.as_bytes() != data).then_some(whole)
}

fn without_lone_surrogates(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        whole.push_str(&rest[..at]);
        let escape = &rest[at..];
        let length = match unit(escape) {
            Some(0xD800..=0xDBFF) if matches!(escape.get(6..).and_then(unit), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                whole.push('\u{FFFD}');
                rest = &escape[6..];
                continue;
            }
            Some(_) => 6,
            None => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        whole.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    whole + rest
}

/// The UTF-16 unit that an escape at the head of `text` stands for, if there is one.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_characters_become_replacement_characters() {
        assert_eq!(repaired(b"{\"a\":\"x\xFFy\"}").as_deref(), Some("{\"a\":\"x\u{FFFD}y\"}"));
        assert_eq!(repaired(br#""\ud83d""#).as_deref(), Some("\"\u{FFFD}\""));
        assert_eq!(repaired(br#""\udE00\ud83dx""#).as_deref(), Some("\"\u{FFFD}\u{FFFD}x\""));
    }

    #[test]
    fn sound_text_is_not_retried() {
        for sound in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e9""#, "\"\\", "\\u12", "\\é", "{"] {
            assert_eq!(repaired(sound.as_bytes()), None, "{sound}");
        }
    }
}

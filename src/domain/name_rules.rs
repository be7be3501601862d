//! The characters allowed in names of providers and models, one rule for all inputs. Names appear in lists, log lines,
//! ids and paths, and dashboards use them as keys of objects.

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 256;

/// A name that, as a key, replaces the prototype of a JavaScript object.
pub const PROTOTYPE: &str = "__proto__";

/// The reason why a text is no name. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty, or white space alone.
    #[error("must not be empty")]
    Empty,
    /// More than [`LONGEST_NAME`] bytes.
    #[error("must have at most {LONGEST_NAME} bytes")]
    TooLong,
    /// A control character, or one that hides or reorders text.
    #[error("must not hold control characters or invisible ones")]
    Hidden,
    /// `..`, which leaves a directory.
    #[error("must not hold `..`")]
    Dots,
    #[error("must not be `{PROTOTYPE}`")]
    Prototype,
}

/// Checks the name of a provider, or the id of a model.
///
/// # Errors
/// The first [`InvalidName`].
pub fn check_name(text: &str) -> Result<(), InvalidName> {
    if text.trim().is_empty() {
        Err(InvalidName::Empty)
    } else if text.len() > LONGEST_NAME {
        Err(InvalidName::TooLong)
    } else if text.chars().any(is_hidden) {
        Err(InvalidName::Hidden)
    } else if text.contains("..") {
        Err(InvalidName::Dots)
    } else if text == PROTOTYPE {
        Err(InvalidName::Prototype)
    } else {
        Ok(())
    }
}

/// True if a character moves a cursor, hides text or changes its direction: control characters, and the zero-width,
/// bidirectional and invisible formats of Unicode.
pub fn is_hidden(ch: char) -> bool {
    ch.is_control()
        || matches!(ch,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_today_are_names() {
        for name in [
            "bedrock",
            "us.amazon.nova-pro-v1:0",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "accounts/fireworks/models/qwen3",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-7",
            "@cf/meta/llama",
            "modèle 7b",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_told_apart() {
        for (name, why) in [
            ("", InvalidName::Empty),
            (" \t", InvalidName::Empty),
            ("a\nb", InvalidName::Hidden),
            ("a\u{202e}b", InvalidName::Hidden),
            ("a\u{200b}b", InvalidName::Hidden),
            ("a\u{61c}b", InvalidName::Hidden),
            ("../../etc/passwd", InvalidName::Dots),
            ("__proto__", InvalidName::Prototype),
        ] {
            assert_eq!(check_name(name), Err(why), "{name:?}");
        }
        assert_eq!(check_name(&"é".repeat(128)), Ok(()));
        assert_eq!(check_name(&"é".repeat(129)), Err(InvalidName::TooLong));
    }

    proptest! {
        #[test]
        fn a_name_is_short_and_plain_to_see(text in ".{0,300}") {
            if check_name(&text).is_ok() {
                let plain = !text.contains("..") && !text.contains('\u{200d}');
                prop_assert!(plain && text.len() <= LONGEST_NAME);
            }
        }
    }
}

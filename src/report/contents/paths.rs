//! Where pages and files of a model or a provider are. Names of providers and models are texts of other programs; a path
//! has only letters, digits and `-._`, is short, and is another one for another name, also where case makes no difference.

use crate::domain::ModelRef;
use crate::domain::digest::sha256_hex;

/// Longest part of a path that is made of a name.
const LONGEST: usize = 60;

/// Digits of the digest that tells names apart which look alike in a path.
const DIGITS: usize = 10;

/// A name as one part of a path. One that is no lower-case path itself ends in a digest of the whole name.
pub fn slug(name: &str) -> String {
    let plain = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || "-._".contains(ch);
    let first = |ch: char| ch.is_ascii_alphanumeric();
    if name.len() <= LONGEST
        && name.chars().all(plain)
        && name.chars().next().is_some_and(first)
        && !is_digested(name)
    {
        return name.to_owned();
    }
    let lower = name.to_ascii_lowercase();
    let mut text = String::new();
    for ch in lower.chars() {
        match plain(ch) {
            true => text.push(ch),
            false if !text.ends_with('-') => text.push('-'),
            false => {}
        }
    }
    let text: String = text.trim_matches(|ch| "-._".contains(ch)).chars().take(LONGEST).collect();
    let digest = &sha256_hex(name)[..DIGITS];
    if text.is_empty() { digest.to_owned() } else { format!("{text}-{digest}") }
}

/// True for a name that could be another name's path.
fn is_digested(name: &str) -> bool {
    let end = name.rsplit('-').next().unwrap_or_default();
    end.len() == DIGITS && end.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The part of all paths of a model, `PROVIDER/MODEL`.
pub fn model_path(model: &ModelRef) -> String {
    format!("{}/{}", slug(&model.provider), slug(&model.model_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn plain_names_stay_and_others_are_told_apart() {
        assert_eq!(slug("gpt-4o-mini"), "gpt-4o-mini");
        assert_eq!(slug("llama-3.3-70b-versatile"), "llama-3.3-70b-versatile");
        let mixed = slug("meta-llama/Llama-3.3@deepinfra/fp4");
        assert!(mixed.starts_with("meta-llama-llama-3.3-deepinfra-fp4-"), "{mixed}");
        let names =
            ["A", "a", "a/b", "a-b", "a b", "..", ".", "", "../../etc", "🦀", "\u{202e}x", "con", &mixed];
        let slugs: BTreeSet<String> = names.iter().map(|name| slug(name)).collect();
        assert_eq!(slugs.len(), names.len(), "{slugs:?}");
        assert_eq!(model_path(&ModelRef::new("groq", "m")), "groq/m");
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_folder(name in any::<String>()) {
            let slug = slug(&name);
            prop_assert!(!slug.is_empty() && slug.len() <= LONGEST + DIGITS + 1 && !slug.starts_with('.'));
            prop_assert!(slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)));
        }
    }
}

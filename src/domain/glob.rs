//! Patterns of names as in a shell: `*` is any text, `?` is any one character. Nothing else is special; a slash is an
//! ordinary character, because model ids contain slashes.

/// True if a text is a pattern and not a name.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// True if the whole of `name` matches `pattern`, case included.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    // The places to resume at if the last star has to take one more character.
    let mut retry: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, place));
                at += 1;
            }
            Some(ch) if *ch == '?' || *ch == name[place] => {
                at += 1;
                place += 1;
            }
            _ => match retry {
                Some((after_star, taken)) => {
                    retry = Some((after_star, taken + 1));
                    (at, place) = (after_star, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|ch| *ch == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, fits) in [
            ("groq:*", "groq:llama/70b", true),
            ("*llama*70b*", "groq:llama-3.3-70b-versatile", true),
            ("*", "", true),
            ("groq:?", "groq:x", true),
            ("groq:?", "groq:", false),
            ("groq:llama", "groq:llama2", false),
            ("GROQ:*", "groq:x", false),
            ("*a*b", "xaxbxa", false),
            ("*[x]", "a[x]", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        assert!(is_glob("a*") && is_glob("?") && !is_glob("a.b[c]"));
    }

    proptest! {
        #[test]
        fn a_name_fits_itself_and_whatever_of_it_became_a_star(name in "[a-z:/.]{0,12}", from in 0..12_usize, to in 0..12_usize) {
            prop_assert!(matches(&name, &name));
            let (from, to) = (from.min(name.len()), to.min(name.len()));
            let (from, to) = (from.min(to), from.max(to));
            let pattern = format!("{}*{}", &name[..from], &name[to..]);
            prop_assert!(matches(&pattern, &name));
            let longer = format!("{name}!");
            prop_assert!(!matches(&name, &longer));
        }
    }
}

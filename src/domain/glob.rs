//! Patterns as shells know them: `*` any text, `?` one character, everything else itself. Upper and lower case differ, as
//! they do in model ids.

/// Whether the whole text fits the pattern.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last star stood, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(from) {
            Some('*') => {
                star = Some((from, at));
                from += 1;
            }
            Some(ch) if *ch == '?' || *ch == text[at] => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, from) = (taken + 1, place + 1);
                }
                None => return false,
            },
        }
    }
    pattern[from..].iter().all(|ch| *ch == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in
            [("*", ""), ("a*c", "abbbc"), ("*b?", "abc"), ("groq:*", "groq:x"), ("a*b*c", "aXbYbZc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a?", "a"), ("a*c", "abcd"), ("A", "a"), ("[a]", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_and_a_star(text in "[a-z0-9./:-]{0,20}", cut in 0..20_usize) {
            prop_assert!(matches(&text, &text));
            let cut = cut.min(text.len());
            let starred = format!("{}*", &text[..cut]);
            prop_assert!(matches(&starred, &text));
        }

        #[test]
        fn many_stars_are_no_trap(stars in 1..30_usize) {
            let pattern = "a*".repeat(stars) + "b";
            prop_assert!(!matches(&pattern, &"a".repeat(200)));
        }
    }
}

//! Converts between bash's line and words. Pure. bash splits its words at colons and similar characters
//! (COMP_WORDBREAKS), keeps quotes in them, and inserts answers unchanged: so this file parses lines and
//! formats answers for bash.

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub struct BashLine {
    /// Its words without quotes; the last is the cursor's, perhaps empty.
    pub words: Vec<String>,
    /// The part of the last word that bash keeps in front of the answer: everything up to its last break.
    kept: String,
    /// The quote that is open at the cursor.
    quote: Option<char>,
}

/// Parses a line up to the cursor. `breaks` are the characters that split words besides white space and quotes.
pub fn read(line: &str, breaks: &str) -> BashLine {
    let (mut words, mut word, mut begun) = (Vec::new(), String::new(), false);
    let (mut raw, mut kept) = (String::new(), 0);
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let before = raw.len();
        raw.push(letter);
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                (begun, kept) = (false, 0);
                raw.clear();
                continue;
            }
            (None, '\'' | '"') => (quote, kept) = (Some(letter), raw.len()),
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), '\\') => {
                let next = letters.next();
                raw.extend(next);
                // Between double quotes a backslash is literal, except before these.
                let stays = quote.is_some() && !next.is_some_and(|next| "\"\\$`".contains(next));
                word.extend(stays.then_some('\\').into_iter().chain(next));
            }
            (None, letter) if breaks.contains(letter) => {
                word.push(letter);
                // readline keeps an @ with the text after it, for names of hosts.
                kept = if letter == '@' { before } else { raw.len() };
            }
            (_, letter) => word.push(letter),
        }
        begun = true;
    }
    words.push(word);
    raw.truncate(kept);
    BashLine { words, kept: raw, quote }
}

impl BashLine {
    /// A whole word in the form for bash; `None` if it does not match the typed text, or cannot be written.
    pub fn answer(&self, word: &str) -> Option<String> {
        match self.quote {
            Some('\'') if word.contains('\'') => None,
            Some(open) => {
                // The text before the quote stays; most often it is empty.
                let before = self.kept.strip_suffix(open)?;
                let rest = word.strip_prefix(before)?;
                Some(if open == '"' { escaped(rest, "\"\\$`") } else { rest.to_owned() })
            }
            None => escaped(word, SPECIAL).strip_prefix(self.kept.as_str()).map(str::to_owned),
        }
    }
}

/// Characters with a meaning to bash in a bare word.
const SPECIAL: &str = " \t'\"\\$`!&|;<>(){}[]*?~#^";

fn escaped(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        out.extend(special.contains(letter).then_some('\\'));
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    fn answered(line: &str, word: &str) -> Option<String> {
        read(line, BREAKS).answer(word)
    }

    #[test]
    fn words_are_those_of_the_shell() {
        let words = |line: &str| read(line, BREAKS).words;
        assert_eq!(words("llmbench run -m groq:ll"), ["llmbench", "run", "-m", "groq:ll"]);
        assert_eq!(words("llmbench  run "), ["llmbench", "run", ""]);
        assert_eq!(words("a 'b c' \"d $e\" f\\ g '"), ["a", "b c", "d $e", "f g", ""]);
        assert_eq!(words("a '' \"x\\\"y\\z\""), ["a", "", "x\"y\\z"]);
        assert_eq!(words(""), [""]);
    }

    #[test]
    fn answers_begin_where_bash_cut() {
        let model = "bedrock:us.amazon.nova-pro-v1:0";
        assert_eq!(answered("llmbench run -m bed", model).as_deref(), Some(model));
        assert_eq!(answered("llmbench run -m bedrock:us", model).as_deref(), Some("us.amazon.nova-pro-v1:0"));
        assert_eq!(answered("llmbench run -m bedrock:us.amazon.nova-pro-v1:", model).as_deref(), Some("0"));
        assert_eq!(answered("llmbench run --model=gr", "--model=groq:").as_deref(), Some("groq:"));
        // Without colons among the breaks the word is whole.
        assert_eq!(read("llmbench run -m bedrock:us", " \t").answer(model).as_deref(), Some(model));
        assert_eq!(
            answered("llmbench run -m vertex:claude@20", "vertex:claude@2025").as_deref(),
            Some("@2025")
        );
    }

    #[test]
    fn odd_names_cannot_become_commands() {
        let odd = "x:a b$(touch c)`d`;e'f\"g\\h*";
        assert_eq!(
            answered("llmbench models show x", odd).as_deref(),
            Some("x:a\\ b\\$\\(touch\\ c\\)\\`d\\`\\;e\\'f\\\"g\\\\h\\*")
        );
        assert_eq!(answered("llmbench models show 'x", odd), None);
        assert_eq!(answered("llmbench models show 'x:a", "x:a b$c").as_deref(), Some("x:a b$c"));
        assert_eq!(answered("llmbench models show \"x:a", "x:a b$c\"").as_deref(), Some("x:a b\\$c\\\""));
        assert_eq!(answered("llmbench run --model='x", "--model=x:y").as_deref(), Some("x:y"));
    }

    proptest! {
        #[test]
        fn a_bare_answer_is_read_back_as_its_word(word in "[a-z][ -~é]{0,12}", typed in 0_usize..6) {
            let typed: String = word.chars().take(typed).collect();
            let line = format!("llmbench show {}", escaped(&typed, SPECIAL));
            let found = read(&line, BREAKS);
            let answer = found.answer(&word).unwrap();
            let whole = read(&format!("llmbench show {}{answer}", found.kept), BREAKS);
            prop_assert_eq!(whole.words.last(), Some(&word));
        }

        #[test]
        fn no_line_panics(line in "[a-z'\"\\\\ :=é]{0,20}") {
            let _ = read(&line, BREAKS).answer("groq:x");
        }
    }
}

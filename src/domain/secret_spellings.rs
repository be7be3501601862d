//! Finds known secrets in the spellings in which services repeat them: other case, white space in between,
//! percent-encoding, base64. Reads a text once as it is and once percent-decoded, however many secrets there are.

use super::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Secrets shorter than this are left to the patterns: hiding every `abc` would hide the message. Also the number of
/// bytes by which spellings are looked up.
const SHORTEST: usize = 6;

/// The first bytes of a folded spelling.
type SpellingPrefix = [u8; SHORTEST];

/// All spellings of all secrets, folded, by their first bytes.
#[derive(Clone, Default)]
pub struct Spellings(BTreeMap<SpellingPrefix, Vec<Secret>>);

impl Spellings {
    /// Adds a secret of at least six bytes.
    pub fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let plain = [secret.to_owned(), form];
        let encoded = (0..3).flat_map(|behind| {
            let standard = base64(secret.as_bytes(), behind);
            [standard.replace('+', "-").replace('/', "_"), standard]
        });
        for spelling in plain.into_iter().chain(encoded) {
            let folded = Secret::new(fold(&spelling));
            let Some(start) = start_of(folded.expose().as_bytes()) else { continue };
            let known = self.0.entry(start).or_default();
            if !known.contains(&folded) {
                known.push(folded);
            }
        }
    }

    /// The ranges of a text that hold any of the secrets.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut spans = self.find_in(&FoldedText::plain(text));
        if text.contains('%') {
            spans.extend(self.find_in(&FoldedText::decoded(text)));
        }
        // Ranges must end at character boundaries, so a part of a character is widened to the whole.
        let whole =
            |span: Range<usize>| text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
        spans.into_iter().map(whole).collect()
    }

    fn find_in(&self, view: &FoldedText) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        for (at, window) in view.bytes.windows(SHORTEST).enumerate() {
            let known = start_of(window).and_then(|start| self.0.get(&start)).into_iter().flatten();
            let here = known
                .map(|secret| secret.expose().as_bytes())
                .filter(|secret| view.bytes[at..].starts_with(secret));
            spans.extend(here.map(|secret| view.places[at].start..view.places[at + secret.len() - 1].end));
        }
        spans
    }
}

impl fmt::Debug for Spellings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} redacted]", self.0.values().map(Vec::len).sum::<usize>())
    }
}

fn start_of(bytes: &[u8]) -> Option<SpellingPrefix> {
    bytes.first_chunk().copied()
}

/// Removes white space and makes ASCII letters lower case.
fn fold(text: &str) -> String {
    text.chars().filter(|ch| !ch.is_whitespace()).map(|ch| ch.to_ascii_lowercase()).collect()
}

/// A text folded for comparison, with the place of each byte in the original.
#[derive(Default)]
struct FoldedText {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl FoldedText {
    fn plain(text: &str) -> Self {
        let mut view = Self::default();
        for (at, ch) in text.char_indices().filter(|(_, ch)| !ch.is_whitespace()) {
            let mut room = [0; 4];
            for byte in ch.to_ascii_lowercase().encode_utf8(&mut room).bytes() {
                view.push(byte, at..at + ch.len_utf8());
            }
        }
        view
    }

    /// The same with `%41` as `a`; `%20` is white space.
    fn decoded(text: &str) -> Self {
        let plain = Self::plain(text);
        let mut view = Self::default();
        let mut at = 0;
        while at < plain.bytes.len() {
            let encoded = plain.bytes.get(at..at + 3).filter(|three| three[0] == b'%');
            let value = encoded.and_then(|three| Some(digit(three[1])? * 16 + digit(three[2])?));
            let length = if value.is_some() { 3 } else { 1 };
            let byte = value.unwrap_or(plain.bytes[at]).to_ascii_lowercase();
            if value.is_none() || !byte.is_ascii_whitespace() {
                view.push(byte, plain.places[at].start..plain.places[at + length - 1].end);
            }
            at += length;
        }
        view
    }

    fn push(&mut self, byte: u8, place: Range<usize>) {
        self.bytes.push(byte);
        self.places.push(place);
    }
}

/// The value of a lower-case hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// The base64 characters that depend on these bytes alone, with `behind` (0 to 2) other bytes before
/// them and any after.
fn base64(bytes: &[u8], behind: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let all: Vec<u8> = std::iter::repeat_n(0, behind).chain(bytes.iter().copied()).collect();
    let sextet = |at: usize| {
        let byte = |at: usize| u16::from(all.get(at).copied().unwrap_or(0));
        let pair = byte(at * 6 / 8) << 8 | byte(at * 6 / 8 + 1);
        char::from(ALPHABET[usize::from(pair >> (10 - at * 6 % 8) & 63)])
    };
    ((behind * 8).div_ceil(6)..all.len() * 8 / 6).map(sextet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Base64 with padding, as other programs write it.
    fn whole(bytes: &[u8]) -> String {
        let mut text = base64(bytes, 0);
        if !bytes.len().is_multiple_of(3) {
            let padded: Vec<u8> = bytes.iter().copied().chain([0, 0]).collect();
            text = base64(&padded, 0).chars().take(text.len() + 1).collect();
            text.push_str(if bytes.len() % 3 == 1 { "==" } else { "=" });
        }
        text
    }

    fn percent(text: &str, which: &[bool]) -> String {
        let encoded = |(at, byte): (usize, u8)| match byte == b'%' || which[at % which.len()] {
            true => format!("%{byte:02X}"),
            false => char::from(byte).to_string(),
        };
        text.bytes().enumerate().map(encoded).collect()
    }

    #[test]
    fn base64_is_the_one_of_the_standard() {
        for (bytes, text) in
            [("foobar", "Zm9vYmFy"), ("fooba", "Zm9vYmE="), ("foob", "Zm9vYg=="), (">>>???", "Pj4+Pz8/")]
        {
            assert_eq!(whole(bytes.as_bytes()), text);
        }
        assert!(whole(b"user:canary-key").contains(&base64(b"canary-key", 2)));
    }

    #[test]
    fn what_is_found_grows_with_the_text_and_not_faster() {
        let mut spellings = Spellings::default();
        spellings.add(&format!("{}b", "a".repeat(40)));
        assert!(spellings.find(&"a".repeat(100_000)).is_empty());
        let found = spellings.find(&format!("{}b", "a".repeat(100_000)));
        assert_eq!((found.len(), &found[0]), (1, &(99_960..100_001)));
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_secret_survives(
            secret in "[!-~]{8,60}",
            before in "[^%]{0,9}",
            after in ".{0,9}",
            upper in any::<bool>(),
            which in prop::collection::vec(any::<bool>(), 1..8),
            cut in 1_usize..8,
            user in "[a-z]{0,4}:",
        ) {
            let mut spellings = Spellings::default();
            spellings.add(&secret);
            let cased = if upper { secret.to_ascii_uppercase() } else { secret.to_ascii_lowercase() };
            let wrapped: String = secret.chars().enumerate()
                .flat_map(|(at, ch)| [Some(ch), (at % cut == 0).then_some('\n')]).flatten().collect();
            let login = [user.as_bytes(), secret.as_bytes()].concat();
            for form in [cased, wrapped, percent(&secret, &which), whole(secret.as_bytes()), whole(&login)] {
                let text = [before.as_str(), &form, &after].concat();
                let found = spellings.find(&text);
                prop_assert!(!found.is_empty(), "{}", text);
                prop_assert!(found.iter().all(|span| text.get(span.clone()).is_some()));
            }
        }

        #[test]
        fn any_text_and_secret_are_taken(text in ".{0,60}", secret in ".{0,12}") {
            let mut spellings = Spellings::default();
            spellings.add(&secret);
            for span in spellings.find(&text) {
                prop_assert!(text.get(span).is_some());
            }
        }
    }
}

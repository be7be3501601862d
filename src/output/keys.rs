//! Keys pressed at the terminal, read without changing its modes: those belong to the question that is open. A reader
//! that switched modes by itself for each key would do so also after the question was abandoned, and leave a terminal
//! behind that shows nothing of what is typed.

use dialoguer::console::Key;
use rustix::stdio::stdin;
use std::io;

/// Reads keys from standard input.
#[derive(Debug, Default)]
pub struct KeyReader {
    /// Bytes that were read and not yet decoded.
    bytes: Vec<u8>,
}

impl KeyReader {
    /// Waits for the next key.
    ///
    /// # Errors
    /// The terminal's; [`io::ErrorKind::UnexpectedEof`] if it has gone.
    pub fn next(&mut self) -> io::Result<Key> {
        loop {
            if let Some((key, length)) = decode(&self.bytes) {
                self.bytes.drain(..length);
                return Ok(key);
            }
            // The other bytes of a sequence come with their Escape; alone it is a key of its own.
            if self.bytes == b"\x1b" {
                self.bytes.clear();
                return Ok(Key::Escape);
            }
            let mut part = [0; 64];
            let read = rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut part))?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.bytes.extend_from_slice(&part[..read]);
        }
    }
}

/// The first key in these bytes and its length; `None` if they are the beginning of one.
fn decode(bytes: &[u8]) -> Option<(Key, usize)> {
    let first = *bytes.first()?;
    let key = match first {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        0x1b => return escape(bytes),
        0x80.. => return character(bytes),
        _ => Key::Char(char::from(first)),
    };
    Some((key, 1))
}

/// A sequence that begins with Escape: `ESC [`, numbers, and a final letter or `~`; or `ESC O` and a letter.
fn escape(bytes: &[u8]) -> Option<(Key, usize)> {
    let body = match bytes.get(1)? {
        b'[' => bytes.get(2..)?,
        b'O' => return bytes.get(2).map(|last| (named(&[], *last), 3)),
        other => return Some((Key::UnknownEscSeq(vec![char::from(*other)]), 2)),
    };
    let last = body.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
    Some((named(&body[..last], body[last]), last + 3))
}

fn named(numbers: &[u8], last: u8) -> Key {
    match (numbers, last) {
        ([], b'A') => Key::ArrowUp,
        ([], b'B') => Key::ArrowDown,
        ([], b'C') => Key::ArrowRight,
        ([], b'D') => Key::ArrowLeft,
        ([], b'H') | (b"1" | b"7", b'~') => Key::Home,
        ([], b'F') | (b"4" | b"8", b'~') => Key::End,
        ([], b'M') => Key::Enter,
        (b"3", b'~') => Key::Del,
        (b"5", b'~') => Key::PageUp,
        (b"6", b'~') => Key::PageDown,
        _ => Key::UnknownEscSeq(numbers.iter().chain([&last]).copied().map(char::from).collect()),
    }
}

/// A character of several bytes; bytes that are none are keys that nobody knows.
fn character(bytes: &[u8]) -> Option<(Key, usize)> {
    let most = bytes.len().min(4);
    match std::str::from_utf8(&bytes[..most]) {
        Ok(text) => text.chars().next().map(|ch| (Key::Char(ch), ch.len_utf8())),
        Err(error) if error.valid_up_to() > 0 => {
            let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?;
            text.chars().next().map(|ch| (Key::Char(ch), ch.len_utf8()))
        }
        Err(error) => error.error_len().map(|length| (Key::Unknown, length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(mut bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        while let Some((key, length)) = decode(bytes) {
            keys.push(key);
            bytes = &bytes[length..];
        }
        keys
    }

    #[test]
    fn keys_are_told_apart() {
        let typed = keys("aé€🦀\r\t\u{7f}\u{15}\x1b[A\x1bOB\x1b[5~\x1b[1;5C\x1bx".as_bytes());
        let expected = [
            Key::Char('a'),
            Key::Char('é'),
            Key::Char('€'),
            Key::Char('🦀'),
            Key::Enter,
            Key::Tab,
            Key::Backspace,
            Key::Char('\u{15}'),
            Key::ArrowUp,
            Key::ArrowDown,
            Key::PageUp,
            Key::UnknownEscSeq("1;5C".chars().collect()),
            Key::UnknownEscSeq(vec!['x']),
        ];
        assert_eq!(typed, expected);
        for beginning in [&b""[..], b"\x1b", b"\x1b[", b"\x1b[5", b"\x1bO", b"\xe2\x82"] {
            assert_eq!(decode(beginning), None, "{beginning:?}");
        }
        assert_eq!(keys(b"\xffa"), [Key::Unknown, Key::Char('a')]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_keys_or_the_beginning_of_one(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, length)) = decode(&bytes) {
                prop_assert!((1..=bytes.len()).contains(&length));
            } else {
                prop_assert!(bytes.is_empty() || bytes[0] == 0x1b || bytes.len() < 4);
            }
        }

        #[test]
        fn text_is_its_characters(text in "[^\\x00-\\x1f\\x7f]{0,20}") {
            let expected: Vec<Key> = text.chars().map(Key::Char).collect();
            prop_assert_eq!(keys(text.as_bytes()), expected);
        }
    }
}

//! Lines and records of bounded length, so that a file of a stranger cannot fill the memory.

use std::io::{self, BufRead, ErrorKind, Read};

/// The longest line or record that is read, bytes: MongoDB's largest document.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// The longest id of a row in a file of receipts, bytes. A row with a longer one counts as one without an id.
const LONGEST_ID: usize = 1024;

/// True if receipts can be told apart by this id.
pub fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len())
}

/// Reads the next line without its line break into `line`; false at the end.
///
/// # Errors
/// The reader's; [`ErrorKind::InvalidData`] for a longer line than `longest`.
pub fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>, longest: usize) -> io::Result<bool> {
    line.clear();
    let read = reader.by_ref().take(longest as u64 + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read > longest {
        return Err(too_long(longest));
    }
    Ok(read > 0)
}

/// A reader with a budget: a record that is longer ends in an error. [`Budgeted::renew`] begins the next one.
#[derive(Debug)]
pub struct Budgeted<R> {
    inner: R,
    left: usize,
}

impl<R> Budgeted<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, left: LONGEST }
    }

    pub fn renew(&mut self) {
        self.left = LONGEST;
    }
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(too_long(LONGEST));
        }
        let most = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

fn too_long(longest: usize) -> io::Error {
    let bound =
        if longest < 1 << 20 { format!("{} KB", longest >> 10) } else { format!("{} MB", longest >> 20) };
    io::Error::new(ErrorKind::InvalidData, format!("a line is longer than {bound}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_their_break_or_at_the_bound() {
        let mut reader = io::Cursor::new("one\n\nthree".as_bytes());
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while next_line(&mut reader, &mut line, 5).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["one", "", "three"]);
        let mut whole = io::Cursor::new("12345\n123456\n".as_bytes());
        assert!(next_line(&mut whole, &mut line, 5).unwrap());
        assert_eq!(next_line(&mut whole, &mut line, 5).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn ids_have_a_longest_length() {
        assert!(is_id("a") && is_id(&"x".repeat(LONGEST_ID)));
        assert!(!is_id("") && !is_id(&"x".repeat(LONGEST_ID + 1)));
    }

    #[test]
    fn a_budget_ends_and_is_renewed() {
        let mut reader = Budgeted::new(io::repeat(7));
        let mut buffer = vec![0; LONGEST];
        reader.read_exact(&mut buffer).unwrap();
        assert_eq!(reader.read(&mut buffer).unwrap_err().kind(), ErrorKind::InvalidData);
        reader.renew();
        assert!(reader.read(&mut buffer).unwrap() > 0);
    }
}

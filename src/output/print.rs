//! The writes themselves. A reader that has gone (`| head`) is no error: it has seen what it wanted.

use super::text;
use std::io::{self, ErrorKind, Write};

/// What became of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// All of it reached the operating system.
    Whole,
    /// Nobody reads any more. More data would be pointless; the exit status stays what it was.
    Closed,
}

/// Writes data to stdout, exactly as given, and flushes.
///
/// # Errors
/// What the operating system says (a full disk, for example), except that the reader has gone.
pub fn data(text: &str) -> io::Result<Written> {
    write_all(&mut io::stdout().lock(), text.as_bytes())
}

/// Standard output for data that is written piece by piece.
pub fn sink() -> impl Write + Send {
    io::stdout()
}

/// Writes a note to stderr, on lines of its own and with control characters made visible. Whether it can be written
/// changes nothing about the outcome, so a failure is not reported.
pub fn note(text: &str) {
    let mut line = text::escape_lines(text);
    line.push('\n');
    let _ = write_all(&mut io::stderr().lock(), line.as_bytes());
}

fn write_all(out: &mut impl Write, bytes: &[u8]) -> io::Result<Written> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Written::Whole),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Written::Closed),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        assert_eq!(write_all(&mut Failing(ErrorKind::BrokenPipe), b"x").unwrap(), Written::Closed);
        let full = write_all(&mut Failing(ErrorKind::StorageFull), b"x").unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        assert_eq!(write_all(&mut Vec::new(), b"x").unwrap(), Written::Whole);
    }
}

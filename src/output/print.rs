//! Performs the writes. A reader that has gone (`| head`) is no error: it has seen all it wanted.

use super::text;
use std::io::{self, ErrorKind, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintOutcome {
    /// All data reached the operating system.
    Whole,
    /// The reader has gone. More data would be pointless; the exit status stays unchanged.
    Closed,
}

/// Writes data to stdout, exactly as given, and flushes.
///
/// # Errors
/// Those of the operating system (a full disk, for example), except a closed pipe.
pub fn data(text: &str) -> io::Result<PrintOutcome> {
    write_all(&mut io::stdout().lock(), text.as_bytes())
}

/// Standard output for data that is written piece by piece.
pub fn sink() -> impl Write + Send {
    io::stdout()
}

/// Writes a note to stderr, on lines of its own and with control characters made visible. A failure is not reported,
/// because it does not change the outcome.
pub fn note(text: &str) {
    let mut lines = text::escape_lines(text);
    if let Some((width, _)) = terminal_size::terminal_size_of(io::stderr()) {
        lines = fitted(&lines, usize::from(width.0));
    }
    lines.push('\n');
    let _ = write_all(&mut io::stderr().lock(), lines.as_bytes());
}

/// Breaks lines that are too wide for a terminal at words; commands between backticks stay whole.
fn fitted(lines: &str, width: usize) -> String {
    let fit = |line: &str| {
        if width == 0 || text::width(line) <= width {
            return line.to_owned();
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        text::unbroken(line, width, indent).join("\n")
    };
    lines.split('\n').map(fit).collect::<Vec<_>>().join("\n")
}

fn write_all(out: &mut impl Write, bytes: &[u8]) -> io::Result<PrintOutcome> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(PrintOutcome::Whole),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(PrintOutcome::Closed),
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
    fn notes_are_broken_at_words_and_commands_are_not() {
        let note = "error: one two three\n  hint: run `llmbench models list --all` now";
        let shown = "error: one\ntwo three\n  hint: run\n  `llmbench models list --all`\n  now";
        assert_eq!(fitted(note, 12), shown);
        assert_eq!(fitted(note, 200), note);
        assert_eq!(fitted(note, 0), note);
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        assert_eq!(write_all(&mut Failing(ErrorKind::BrokenPipe), b"x").unwrap(), PrintOutcome::Closed);
        let full = write_all(&mut Failing(ErrorKind::StorageFull), b"x").unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        assert_eq!(write_all(&mut Vec::new(), b"x").unwrap(), PrintOutcome::Whole);
    }
}

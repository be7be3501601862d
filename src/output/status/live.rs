//! A screen that is drawn repeatedly: in place on a terminal, else one block after the other.

use crate::output::print::{self, PrintOutcome};
use std::io;

/// Switches to the terminal's second screen and hides the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Restores the first screen and the cursor.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Moves to the upper left corner.
const HOME: &str = "\x1b[H";
/// Clears the rest of the line; `CLEAR_BELOW` clears the lines below.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

#[derive(Debug)]
pub struct LiveScreen {
    in_place: bool,
    last: Option<String>,
}

impl LiveScreen {
    /// Draws in place, or in blocks.
    pub fn new(in_place: bool) -> Self {
        Self { in_place, last: None }
    }

    /// Draws a text that ends in a line break.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn show(&mut self, text: String) -> io::Result<PrintOutcome> {
        let first = self.last.is_none();
        let out = match (self.in_place, first) {
            (true, true) => format!("{ENTER}{}", frame(&text, rows())),
            (true, false) => frame(&text, rows()),
            (false, _) => text.clone(),
        };
        self.last = Some(text);
        print::data(&out)
    }

    /// Restores the terminal and leaves the last drawn text on it.
    ///
    /// # Errors
    /// The same as [`LiveScreen::show`].
    pub fn end(self) -> io::Result<PrintOutcome> {
        match self.last {
            Some(last) if self.in_place => print::data(&format!("{LEAVE}{last}")),
            _ => Ok(PrintOutcome::Whole),
        }
    }
}

fn rows() -> Option<usize> {
    terminal_size::terminal_size().map(|(_, rows)| usize::from(rows.0))
}

/// A frame that replaces the one before. The end of a frame that is too high is left out, because it would scroll.
fn frame(text: &str, rows: Option<usize>) -> String {
    let lines: Vec<&str> = text.lines().take(rows.unwrap_or(usize::MAX).max(1)).collect();
    let lines = lines.join(&format!("{CLEAR_LINE}\r\n"));
    format!("{HOME}{lines}{CLEAR_LINE}{CLEAR_BELOW}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_covers_the_one_before_and_never_scrolls() {
        assert_eq!(frame("a\nb\nc\n", Some(2)), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
        assert_eq!(frame("a\n", None), "\x1b[Ha\x1b[K\x1b[J");
    }
}

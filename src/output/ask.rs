//! Questions to whoever sits at the terminal. They are asked on stderr, so that stdout stays data.

use super::text;
use dialoguer::Confirm;
use dialoguer::console::Term;
use std::io::{self, IsTerminal};

/// Whether there is somebody to ask: both stdin and stderr are terminals.
pub fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a yes-or-no question; no is the default.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] after Ctrl-C, or what the terminal says.
pub fn confirm(question: &str) -> io::Result<bool> {
    let terminal = Term::stderr();
    let answer = Confirm::new().with_prompt(text::one_line(question)).default(false).interact_on(&terminal);
    answer.map_err(|dialoguer::Error::IO(error)| {
        // The question hides the cursor and gives it back only when it is answered.
        drop(terminal.show_cursor());
        error
    })
}

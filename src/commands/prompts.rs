//! Prompts in the middle of a command, asked while the rest of the process runs. Ctrl-C or a signal ends the prompt.

use crate::commands::exit::{CommandError, Exit};
use crate::output::picker::PickerItem;
use crate::output::prompt;
use std::io;
use tokio_util::sync::CancellationToken;

/// Asks a yes-or-no question; no is the default.
///
/// # Errors
/// Status 130 after Ctrl-C, 2 if no answer can be read.
pub async fn ask_about(question: String, stop: &CancellationToken) -> Result<bool, CommandError> {
    asked(stop, move || prompt::confirm(&question)).await
}

/// Asks for a line of text, which may be empty.
///
/// # Errors
/// As in [`ask_about`].
pub async fn ask_line(question: String, stop: &CancellationToken) -> Result<String, CommandError> {
    asked(stop, move || prompt::ask_line(&question)).await
}

/// Asks for one choice; `None` if the user wants none.
///
/// # Errors
/// As in [`ask_about`].
pub async fn choose_one(
    title: String,
    choices: Vec<PickerItem>,
    stop: &CancellationToken,
) -> Result<Option<usize>, CommandError> {
    Ok(asked(stop, move || prompt::choose(&title, &choices, false)).await?.first().copied())
}

/// Asks for several choices, in the order of the list; empty if the user wants none.
///
/// # Errors
/// As in [`ask_about`].
pub async fn choose_many(
    title: String,
    choices: Vec<PickerItem>,
    stop: &CancellationToken,
) -> Result<Vec<usize>, CommandError> {
    asked(stop, move || prompt::choose(&title, &choices, true)).await
}

/// Asks on a thread of its own, because a store's connections need their heartbeats meanwhile.
async fn asked<T: Send + 'static>(
    stop: &CancellationToken,
    question: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, CommandError> {
    let interrupted = || CommandError::usage("interrupted at the question").exit(Exit::Interrupted);
    if stop.is_cancelled() {
        return Err(interrupted());
    }
    let answer = tokio::select! {
        answer = tokio::task::spawn_blocking(question) => answer,
        () = stop.cancelled() => {
            prompt::leave();
            return Err(interrupted());
        }
    };
    match answer.unwrap_or_else(|_| Err(io::Error::other("the question ended without an answer"))) {
        Ok(answer) => Ok(answer),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            Err(CommandError::usage("interrupted at the question").exit(Exit::Interrupted))
        }
        Err(error) => Err(CommandError::usage(format!("no answer can be read: {error}"))),
    }
}

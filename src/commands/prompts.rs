//! Questions in the middle of a command: asked beside what else the process does. Ctrl-C, or a signal, is an answer of its
//! own: nothing is asked any more.

use crate::commands::exit::{CommandError, Exit};
use crate::output::picker::PickerItem;
use crate::output::prompt;
use std::io;
use tokio_util::sync::CancellationToken;

/// A yes-or-no question; no is the default.
///
/// # Errors
/// Status 130 after Ctrl-C, 2 where no answer can be read.
pub async fn ask_about(question: String, stop: &CancellationToken) -> Result<bool, CommandError> {
    asked(stop, move || prompt::confirm(&question)).await
}

/// A choice of one; `None` where whoever was asked wants none.
///
/// # Errors
/// As [`ask_about`].
pub async fn choose_one(
    title: String,
    choices: Vec<PickerItem>,
    stop: &CancellationToken,
) -> Result<Option<usize>, CommandError> {
    Ok(asked(stop, move || prompt::choose(&title, &choices, false)).await?.first().copied())
}

/// A choice of several, in the order of the choices; none where whoever was asked wants none.
///
/// # Errors
/// As [`ask_about`].
pub async fn choose_many(
    title: String,
    choices: Vec<PickerItem>,
    stop: &CancellationToken,
) -> Result<Vec<usize>, CommandError> {
    asked(stop, move || prompt::choose(&title, &choices, true)).await
}

/// Asks on a thread of its own: a store's connections want their heartbeats meanwhile.
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

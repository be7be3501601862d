//! The log of a process that runs for months. Its lines and the words of its panics go through one bounded queue, because
//! standard error may be a pipe that nobody reads, which would block a direct write.

use crate::commands::exit::CommandError;
use crate::domain::redact::Redactor;
use crate::output::log::{LogFormat, LogHandle, LogThreadState};
use std::panic::{PanicHookInfo, set_hook};
use std::time::Duration;
use tracing::error;
use tracing::level_filters::LevelFilter;

/// Time for the reader to take the last lines.
pub const LAST_LINES: Duration = Duration::from_secs(2);

/// Starts the log. Own lines are shown from `level` on.
///
/// # Errors
/// Status 2 if no thread can be started.
pub fn start(
    format: LogFormat,
    level: LevelFilter,
    redactor: Redactor,
    doing: impl Fn(LogThreadState) + Send + 'static,
) -> Result<LogHandle, CommandError> {
    let log = LogHandle::start(format, redactor, doing).map_err(no_thread)?;
    // A process has one log: there is none before this.
    let _ = tracing::subscriber::set_global_default(log.subscriber(level));
    set_hook(Box::new(|panic| error!("{}", words(panic))));
    Ok(log)
}

/// The error if the system starts no thread.
pub fn no_thread(error: std::io::Error) -> CommandError {
    CommandError::usage(format!("a thread cannot be started: {error}"))
}

/// The message and place of a panic. The standard library's own hook would write directly and
/// block the panicking thread.
fn words(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload_as_str().unwrap_or("without words");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a panic{place}: {said}")
}

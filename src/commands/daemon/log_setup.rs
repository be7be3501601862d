//! The daemon's output for people: log lines, panic messages, and the reason why it ended. All of it goes through the
//! log's bounded queue, because standard error may be a pipe that nobody reads, which would block a direct write.

use crate::cli::daemon::{DaemonArgs, LogFormatArg, LogLevelArg};
use crate::commands::exit::CommandError;
use crate::commands::stall_exit;
use crate::daemon::watchdog::{LOOK, Watchdog};
use crate::domain::redact::Redactor;
use crate::output::log::{LogFormat, LogHandle, LogThreadState};
use std::panic::{PanicHookInfo, set_hook};
use std::sync::Arc;
use std::time::Duration;
use tracing::error;
use tracing::level_filters::LevelFilter;

/// Longest standstill of the log, apart from the writing itself.
const LOGGER: Duration = Duration::from_secs(60);
/// Time for the reader to take the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The log of one daemon. Dropping it writes the last lines.
pub struct LogSetup {
    pub log: LogHandle,
    /// Watches the log and other parts.
    pub watchdog: Arc<Watchdog>,
}

impl LogSetup {
    /// Starts the log. From now on no other part of the process writes to standard error.
    ///
    /// # Errors
    /// Status 2 if no thread can be started.
    pub fn start(args: &DaemonArgs, redactor: Redactor, stderr_tty: bool) -> Result<Self, CommandError> {
        let watchdog = Arc::new(Watchdog::new(LOOK));
        let logger = watchdog.watch(stall_exit::LOGGER, LOGGER);
        let doing = move |doing| match doing {
            LogThreadState::Working => logger.tick(),
            LogThreadState::Writing => logger.rest(),
        };
        let log = LogHandle::start(format(args, stderr_tty), redactor, doing).map_err(no_thread)?;
        // A process has one log: there is none before this.
        let _ = tracing::subscriber::set_global_default(log.subscriber(level(args.log_level)));
        set_hook(Box::new(|panic| error!("{}", words(panic))));
        Ok(Self { log, watchdog })
    }

    /// Logs the reason why the daemon ends.
    pub fn last_word(&self, why: &CommandError) {
        error!(hint = why.hint.as_deref(), exit_status = why.exit.code(), "{}", why.message);
    }
}

impl Drop for LogSetup {
    fn drop(&mut self) {
        self.log.flush(LAST_LINES);
    }
}

/// The format of this daemon's log lines.
pub fn format(args: &DaemonArgs, stderr_tty: bool) -> LogFormat {
    let asked = match args.log_format {
        LogFormatArg::Auto => None,
        LogFormatArg::Text => Some(LogFormat::Text),
        LogFormatArg::Json => Some(LogFormat::Json),
    };
    LogFormat::choose(asked, stderr_tty)
}

/// The error if the system starts no thread.
pub fn no_thread(error: std::io::Error) -> CommandError {
    CommandError::usage(format!("a thread cannot be started: {error}"))
}

fn level(level: LogLevelArg) -> LevelFilter {
    match level {
        LogLevelArg::Error => LevelFilter::ERROR,
        LogLevelArg::Warn => LevelFilter::WARN,
        LogLevelArg::Info => LevelFilter::INFO,
        LogLevelArg::Debug => LevelFilter::DEBUG,
        LogLevelArg::Trace => LevelFilter::TRACE,
    }
}

/// The message and place of a panic. The standard library's own hook would write directly and
/// block the panicking thread.
fn words(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload_as_str().unwrap_or("without words");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a panic{place}: {said}")
}

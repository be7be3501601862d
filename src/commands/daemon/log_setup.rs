//! The daemon's output for people: log lines, panic messages, and the reason why it ended.

use crate::cli::daemon::{DaemonArgs, LogFormatArg, LogLevelArg};
use crate::commands::exit::CommandError;
use crate::commands::{process_log, stall_exit};
use crate::daemon::watchdog::{LOOK, Watchdog};
use crate::domain::redact::Redactor;
use crate::output::log::{LogFormat, LogHandle, LogThreadState};
use std::sync::Arc;
use std::time::Duration;
use tracing::error;
use tracing::level_filters::LevelFilter;

/// Longest standstill of the log, apart from the writing itself.
const LOGGER: Duration = Duration::from_secs(60);

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
        let log = process_log::start(format(args, stderr_tty), level(args.log_level), redactor, doing)?;
        Ok(Self { log, watchdog })
    }

    /// Logs the reason why the daemon ends.
    pub fn last_word(&self, why: &CommandError) {
        error!(hint = why.hint.as_deref(), exit_status = why.exit.code(), "{}", why.message);
    }
}

impl Drop for LogSetup {
    fn drop(&mut self) {
        self.log.flush(process_log::LAST_LINES);
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

fn level(level: LogLevelArg) -> LevelFilter {
    match level {
        LogLevelArg::Error => LevelFilter::ERROR,
        LogLevelArg::Warn => LevelFilter::WARN,
        LogLevelArg::Info => LevelFilter::INFO,
        LogLevelArg::Debug => LevelFilter::DEBUG,
        LogLevelArg::Trace => LevelFilter::TRACE,
    }
}

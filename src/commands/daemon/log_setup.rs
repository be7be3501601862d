//! Everything that a daemon says for people: log lines, the words of a panic, and why it ended. All of it goes through the
//! log's bounded queue, because standard error may be a pipe that nobody reads, and whoever writes to it waits.

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

/// How long the log may stand still, writing aside.
const LOGGER: Duration = Duration::from_secs(60);
/// How long the last lines may take to whoever reads them.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The voice of one daemon. Letting go of it writes the last lines.
pub struct LogSetup {
    /// The log.
    pub log: LogHandle,
    /// Who watches the log, and whatever else is to be watched.
    pub watchdog: Arc<Watchdog>,
}

impl LogSetup {
    /// Starts the log. From now on nothing else of the process writes to standard error.
    ///
    /// # Errors
    /// Status 2 where no thread can be had.
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

    /// Says why the daemon ends, as a line like any other.
    pub fn last_word(&self, why: &CommandError) {
        error!(hint = why.hint.as_deref(), exit_status = why.exit.code(), "{}", why.message);
    }
}

impl Drop for LogSetup {
    fn drop(&mut self) {
        self.log.flush(LAST_LINES);
    }
}

/// How this daemon's lines are written.
pub fn format(args: &DaemonArgs, stderr_tty: bool) -> LogFormat {
    let asked = match args.log_format {
        LogFormatArg::Auto => None,
        LogFormatArg::Text => Some(LogFormat::Text),
        LogFormatArg::Json => Some(LogFormat::Json),
    };
    LogFormat::choose(asked, stderr_tty)
}

/// The error where the system gives no thread.
pub fn no_thread(error: std::io::Error) -> CommandError {
    CommandError::usage(format!("no thread can be had: {error}"))
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

/// What a panic says, and where. The standard library's own words would be written, and waited for, by whoever panics.
fn words(panic: &PanicHookInfo<'_>) -> String {
    let said = panic.payload_as_str().unwrap_or("without words");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a panic{place}: {said}")
}

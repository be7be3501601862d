//! Ends a stalled process. The only place beside `main` that ends one, because the stalled part is what would carry an
//! exit status to `main`.

use crate::daemon::watchdog::Stall;
use crate::output::log::LogHandle;
use crate::output::print;
use std::sync::mpsc;
use std::time::Duration;
use tracing::error;

/// `EX_SOFTWARE`: a supervisor starts the process again.
pub const STATUS: i32 = 70;

/// The name of the log's thread in the watchdog.
pub const LOGGER: &str = "logger";

/// Time for the last line: nobody may read standard error.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Logs the stalled part and ends the process with [`STATUS`]. The reason file is written before.
#[allow(clippy::disallowed_methods, reason = "the watchdog ends what cannot end itself")]
pub fn end(stall: &Stall, log: &LogHandle) {
    if stall.who == LOGGER {
        say_aside(stall.sentence());
    } else {
        let Stall { who, silent_seconds, limit_seconds } = stall;
        error!(who, silent_seconds, limit_seconds, exit_status = STATUS, "{}", stall.sentence());
        log.flush(LAST_WORD);
    }
    std::process::exit(STATUS);
}

/// Writes to standard error beside a stalled log, from a thread that may be left waiting.
fn say_aside(sentence: String) {
    let (said, heard) = mpsc::channel();
    let say = move || {
        print::note(&sentence);
        let _ = said.send(());
    };
    if std::thread::Builder::new().spawn(say).is_ok() {
        let _ = heard.recv_timeout(LAST_WORD);
    }
}

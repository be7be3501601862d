//! The end of a process that stands still. The only place beside `main` that ends one: what would carry an exit status to
//! `main` is what stands still.

use crate::daemon::watchdog::Stall;
use crate::output::print;
use std::sync::mpsc;
use std::time::Duration;

/// `EX_SOFTWARE`: a supervisor starts the process again.
pub const STATUS: i32 = 70;

/// How long the last line may take: stderr may be what nobody reads.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Says which part stands still, and ends the process with [`STATUS`]. The reason file is written by then.
#[allow(clippy::disallowed_methods, reason = "the watchdog ends what cannot end itself")]
pub fn end(stall: &Stall) {
    let (said, heard) = mpsc::channel();
    let sentence = stall.sentence();
    let say = move || {
        print::note(&sentence);
        let _ = said.send(());
    };
    if std::thread::Builder::new().spawn(say).is_ok() {
        let _ = heard.recv_timeout(LAST_WORD);
    }
    std::process::exit(STATUS);
}

//! Ctrl-C, SIGTERM and limits on the size of files, for all commands; nothing else handles signals.

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the user's signals mean to a command.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// The first signal: begin nothing new, give up what runs, store what is finished.
    pub stop: CancellationToken,
    /// The second signal: end at once.
    pub abort: CancellationToken,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// The operating system's, where no handler can be set.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let tokens = [interrupt.stop.clone(), interrupt.abort.clone()];
        tokio::spawn(async move {
            for token in tokens {
                tokio::select! {
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(interrupt)
    }
}

/// Makes a file that may not grow (`ulimit -f`) an error of the write that meets the limit: by default it ends the process,
/// and with it rows that could still be kept elsewhere.
pub fn outlive_file_limits() {
    // Where no handler can be had, the default stays.
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw())));
}

//! Ctrl-C and SIGTERM, for all commands; nothing else handles signals.

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
    /// Listens for SIGINT and SIGTERM from now on. A file that may not grow (`ulimit -f`) becomes an error of the write
    /// that met the limit, which by default ends the process.
    ///
    /// # Errors
    /// The operating system's, where no handler can be set.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
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

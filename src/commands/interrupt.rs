//! Ctrl-C and SIGTERM, for all commands; nothing else handles signals.

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

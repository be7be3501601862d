//! Ctrl-C, SIGTERM and limits on the size of files, for all commands; no other code handles signals.

use crate::output::live::stop_process;
use crate::output::live::view_thread::ViewSender;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The user's signals as cancellation tokens.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// The first signal: begin nothing new, give up running requests, store finished results.
    pub stop: CancellationToken,
    /// The second signal: end at once.
    pub abort: CancellationToken,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// The operating system's, if no handler can be set.
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

/// Tells a view that owns the terminal of stops by job control: it gives the terminal back before the process stops, and takes
/// it again afterwards. Without a view the process stops at once, as by default.
///
/// # Errors
/// The operating system's, if no handler can be set.
pub fn pass_on_stops<N: Send + 'static>(view: ViewSender<N>) -> std::io::Result<()> {
    let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let mut go_on = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = stop.recv() => {
                    if !view.suspend() {
                        stop_process();
                    }
                }
                _ = go_on.recv() => drop(view.go_on()),
            }
        }
    });
    Ok(())
}

/// Turns a file that may not grow (`ulimit -f`) into an error of the write that meets the limit: by default it ends the
/// process, and with it rows that could still be kept elsewhere.
pub fn outlive_file_limits() {
    // If no handler can be set, the default stays.
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw())));
}

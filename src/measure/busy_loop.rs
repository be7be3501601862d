//! A load for measurements of this program itself: what a crowded machine makes of its figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A thread that never waits, until it is dropped.
pub struct BusyLoop(Arc<AtomicBool>);

impl BusyLoop {
    /// Starts the thread.
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::spawn(move || while !seen.load(Ordering::Relaxed) {});
        Self(stop)
    }
}

impl Drop for BusyLoop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

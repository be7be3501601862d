//! The server's log: a thread of its own writes the lines, so that a stalled reader of standard
//! error delays no request.

use crate::bridge::server::journal::{JournalEntry, JournalLevel, JournalSink};
use crate::output::{event_line, print};
use chrono::Utc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Most lines that may wait to be written.
const WAITING: usize = 4096;
/// Time for writing the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

pub struct BridgeLog {
    lines: SyncSender<Option<String>>,
    ended: Receiver<()>,
    lost: Arc<AtomicU64>,
}

impl BridgeLog {
    /// Starts the thread. Writes text if standard error is a terminal, JSON otherwise.
    ///
    /// # Errors
    /// The operating system's, if no thread can be started.
    pub fn start(for_people: bool) -> std::io::Result<(Self, JournalSink)> {
        let (lines, written) = sync_channel(WAITING);
        let (ending, ended) = sync_channel(1);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            while let Ok(Some(line)) = written.recv() {
                let line: String = line;
                print::note(&line);
            }
            // The caller that waits may have gone.
            let _ = ending.send(());
        })?;
        let lost = Arc::new(AtomicU64::new(0));
        let sink = sink(lines.clone(), lost.clone(), for_people);
        Ok((Self { lines, ended, lost }, sink))
    }

    /// Waits for the last line, unless nobody reads it. Returns the number of lines that found no room.
    pub fn close(self) -> u64 {
        if self.lines.try_send(None).is_ok() {
            let _ = self.ended.recv_timeout(LAST_LINES);
        }
        self.lost.load(Ordering::Relaxed)
    }
}

fn sink(lines: SyncSender<Option<String>>, lost: Arc<AtomicU64>, for_people: bool) -> JournalSink {
    Box::new(move |event: JournalEntry| {
        let level = match event.level {
            JournalLevel::Info => "info",
            JournalLevel::Warn => "warn",
        };
        let form = if for_people { event_line::words } else { event_line::json };
        if lines.try_send(Some(form(Utc::now(), level, event.what, &event.fields))).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    })
}

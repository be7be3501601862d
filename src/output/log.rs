//! Log lines of a process that runs for months, written to stderr by a thread of its own behind a bounded channel. The
//! caller never waits: if nobody reads (a stopped terminal, a full pipe), lines are dropped and counted.
//!
//! Lines come from the `tracing` macros; spans are not used. Secrets are removed from every line before it is written,
//! and a line can neither move a cursor nor forge another line.

mod line;

use crate::domain::redact::Redactor;
use line::{LogFields, LogLine};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines that may wait: enough for a burst of every lane at once, in at most a few hundred kilobytes of memory.
const QUEUE: usize = 2048;

/// The interval at which the idle thread reports that it is alive.
const IDLE: Duration = Duration::from_secs(1);

/// The target prefix of this program's lines; lines of libraries are shown from warnings on.
const OURS: &str = "llmbench";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: local time, level, message, fields.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

impl LogFormat {
    /// The requested format; by default text on a terminal and JSON elsewhere.
    pub fn choose(asked: Option<LogFormat>, stderr_tty: bool) -> Self {
        asked.unwrap_or(if stderr_tty { LogFormat::Text } else { LogFormat::Json })
    }
}

/// The thread's activity, for a watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogThreadState {
    /// It works, or waits for lines.
    Working,
    /// It writes. The duration depends on the reader of stderr.
    Writing,
}

enum LogQueueItem {
    Line(LogLine),
    Flush(SyncSender<()>),
}

/// A handle to the log thread.
#[derive(Clone)]
pub struct LogHandle {
    items: SyncSender<LogQueueItem>,
    dropped: Arc<AtomicU64>,
}

impl LogHandle {
    /// Starts the thread, which writes to stderr.
    ///
    /// # Errors
    /// The system cannot create a thread.
    pub fn start(
        format: LogFormat,
        redactor: Redactor,
        doing: impl Fn(LogThreadState) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_into(io::stderr(), format, redactor, doing)
    }

    fn start_into(
        out: impl Write + Send + 'static,
        format: LogFormat,
        redactor: Redactor,
        doing: impl Fn(LogThreadState) + Send + 'static,
    ) -> io::Result<Self> {
        let (items, queue) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = LogWriter { out, format, redactor, doing, dropped: Arc::clone(&dropped) };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(&queue))?;
        Ok(Self { items, dropped })
    }

    /// The number of lines dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines logged so far are written, for at most `at_most`.
    pub fn flush(&self, at_most: Duration) {
        let (done, written) = sync_channel(1);
        if self.items.try_send(LogQueueItem::Flush(done)).is_ok() {
            let _ = written.recv_timeout(at_most);
        }
    }

    /// The subscriber for `tracing`: passes own lines from `level` on, and lines of libraries from warnings on.
    pub fn subscriber(&self, level: LevelFilter) -> impl Subscriber + use<> {
        LogSubscriber { log: self.clone(), level }
    }

    fn send(&self, line: LogLine) {
        if self.items.try_send(LogQueueItem::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct LogSubscriber {
    log: LogHandle,
    level: LevelFilter,
}

impl Subscriber for LogSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().split("::").next() == Some(OURS);
        let level = if ours { self.level } else { self.level.min(LevelFilter::WARN) };
        metadata.is_event() && *metadata.level() <= level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut collected = LogFields::default();
        event.record(&mut collected);
        self.log.send(collected.into_line(event.metadata()));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct LogWriter<W, D> {
    out: W,
    format: LogFormat,
    redactor: Redactor,
    doing: D,
    dropped: Arc<AtomicU64>,
}

impl<W: Write, D: Fn(LogThreadState)> LogWriter<W, D> {
    fn run(mut self, queue: &Receiver<LogQueueItem>) {
        loop {
            (self.doing)(LogThreadState::Working);
            match queue.recv_timeout(IDLE) {
                Ok(LogQueueItem::Line(line)) => self.write(&line),
                // Everything before this item has been written; the caller may have stopped waiting.
                Ok(LogQueueItem::Flush(done)) => drop(done.try_send(())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes a line. A failure (the reader has gone) is counted and does not stop the thread.
    fn write(&mut self, line: &LogLine) {
        let mut text = match self.format {
            LogFormat::Text => line.text(&self.redactor),
            LogFormat::Json => line.json(&self.redactor),
        };
        text.push('\n');
        (self.doing)(LogThreadState::Writing);
        if self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The name of a level, padded to the widest.
fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN ",
        Level::INFO => "INFO ",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

#[cfg(test)]
mod tests;

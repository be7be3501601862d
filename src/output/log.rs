//! Log lines of a process that runs for months: to stderr, from a thread of its own behind a bounded channel. Whoever logs
//! never waits: where nobody reads (a stopped terminal, a full pipe), lines are dropped and counted.
//!
//! Lines come from the `tracing` macros. Spans are not used. Everything is searched for secrets before it is written, and
//! nothing in a line can move a cursor or forge another line.

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

/// Lines that may wait: a burst of every lane at once, and not more memory than a few hundred kilobytes.
const QUEUE: usize = 2048;

/// How often the thread shows that it lives where nothing is to be written.
const IDLE: Duration = Duration::from_secs(1);

/// Where our own lines come from; those of libraries are shown from warnings on.
const OURS: &str = "llmbench";

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: local time, level, message, fields.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl LogFormat {
    /// What was asked for; else text where somebody looks and JSON where nobody does.
    pub fn choose(asked: Option<LogFormat>, stderr_tty: bool) -> Self {
        asked.unwrap_or(if stderr_tty { LogFormat::Text } else { LogFormat::Json })
    }
}

/// What the thread is doing, for whoever watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogThreadState {
    /// It works, or waits for lines.
    Working,
    /// It writes. How long that takes is the reader's affair.
    Writing,
}

enum LogQueueItem {
    Line(LogLine),
    Flush(SyncSender<()>),
}

/// A handle to the thread.
#[derive(Clone)]
pub struct LogHandle {
    items: SyncSender<LogQueueItem>,
    dropped: Arc<AtomicU64>,
}

impl LogHandle {
    /// Starts the thread, which writes to stderr.
    ///
    /// # Errors
    /// No thread is to be had.
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

    /// Lines that nobody took so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was logged so far is written, at most so long.
    pub fn flush(&self, at_most: Duration) {
        let (done, written) = sync_channel(1);
        if self.items.try_send(LogQueueItem::Flush(done)).is_ok() {
            let _ = written.recv_timeout(at_most);
        }
    }

    /// What `tracing` hands lines to: ours from `level` on, those of libraries from warnings on.
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
                // Everything before it has been written, and whoever asked may have left.
                Ok(LogQueueItem::Flush(done)) => drop(done.try_send(())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// A reader that has gone takes no line: that is counted, and no reason to stop.
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

/// The word of a level, as wide as the widest.
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

//! Log lines of a daemon or a bridge, written to stderr by a thread of its own behind a bounded channel. The caller
//! never waits: if nobody reads (a stopped terminal, a full pipe), lines are dropped and counted.
//!
//! Lines come from the `tracing` macros, and from the bridge's journal, whose fields are known at run time alone. Spans
//! are not used. Secrets are removed from every line before it is written, and a line can neither move a cursor nor
//! forge another line.

mod line;

use crate::domain::redact::Redactor;
use line::LogLine;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Lines that may wait: enough for a burst of every lane or of a bridge's runners at once, in at most a few megabytes.
const QUEUE: usize = 4096;

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
    /// The same with the bridge's names: `at` is its `ts`, `event` its `message`.
    BridgeJson,
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
    Line(Box<LogLine>),
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
        let filter = Targets::new().with_target(OURS, level).with_default(level.min(LevelFilter::WARN));
        tracing_subscriber::registry().with(filter).with(LogLayer(self.clone()))
    }

    /// Logs an event whose fields are known at run time alone.
    pub fn event(&self, level: Level, what: &str, fields: Map<String, Value>) {
        self.send(LogLine::of_fields(level, what, fields));
    }

    fn send(&self, line: LogLine) {
        if self.items.try_send(LogQueueItem::Line(Box::new(line))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Hands what `tracing` tells to the queue.
struct LogLayer(LogHandle);

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.send(LogLine::of_event(event));
    }
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
            LogFormat::Json => line.json(["ts", "message"], &self.redactor),
            LogFormat::BridgeJson => line.json(["at", "event"], &self.redactor),
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

//! Delivers each outcome as it ends: to the store, or to a local file if the store fails; to ndjson,
//! CSV, progress and statistics.

use crate::commands::exit::CommandError;
use crate::commands::interrupt::Interrupt;
use crate::domain::cost;
use crate::domain::daemon_config::Price;
use crate::domain::pair::is_counterpart;
use crate::domain::{ModelRef, Outcome, Run};
use crate::measure::collect::OutcomeCollector;
use crate::measure::measurer::AttemptResult;
use crate::measure::metric_dialect::{ChunkTimes, DialectCollector, DialectReport, MetricDialect};
use crate::measure::paired::HalfTtft;
use crate::measure::report::ModelReport;
use crate::outbox::undelivered::UndeliveredDir;
use crate::output::csv::RowWriter;
use crate::output::live::live_run::InFlight;
use crate::output::ndjson;
use crate::output::print::{self, PrintOutcome};
use crate::output::run_progress::RunProgress;
use crate::providers::adapt::Adaptation;
use crate::storage::{OutcomeSink, StoreError};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds of delay from which a start counts as late.
const LATE: f64 = 0.010;

/// The file name that means standard output.
pub const STANDARD_OUTPUT: &str = "-";

/// A store, with a place for rows that it does not take.
pub struct StoreWithFallback {
    pub store: Arc<dyn OutcomeSink>,
    /// Keeps outcomes if the store fails.
    pub undelivered: UndeliveredDir,
}

/// The destinations of outcomes.
pub struct RunOutputs {
    /// Absent with `--no-store`.
    pub fallback_store: Option<StoreWithFallback>,
    /// Writes one line each to standard output.
    pub ndjson: bool,
    /// Writes one line each to a file or standard output.
    pub csv: Option<CsvRows>,
    /// The tool in whose metrics the run is reported too.
    pub dialect: Option<MetricDialect>,
}

/// The CSV writer to the destination of `--csv`.
pub type CsvRows = RowWriter<Box<dyn Write>>;

/// The delivery of outcomes, apart from figures.
#[derive(Debug, Clone, Default)]
pub struct DeliverySummary {
    /// Files in which outcomes wait for the store.
    pub waiting: Vec<PathBuf>,
    /// The reason of the store's first failure.
    pub store_error: Option<String>,
    /// Outcomes that waited while the store was unreachable, and are stored after all.
    pub caught_up: usize,
    /// Outcomes that neither the store nor a file took; printed on standard error.
    pub lost: u64,
    /// Outcomes that count as failed.
    pub failed: u64,
    /// Starts later than the schedule allows.
    pub late_starts: u64,
    /// The longest delay, seconds.
    pub max_delay: f64,
    /// The error of an output file or standard output.
    pub output_error: Option<String>,
    /// True if the reader of standard output has gone: measuring was stopped.
    pub reader_left: bool,
}

/// What was recorded until the end.
pub struct RecordedRuns {
    pub models: Vec<ModelReport>,
    pub dialect: Option<DialectReport>,
    pub delivery: DeliverySummary,
    /// The newest success.
    pub last: Option<Box<Run>>,
}

/// Takes outcomes as they end.
pub struct ResultRecorder {
    fallback_store: Option<StoreWithFallback>,
    /// True if the store gave no answer in time: it is not called again until the end, or every row would wait as
    /// long as the first.
    away: Cell<bool>,
    interrupt: Interrupt,
    ndjson: Cell<bool>,
    csv: RefCell<Option<CsvRows>>,
    progress: RunProgress,
    prices: HashMap<ModelRef, Price>,
    collector: RefCell<OutcomeCollector>,
    dialect: RefCell<Option<DialectCollector>>,
    /// The newest success.
    last: RefCell<Option<Box<Run>>>,
    delivery: RefCell<DeliverySummary>,
}

/// Opens the CSV file; `-` is standard output.
///
/// # Errors
/// Status 2 if it cannot be created or the header cannot be written.
pub fn csv(path: Option<&Path>) -> Result<Option<CsvRows>, CommandError> {
    let Some(path) = path else { return Ok(None) };
    let fail = |error: std::io::Error| CommandError::usage(format!("--csv {}: {error}", path.display()));
    let out: Box<dyn Write> = if path == Path::new(STANDARD_OUTPUT) {
        Box::new(print::sink())
    } else {
        Box::new(BufWriter::new(File::create(path).map_err(fail)?))
    };
    RowWriter::new(out).map(Some).map_err(fail)
}

/// Delivers outcomes that earlier runs could not store.
pub async fn deliver(undelivered: &UndeliveredDir, store: &dyn OutcomeSink, note: impl Fn(&str)) {
    let delivered = match undelivered.deliver(store).await {
        Ok(delivered) => delivered,
        Err(error) => return note(&format!("results of an earlier run cannot be read: {error}")),
    };
    let arrived = delivered.stored + delivered.duplicate;
    if arrived > 0 {
        note(&format!("delivered {arrived} results of an earlier run to {}", store.describe()));
    }
    for bad in &delivered.bad {
        note(&format!("cannot deliver {}: {}", bad.path.display(), bad.why));
    }
    if let Some(error) = &delivered.stopped {
        note(&format!("{} results of an earlier run still wait: {error}", delivered.kept.len()));
    }
}

impl ResultRecorder {
    /// A recorder that reports on these models, and knows the prices of some. Once `interrupt.abort` is cancelled it waits for no store; it cancels
    /// `interrupt.stop` itself once the reader of standard output has gone.
    pub fn new(
        sinks: RunOutputs,
        progress: RunProgress,
        models: &[ModelRef],
        prices: HashMap<ModelRef, Price>,
        interrupt: Interrupt,
    ) -> Self {
        Self {
            fallback_store: sinks.fallback_store,
            away: Cell::new(false),
            interrupt,
            ndjson: Cell::new(sinks.ndjson),
            csv: RefCell::new(sinks.csv),
            progress,
            prices,
            collector: RefCell::new(OutcomeCollector::expecting(models)),
            dialect: RefCell::new(sinks.dialect.map(|dialect| DialectCollector::expecting(dialect, models))),
            last: RefCell::default(),
            delivery: RefCell::default(),
        }
    }

    /// Records the attempts at one measurement; true if the last one failed. Attempts that taught an adaptation are
    /// rows, but no failures of the measurement.
    pub async fn record(&self, model: &ModelRef, attempts: Vec<AttemptResult>) -> bool {
        let mut failed = false;
        for mut attempted in attempts {
            cost::stamp(&mut attempted.outcome, self.prices.get(model).copied());
            self.keep(&attempted.outcome).await;
            self.write(&attempted.outcome);
            if let Some(lesson) = attempted.learned {
                self.progress.note(&format!(
                    "{model}: the API refused the request as it was; measured afresh with {}",
                    lesson.as_str()
                ));
                self.remember(model, lesson).await;
                continue;
            }
            failed = matches!(attempted.outcome, Outcome::Failure(_));
            self.count(model, &attempted.outcome, failed);
            if let Outcome::Success(run) = attempted.outcome {
                self.translate(model, attempted.chunks.as_deref(), &run);
                if let Some(mismatch) = &run.endpoint_mismatch {
                    self.progress.note(&format!("warning: {model}: {mismatch}; its row names no endpoint"));
                }
                self.last.replace(Some(run));
            }
        }
        failed
    }

    /// Records what a pair says; its halves are recorded on their own.
    pub fn pair(&self, model: &ModelRef, cold: HalfTtft, warm: HalfTtft, cold_first: bool) {
        self.collector.borrow_mut().add_pair(model, cold, warm, cold_first);
    }

    /// Counts a request until what is returned is dropped.
    pub fn in_flight(&self, model: &ModelRef) -> InFlight {
        self.progress.in_flight(model)
    }

    /// Prints a note beside the progress.
    pub fn note(&self, text: &str) {
        self.progress.note(text);
    }

    /// Adds a success to the figures in another tool's metrics.
    fn translate(&self, model: &ModelRef, chunks: Option<&ChunkTimes>, run: &Run) {
        if let Some(dialect) = self.dialect.borrow_mut().as_mut() {
            dialect.add(model, chunks, run.tokens.output_tokens);
        }
    }

    fn count(&self, model: &ModelRef, outcome: &Outcome, failed: bool) {
        match is_counterpart(outcome) {
            true => self.collector.borrow_mut().add_counterpart(model, outcome),
            false => self.collector.borrow_mut().add(model, outcome),
        }
        self.progress.finished(model, outcome);
        let delay = match outcome {
            Outcome::Success(run) => run.quality.dispatch_delay_seconds,
            Outcome::Failure(failure) => {
                failure.extra.get("dispatch_delay_seconds").and_then(serde_json::Value::as_f64).unwrap_or(0.0)
            }
        };
        let mut delivery = self.delivery.borrow_mut();
        delivery.failed += u64::from(failed);
        delivery.late_starts += u64::from(delay > LATE);
        delivery.max_delay = delivery.max_delay.max(delay);
    }

    /// An adaptation that is not stored is learned again; the row names the adaptations in force.
    async fn remember(&self, model: &ModelRef, lesson: Adaptation) {
        let Some(fallback_store) = self.fallback_store.as_ref().filter(|_| !self.away.get()) else { return };
        tokio::select! {
            _ = fallback_store.store.learn(model, lesson.as_str()) => {}
            () = self.interrupt.abort.cancelled() => {}
        }
    }

    /// The store, else a file, else standard error, however quiet the run is: an outcome is never dropped.
    async fn keep(&self, outcome: &Outcome) {
        let Some(StoreWithFallback { store, undelivered }) = &self.fallback_store else { return };
        let Err(error) = self.hand_over(&**store, outcome).await else { return };
        let kept = undelivered.keep(&store.describe(), outcome);
        let mut delivery = self.delivery.borrow_mut();
        delivery.store_error.get_or_insert(error);
        match kept {
            Ok(path) => delivery.waiting.push(path),
            Err(reason) => {
                delivery.lost += 1;
                let row = ndjson::line(outcome).unwrap_or_default();
                let text = format!(
                    "error: neither the store nor a file took this row ({reason}): {}",
                    row.trim_end()
                );
                self.progress.error(&text);
            }
        }
    }

    async fn hand_over(&self, store: &dyn OutcomeSink, outcome: &Outcome) -> Result<(), String> {
        if self.away.get() {
            return Err("the store was left alone".to_owned());
        }
        let stored = tokio::select! {
            stored = store.record(outcome) => stored,
            () = self.interrupt.abort.cancelled() => {
                return Err("interrupted twice, the store was not waited for".to_owned());
            }
        };
        if matches!(stored, Err(StoreError::Unavailable(_))) {
            self.away.set(true);
        }
        stored.map(drop).map_err(|error| error.to_string())
    }

    /// At the end, delivers outcomes that wait because the store was unreachable.
    pub async fn catch_up(&self) {
        let Some(StoreWithFallback { store, undelivered }) =
            self.fallback_store.as_ref().filter(|_| self.away.get())
        else {
            return;
        };
        let delivered = tokio::select! {
            delivered = undelivered.deliver(&**store) => delivered,
            () = self.interrupt.abort.cancelled() => return,
        };
        // Unreadable files wait as before, and the next run reports the reason.
        let Ok(delivered) = delivered else { return };
        let mut delivery = self.delivery.borrow_mut();
        let before = delivery.waiting.len();
        // A file that was set aside has another name, and is as little stored as one that waits.
        delivery.waiting.retain(|path| delivered.kept.contains(path));
        delivery.waiting.extend(delivered.bad.into_iter().map(|bad| bad.path));
        delivery.caught_up = before.saturating_sub(delivery.waiting.len());
    }

    fn write(&self, outcome: &Outcome) {
        if self.ndjson.get() {
            let written = ndjson::line(outcome)
                .map_err(std::io::Error::other)
                .and_then(|line| self.progress.aside(|| print::data(&line)));
            if !matches!(written, Ok(PrintOutcome::Whole)) {
                self.ndjson.set(false);
            }
            if matches!(written, Ok(PrintOutcome::Closed)) {
                self.stop_for_nobody();
            }
            self.note_output(written.err(), "standard output");
        }
        self.write_csv(outcome);
    }

    fn write_csv(&self, outcome: &Outcome) {
        let mut rows = self.csv.borrow_mut();
        let Some(Err(error)) = rows.as_mut().map(|rows| self.progress.aside(|| rows.write(outcome))) else {
            return;
        };
        *rows = None;
        if error.kind() == ErrorKind::BrokenPipe {
            self.stop_for_nobody();
        } else {
            self.note_output(Some(error), "the CSV output");
        }
    }

    /// Ends measuring because the reader of the results has gone.
    fn stop_for_nobody(&self) {
        self.delivery.borrow_mut().reader_left = true;
        self.interrupt.stop.cancel();
    }

    fn note_output(&self, error: Option<std::io::Error>, what: &str) {
        if let Some(error) = error {
            let mut delivery = self.delivery.borrow_mut();
            delivery.output_error.get_or_insert_with(|| format!("{what} takes no more: {error}"));
        }
    }

    /// Removes the progress bar and returns what was recorded.
    pub fn close(self) -> RecordedRuns {
        self.progress.done();
        RecordedRuns {
            models: self.collector.into_inner().finish(),
            dialect: self.dialect.into_inner().map(DialectCollector::finish),
            delivery: self.delivery.into_inner(),
            last: self.last.into_inner(),
        }
    }
}

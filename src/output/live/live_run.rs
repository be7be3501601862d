//! The full-screen view of `run --live`, as the run sees it: counters and a queue that it never waits for. Whatever has to be
//! read afterwards is kept and printed once the terminal is given back.

use super::run_view::{RunNews, RunView};
use super::screen::ScreenStream;
use super::view_thread::{ShownView, ViewManner, ViewSender};
use crate::domain::{ModelRef, Outcome};
use crate::output::print;
use crate::output::terminal::Terminal;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Frames follow each other no faster while nobody presses keys.
const PACE: Duration = Duration::from_millis(250);

/// News that may wait for the drawing thread; what comes beyond them is counted and not drawn.
const MOST_WAITING: u64 = 4_096;

/// What is going to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// The profile and the load in words.
    pub title: String,
    pub models: Vec<ModelRef>,
    /// All requests, if their number is known.
    pub requests: Option<u64>,
    /// After so long no request begins.
    pub duration: Option<Duration>,
    pub started_at: DateTime<Utc>,
}

/// Numbers that the run counts and the view reads. They are right whatever becomes of the news.
#[derive(Debug, Default)]
pub struct RunCounters {
    pub models: Vec<ModelCounters>,
    /// News that wait for the view.
    pub waiting: AtomicU64,
    /// News that were not drawn because too many waited.
    pub missed: AtomicU64,
}

#[derive(Debug, Default)]
pub struct ModelCounters {
    pub in_flight: AtomicU64,
    pub ended: AtomicU64,
    pub failed: AtomicU64,
}

/// A request in flight, until dropped.
#[derive(Debug)]
pub struct InFlight(Option<(Arc<RunCounters>, usize)>);

impl InFlight {
    /// One that nobody counts.
    pub fn uncounted() -> Self {
        Self(None)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some((counters, place)) = &self.0 {
            counters.models[*place].in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A run whose view is shown.
pub struct LiveRun {
    shown: ShownView<RunNews>,
    sender: ViewSender<RunNews>,
    counters: Arc<RunCounters>,
    places: HashMap<ModelRef, usize>,
    /// Printed at the end.
    kept: Mutex<Vec<String>>,
}

impl LiveRun {
    /// Takes the terminal of standard error.
    ///
    /// # Errors
    /// The operating system's: there is no terminal that can be used.
    pub fn start(plan: RunPlan, terminal: Terminal) -> io::Result<Self> {
        let places = plan.models.iter().enumerate().map(|(place, model)| (model.clone(), place)).collect();
        let models = plan.models.iter().map(|_| ModelCounters::default()).collect();
        let counters = Arc::new(RunCounters { models, ..RunCounters::default() });
        let view = RunView::new(plan, Arc::clone(&counters), terminal);
        let manner = ViewManner { stream: ScreenStream::Stderr, pace: PACE, is_nice: true };
        let shown = ShownView::start(view, manner)?;
        let sender = shown.sender();
        Ok(Self { shown, sender, counters, places, kept: Mutex::default() })
    }

    pub fn sender(&self) -> ViewSender<RunNews> {
        self.sender.clone()
    }

    /// Counts a request that begins.
    pub fn in_flight(&self, model: &ModelRef) -> InFlight {
        InFlight(self.places.get(model).map(|place| {
            self.counters.models[*place].in_flight.fetch_add(1, Ordering::Relaxed);
            (Arc::clone(&self.counters), *place)
        }))
    }

    /// Counts a request that has ended.
    pub fn finished(&self, model: &ModelRef, outcome: &Outcome) {
        let Some(place) = self.places.get(model).copied() else { return };
        let counters = &self.counters.models[place];
        counters.ended.fetch_add(1, Ordering::Relaxed);
        if matches!(outcome, Outcome::Failure(_)) {
            counters.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.tell(RunNews::ended(place, outcome, Utc::now()));
    }

    /// Shows a note, and prints it at the end.
    pub fn note(&self, text: &str) {
        self.tell(RunNews::Note(text.to_owned()));
        self.keep(text);
    }

    /// Prints a text at the end.
    pub fn keep(&self, text: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    fn tell(&self, news: RunNews) {
        if self.counters.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING || !self.sender.tell(news) {
            self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counters.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives the terminal back, and prints what was kept.
    pub fn done(self) {
        let ended = self.shown.end();
        for text in self.kept.into_inner().unwrap_or_else(PoisonError::into_inner) {
            print::note(&text);
        }
        if let Err(error) = ended {
            print::note(&format!("note: the live view ended before the run: {error}"));
        }
    }
}

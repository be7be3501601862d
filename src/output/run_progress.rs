//! How a run shows that it goes on: a bar, or a full-screen view. Neither holds a measurement up.

use super::live::live_run::{InFlight, LiveRun};
use super::{Progress, print};
use crate::domain::{ModelRef, Outcome};

pub enum RunProgress {
    Bar(Progress),
    Live(Box<LiveRun>),
}

impl RunProgress {
    /// Counts a request until what is returned is dropped.
    pub fn in_flight(&self, model: &ModelRef) -> InFlight {
        match self {
            Self::Bar(_) => InFlight::uncounted(),
            Self::Live(live) => live.in_flight(model),
        }
    }

    /// Counts a run that has ended.
    pub fn finished(&self, model: &ModelRef, outcome: &Outcome) {
        match self {
            Self::Bar(bar) => bar.finished(outcome),
            Self::Live(live) => live.finished(model, outcome),
        }
    }

    /// Writes a note to stderr: above the bar, or in the view and again after it.
    pub fn note(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.note(text),
            Self::Live(live) => live.note(text),
        }
    }

    /// Writes an error to stderr, however quiet the run is: beside the bar, or after the view.
    pub fn error(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.aside(|| print::note(text)),
            Self::Live(live) => live.keep(text),
        }
    }

    /// Runs `write`, so that data on the terminal of a bar stays legible. A view shares its terminal with no data.
    pub fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        match self {
            Self::Bar(bar) => bar.aside(write),
            Self::Live(_) => write(),
        }
    }

    /// Gives the terminal back.
    pub fn done(self) {
        match self {
            Self::Bar(bar) => bar.done(),
            Self::Live(live) => live.done(),
        }
    }
}

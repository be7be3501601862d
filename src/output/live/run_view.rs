//! The state of `run --live`: the plan, figures of each model, notes and failures, and what keys and news make of it. Pure, but
//! for counters that the run moves on; the next file draws it.

use super::chart::OpenChart;
use super::keys::LiveKey;
use super::list::{ListLine, ListStep, LiveList, LiveRow};
use super::live_run::{ModelCounters, RunCounters, RunPlan};
use super::run_draw;
use super::series::{LiveFailure, LiveSample, LiveSeries};
use super::view_thread::{LiveView, ViewStep};
use crate::domain::{ModelRef, Outcome};
use crate::output::terminal::Terminal;
use chrono::{DateTime, Utc};
use ratatui::Frame;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Failures and notes that are kept for the screen.
const MOST_LINES: usize = 100;

/// What the run tells its view.
#[derive(Debug, Clone, PartialEq)]
pub enum RunNews {
    Sample { place: usize, at: DateTime<Utc>, ttft: Option<f64>, rate: Option<f64> },
    Failure { place: usize, at: DateTime<Utc>, kind: String, message: String },
    Note(String),
}

impl RunNews {
    /// The end of a request of the model at this place of the plan.
    pub fn ended(place: usize, outcome: &Outcome, at: DateTime<Utc>) -> Self {
        match outcome {
            Outcome::Success(run) => Self::Sample {
                place,
                at,
                ttft: run.speeds.time_to_first_token,
                rate: Some(run.speeds.tokens_per_second),
            },
            Outcome::Failure(failure) => Self::Failure {
                place,
                at,
                kind: failure.error_kind.as_str().to_owned(),
                message: failure.message.clone(),
            },
        }
    }
}

/// The view of `run --live`.
pub struct RunView {
    pub(super) terminal: Terminal,
    pub(super) plan: RunPlan,
    pub(super) counters: Arc<RunCounters>,
    /// For each model of the plan.
    pub(super) series: Vec<LiveSeries>,
    pub(super) failures: VecDeque<LiveFailure>,
    pub(super) notes: VecDeque<String>,
    pub(super) list: LiveList,
    /// The place of the model whose page is open.
    pub(super) open: Option<usize>,
    pub(super) help: bool,
    /// True while the view asks whether to stop the run.
    pub(super) asks_to_stop: bool,
    pub(super) is_stopping: bool,
    pub(super) list_height: usize,
    told: u64,
}

impl RunView {
    pub fn new(plan: RunPlan, counters: Arc<RunCounters>, terminal: Terminal) -> Self {
        let series = plan.models.iter().map(|_| LiveSeries::default()).collect();
        Self {
            terminal,
            plan,
            counters,
            series,
            failures: VecDeque::new(),
            notes: VecDeque::new(),
            list: LiveList::default(),
            open: None,
            help: false,
            asks_to_stop: false,
            is_stopping: false,
            list_height: 1,
            told: 0,
        }
    }

    /// The lines of the list in their order.
    pub(super) fn lines(&self) -> Vec<ListLine> {
        let models = self.plan.models.iter().zip(&self.series).zip(&self.counters.models);
        let row = |((model, series), counters): ((&ModelRef, &LiveSeries), &ModelCounters)| {
            let (ttft, rate) = series.now();
            LiveRow {
                model: model.clone(),
                ttft,
                rate,
                ended: counters.ended.load(Ordering::Relaxed),
                failed: counters.failed.load(Ordering::Relaxed),
                newest: series.newest(),
            }
        };
        let rows: Vec<LiveRow> = models.map(row).collect();
        self.list.arrange(&rows, &BTreeSet::new())
    }

    /// The page of the model that is open.
    pub(super) fn chart(&self) -> Option<OpenChart> {
        let place = self.open?;
        Some(OpenChart {
            model: self.plan.models.get(place)?.clone(),
            from: self.plan.started_at,
            series: self.series.get(place)?.clone(),
            changes: Vec::new(),
            remark: None,
        })
    }

    fn failure(&mut self, place: usize, at: DateTime<Utc>, kind: String, message: String) {
        self.told += 1;
        if let (Some(series), Some(model)) = (self.series.get_mut(place), self.plan.models.get(place)) {
            let id = format!("{:020}", self.told);
            let failure = LiveFailure { id, model: model.clone(), at, kind, message };
            series.fail(&failure);
            push(&mut self.failures, failure);
        }
    }

    fn sample(&mut self, place: usize, at: DateTime<Utc>, ttft: Option<f64>, rate: Option<f64>) {
        self.told += 1;
        // Requests that end in the same millisecond are told apart.
        let id = format!("{:020}", self.told);
        if let (Some(series), Some(model)) = (self.series.get_mut(place), self.plan.models.get(place)) {
            series.add(&LiveSample { id, model: model.clone(), at, ttft, rate });
        }
    }
}

fn push<T>(lines: &mut VecDeque<T>, line: T) {
    if lines.len() >= MOST_LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

impl LiveView for RunView {
    type News = RunNews;

    fn apply(&mut self, news: RunNews) {
        self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
        match news {
            RunNews::Sample { place, at, ttft, rate } => self.sample(place, at, ttft, rate),
            RunNews::Failure { place, at, kind, message } => self.failure(place, at, kind, message),
            RunNews::Note(text) => push(&mut self.notes, text),
        }
    }

    fn press(&mut self, key: LiveKey) -> ViewStep {
        if std::mem::take(&mut self.asks_to_stop) {
            let is_agreed = matches!(key, LiveKey::Char('y' | 'Y'));
            self.is_stopping |= is_agreed;
            return if is_agreed { ViewStep::Interrupt } else { ViewStep::On };
        }
        if std::mem::take(&mut self.help) {
            return ViewStep::On;
        }
        if self.open.is_some() {
            match key {
                LiveKey::Escape | LiveKey::Backspace | LiveKey::Enter => self.open = None,
                LiveKey::Char('q') => self.asks_to_stop = true,
                LiveKey::Char('?') => self.help = true,
                _ => {}
            }
            return ViewStep::On;
        }
        let lines = self.lines();
        match (self.list.press(key, &lines, self.list_height), key) {
            (ListStep::Open(model), _) => {
                self.open = self.plan.models.iter().position(|planned| *planned == model);
            }
            (ListStep::Unused, LiveKey::Char('q')) => self.asks_to_stop = true,
            (ListStep::Unused, LiveKey::Char('?' | 'h')) => self.help = true,
            _ => {}
        }
        ViewStep::On
    }

    fn draw(&mut self, frame: &mut Frame<'_>, now: DateTime<Utc>) {
        run_draw::draw(self, frame, now);
    }
}

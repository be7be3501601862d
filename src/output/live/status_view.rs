//! The state of `status --watch`: the last report, the rows of the last hours, what is selected and opened, and what keys and
//! news make of it. Pure; the next file draws it.

use super::chart::{ModelHistory, OpenChart};
use super::keys::LiveKey;
use super::list::{ListLine, ListStep, LiveList, LiveRow};
use super::series::{LiveFailure, LiveSample, LiveSeries};
use super::status_draw;
use super::view_thread::{LiveView, ViewStep};
use crate::domain::ModelRef;
use crate::output::status::StatusReport;
use crate::output::terminal::Terminal;
use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Frame;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// The hours whose rows are shown.
pub const WINDOW: TimeDelta = TimeDelta::hours(6);

/// The latest failures that are kept.
const MOST_FAILURES: usize = 200;

/// News of a refresh.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusLook {
    /// What is known now. Where the store did not answer it holds what it said before.
    pub report: StatusReport,
    /// Rows that were read since the last look; the same ones may come again.
    pub samples: Vec<LiveSample>,
    pub failures: Vec<LiveFailure>,
    pub store: StoreAnswer,
}

/// How the store answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreAnswer {
    /// When it last answered.
    pub at: Option<DateTime<Utc>>,
    /// How long the last refresh took.
    pub took: Duration,
    /// Why it does not answer now.
    pub error: Option<String>,
    /// True if the store is a bridge, which shows no fleet.
    pub is_bridge: bool,
    /// What was left out to keep a refresh short.
    pub remark: Option<String>,
}

/// What a view is told.
#[derive(Debug, Clone, PartialEq)]
pub enum StatusNews {
    Look(Box<StatusLook>),
    History(Box<ModelHistory>),
}

/// The view of `status --watch`.
pub struct StatusView {
    pub(super) terminal: Terminal,
    pub(super) report: Option<StatusReport>,
    pub(super) store: StoreAnswer,
    pub(super) series: BTreeMap<ModelRef, LiveSeries>,
    /// The latest failures, the newest last.
    pub(super) failures: VecDeque<LiveFailure>,
    pub(super) list: LiveList,
    pub(super) chart: Option<OpenChart>,
    pub(super) help: bool,
    /// The height of the list when it was last drawn.
    pub(super) list_height: usize,
    questions: UnboundedSender<ModelRef>,
}

impl StatusView {
    /// A view of nothing yet; it asks through `questions` for the history of a model that is opened.
    pub fn new(terminal: Terminal, questions: UnboundedSender<ModelRef>) -> Self {
        Self {
            terminal,
            report: None,
            store: StoreAnswer::default(),
            series: BTreeMap::new(),
            failures: VecDeque::new(),
            list: LiveList::default(),
            chart: None,
            help: false,
            list_height: 1,
            questions,
        }
    }

    /// The lines of the list in their order.
    pub(super) fn lines(&self) -> Vec<ListLine> {
        let rows: Vec<LiveRow> = self.series.iter().map(|(model, series)| row(model, series)).collect();
        let fleet = self.report.iter().flat_map(|report| report.rows());
        let providers: BTreeSet<String> = fleet
            .filter(|(state, lane, _)| lane.is_some() || state.is_some_and(|state| state.enabled > 0))
            .map(|(.., name)| name)
            .collect();
        self.list.arrange(&rows, &providers)
    }

    fn look(&mut self, look: StatusLook) {
        let from = (look.report.as_of - WINDOW).timestamp_millis();
        for sample in &look.samples {
            self.series.entry(sample.model.clone()).or_default().add(sample);
            if let Some(chart) = self.chart.as_mut().filter(|chart| chart.model == sample.model) {
                chart.series.add(sample);
            }
        }
        for failure in look.failures {
            if self.series.entry(failure.model.clone()).or_default().fail(&failure) {
                let place = self.failures.partition_point(|known| known.at <= failure.at);
                self.failures.insert(place, failure);
            }
        }
        while self.failures.len() > MOST_FAILURES {
            self.failures.pop_front();
        }
        self.failures.retain(|failure| failure.at.timestamp_millis() >= from);
        self.series.values_mut().for_each(|series| series.forget(from));
        self.series.retain(|_, series| !series.is_empty());
        self.report = Some(look.report);
        self.store = look.store;
    }

    fn open(&mut self, model: ModelRef) {
        let series = self.series.get(&model).cloned().unwrap_or_default();
        let from = self.report.as_ref().map_or_else(DateTime::default, |report| report.as_of - WINDOW);
        // If nobody can be asked, the last hours are all there is.
        let asked = self.questions.send(model.clone()).is_ok();
        let remark = asked.then(|| "reading the days before ...".to_owned());
        self.chart = Some(OpenChart { model, from, series, changes: Vec::new(), remark });
    }
}

fn row(model: &ModelRef, series: &LiveSeries) -> LiveRow {
    let (ttft, rate) = series.now();
    LiveRow {
        model: model.clone(),
        ttft,
        rate,
        ended: series.ended(),
        failed: series.failed(),
        newest: series.newest(),
    }
}

impl LiveView for StatusView {
    type News = StatusNews;

    fn apply(&mut self, news: StatusNews) {
        match news {
            StatusNews::Look(look) => self.look(*look),
            StatusNews::History(history) => {
                if let Some(chart) = &mut self.chart {
                    chart.take(*history);
                }
            }
        }
    }

    fn press(&mut self, key: LiveKey) -> ViewStep {
        if self.help {
            self.help = false;
            return ViewStep::On;
        }
        if self.chart.is_some() {
            match key {
                LiveKey::Escape | LiveKey::Backspace | LiveKey::Enter => self.chart = None,
                LiveKey::Char('q') => return ViewStep::Quit,
                LiveKey::Char('?') => self.help = true,
                _ => {}
            }
            return ViewStep::On;
        }
        let lines = self.lines();
        match (self.list.press(key, &lines, self.list_height), key) {
            (ListStep::Open(model), _) => self.open(model),
            (ListStep::Unused, LiveKey::Char('q')) => return ViewStep::Quit,
            (ListStep::Unused, LiveKey::Char('?' | 'h')) => self.help = true,
            _ => {}
        }
        ViewStep::On
    }

    fn draw(&mut self, frame: &mut Frame<'_>, now: DateTime<Utc>) {
        status_draw::draw(self, frame, now);
    }
}

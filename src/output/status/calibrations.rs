//! How wrong the clocks of hosts are, as their newest calibrations say. Pure.

use super::ReportView;
use crate::domain::calibration::{COMMAND, CalibrationStanding, CalibrationSummary};
use crate::domain::window::ago;
use crate::output::list_report::{Column, ListReport};
use crate::output::{json as document, text};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Hosts that are shown unless all are requested.
const MOST_HOSTS: usize = 12;

/// The newest calibrations of this host and of all hosts in the store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostCalibrations {
    /// Of this host; `None` if there is none in its state directory and none of its name in the store.
    pub here: Option<CalibrationSummary>,
    /// Of each host that has calibrated lately, and of each daemon on it, sorted; `None` if the store does not answer.
    pub hosts: Option<Vec<CalibrationSummary>>,
}

impl HostCalibrations {
    /// This host first, and then the others, each once.
    fn all(&self) -> Vec<&CalibrationSummary> {
        let here = self.here.iter();
        let place = |one: &CalibrationSummary| (one.host.clone(), one.runner.clone());
        let is_other =
            |one: &&CalibrationSummary| self.here.as_ref().is_none_or(|here| place(here) != place(one));
        here.chain(self.hosts.iter().flatten().filter(is_other)).collect()
    }
}

/// A table of hosts, and what is missing here.
pub fn lines(calibrations: &HostCalibrations, view: &ReportView, now: DateTime<Utc>) -> Vec<String> {
    let all = calibrations.all();
    let mut lines = if all.is_empty() { Vec::new() } else { table(&all, view, now) };
    let standing = calibrations.here.as_ref().map(|here| here.standing(now));
    let advice = match standing {
        None => Some("This host was never calibrated, so nobody knows how wrong its figures are"),
        Some(CalibrationStanding::Old) => Some("The calibration of this host is old"),
        Some(CalibrationStanding::Good | CalibrationStanding::Unfit) => None,
    };
    if let Some(advice) = advice {
        let wrapped = view.wrap(&format!("{advice}: {COMMAND}"));
        lines.extend(wrapped.iter().map(|line| view.paint().doubtful(line)));
    }
    lines
}

fn table(all: &[&CalibrationSummary], view: &ReportView, now: DateTime<Utc>) -> Vec<String> {
    let most = if view.verbose { usize::MAX } else { MOST_HOSTS };
    let verdict = |one: &&CalibrationSummary| match one.standing(now) {
        CalibrationStanding::Good => "yes",
        CalibrationStanding::Old => "yes, but old",
        CalibrationStanding::Unfit => "no",
    };
    // One daemon on each host needs no name.
    let hosts: BTreeSet<&str> = all.iter().map(|one| one.host.as_str()).collect();
    let several = hosts.len() < all.len();
    let daemon =
        |one: &&CalibrationSummary| one.runner.as_deref().map_or_else(|| "-".to_owned(), text::one_line);
    let mut list = ListReport::new(all).column(Column::new("HOST").free(), |one| text::one_line(&one.host));
    if several {
        list = list.column(Column::new("DAEMON").free(), daemon);
    }
    let list = list
        .column(Column::new("CALIBRATED"), move |one| ago(one.at, now))
        .column(Column::number("TTFT ERROR").rank(1), |one| milliseconds(one.ttft_error_mean))
        .column(Column::number("P99").rank(2), |one| milliseconds(one.ttft_error_p99))
        .column(Column::new("MAY PUBLISH"), move |one| verdict(one).to_owned())
        .column(Column::number("STREAMS").rank(3), |one| {
            one.streams.map_or_else(|| "-".to_owned(), |streams| streams.to_string())
        });
    let mut lines = list.first(most).headed(view);
    let left = all.len().saturating_sub(most);
    if left > 0 {
        lines.push(format!("and {left} more: llmbench status --wide"));
    }
    lines
}

/// An error with its sign: `+0.21 ms`.
fn milliseconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:+.2} ms", seconds * 1000.0))
}

pub fn json(calibrations: &HostCalibrations, now: DateTime<Utc>) -> Value {
    let one = |one: &CalibrationSummary| {
        json!({
            "id": one.id,
            "at": document::time(one.at),
            "age_seconds": (now - one.at).num_seconds(),
            "host": one.host,
            "runner": one.runner,
            "standing": one.standing(now),
            "may_publish": one.may_publish,
            "verdict": one.verdict,
            "streams": one.streams,
            "ttft_error_mean": one.ttft_error_mean,
            "ttft_error_p99": one.ttft_error_p99,
        })
    };
    json!({
        "here": calibrations.here.as_ref().map(one),
        "hosts": calibrations.hosts.as_ref().map(|hosts| hosts.iter().map(one).collect::<Vec<_>>()),
    })
}

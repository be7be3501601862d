//! The changes of series that are open, in one line. Pure.

use crate::domain::series_change::SeriesChange;
use crate::output::ReportView;
use crate::output::units::{counted, grouped};
use serde_json::{Value, json};

/// What is open; nothing where nothing is, and where the store does not answer.
pub fn lines(open: Option<&[SeriesChange]>, view: &ReportView) -> Vec<String> {
    let Some(open) = open.filter(|open| !open.is_empty()) else { return Vec::new() };
    let seen = match acknowledged(open) {
        0 => String::new(),
        seen => format!(", {} acknowledged", grouped(seen)),
    };
    view.wrap(&format!("{} open{seen}: `llmbench results changes`", counted(open.len() as u64, "change")))
}

pub fn json(open: &[SeriesChange]) -> Value {
    json!({ "open": open.len(), "acknowledged": acknowledged(open) })
}

fn acknowledged(open: &[SeriesChange]) -> u64 {
    open.iter().filter(|change| change.acknowledged.is_some()).count() as u64
}

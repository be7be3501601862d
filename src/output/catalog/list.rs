//! What was ever listed: a table, CSV, ids, counts.

use super::super::units::grouped;
use super::{context, moment, price};
use crate::listings::diff::{ListedModelState, ProviderListingState};
use crate::output::ReportView;
use crate::output::csv::disarm;
use crate::output::grid::{Column, lines};
use crate::output::json::time;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::io;

const COLUMNS: [Column; 8] = [
    Column::new("PROVIDER"),
    Column::new("MODEL").free(),
    Column::new("MEASURED"),
    Column::number("CONTEXT"),
    Column::new("PER MILLION"),
    Column::new("ENDS"),
    Column::new("LISTED SINCE"),
    Column::new("STATE"),
];

/// Terminals narrower than this do without the least important columns.
const WIDE: usize = 100;

/// The table, ending in a line break.
pub fn table(listed_states: &[ListedModelState], view: &ReportView) -> String {
    let roomy = view.terminal.text_limit().is_none_or(|limit| limit >= WIDE);
    let row = |one: &ListedModelState| {
        let facts = &one.row.facts;
        let ends = facts.ends_on.clone().or_else(|| facts.lifecycle.clone());
        vec![
            one.row.provider.clone(),
            one.row.model_id.clone(),
            if one.measured { "yes" } else { "no" }.to_owned(),
            context(facts),
            if roomy { price(facts) } else { String::new() },
            if roomy { ends.unwrap_or_default() } else { String::new() },
            moment(one.row.first_seen_at, view),
            if one.gone_at.is_some() { "gone" } else { "" }.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = listed_states.iter().map(row).collect();
    text(&lines(&COLUMNS, &rows, view.terminal.text_limit(), view.terminal.unicode))
}

const COUNTS: [Column; 6] = [
    Column::new("PROVIDER"),
    Column::number("LISTED"),
    Column::number("MEASURED"),
    Column::number("GONE"),
    Column::new("READ WHOLE"),
    Column::new("LAST ATTEMPT").free(),
];

/// How many models each provider lists, and how old the lists are.
pub fn counts(states: &BTreeMap<String, ProviderListingState>, view: &ReportView) -> String {
    let count = |number: usize| grouped(number as u64);
    let row = |(provider, state): (&String, &ProviderListingState)| {
        let last = state.error.as_ref().map(|error| format!("{}: {error}", moment(state.read_at, view)));
        let whole =
            if state.complete_at.is_some() { moment(state.complete_at, view) } else { "never".to_owned() };
        let listed = [count(state.listed), count(state.measured), count(state.gone)];
        std::iter::once(provider.clone()).chain(listed).chain([whole, last.unwrap_or_default()]).collect()
    };
    let rows: Vec<Vec<String>> = states.iter().map(row).collect();
    text(&lines(&COUNTS, &rows, view.terminal.text_limit(), view.terminal.unicode))
}

/// `provider:model_id`, one a line. Ids that hold a line break or another control character are left out: for `xargs`
/// they would be another model.
pub fn ids(listed_states: &[ListedModelState]) -> String {
    let plain = listed_states.iter().filter(|one| !one.row.model_id.contains(char::is_control));
    plain.map(|one| format!("{}:{}\n", one.row.provider, one.row.model_id)).collect()
}

/// The names of the CSV's columns.
const HEADER: [&str; 14] = [
    "provider",
    "model_id",
    "name",
    "measured",
    "context_length",
    "max_output_tokens",
    "input_price",
    "output_price",
    "lifecycle",
    "ends_on",
    "first_seen_at",
    "last_seen_at",
    "gone",
    "gone_at",
];

/// Comma-separated values under a header.
///
/// # Errors
/// None that memory does not cause; passed on from the writer.
pub fn csv(listed_states: &[ListedModelState]) -> io::Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for one in listed_states {
        writer.write_record(record(one))?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn record(one: &ListedModelState) -> [String; 14] {
    fn number(number: Option<impl ToString>) -> String {
        number.map(|number| number.to_string()).unwrap_or_default()
    }
    let word = |word: &Option<String>| disarm(word.as_deref().unwrap_or_default());
    let date = |at: Option<DateTime<Utc>>| at.map(time).unwrap_or_default();
    let (row, facts) = (&one.row, &one.row.facts);
    [
        disarm(&row.provider),
        disarm(&row.model_id),
        disarm(&row.name),
        one.measured.to_string(),
        number(facts.context_length),
        number(facts.max_output_tokens),
        number(facts.input_price),
        number(facts.output_price),
        word(&facts.lifecycle),
        word(&facts.ends_on),
        date(row.first_seen_at),
        date(row.last_seen_at),
        one.gone_at.is_some().to_string(),
        date(one.gone_at),
    ]
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

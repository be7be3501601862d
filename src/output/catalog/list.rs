//! Formats the inventory of listed models: a table, CSV, ids, counts.

use super::super::units::grouped;
use super::{context, moment, price};
use crate::domain::listing::ModelFacts;
use crate::listings::diff::{ListedModelState, ProviderListingState};
use crate::output::ReportView;
use crate::output::csv::disarm;
use crate::output::json::time;
use crate::output::list_report::{Column, ListReport};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::io;

/// Narrower terminals, in columns, lose the least important columns.
const WIDE: usize = 100;

pub fn table(listed_states: &[ListedModelState], view: &ReportView) -> String {
    text(&list(listed_states, view).lines(view.terminal.text_limit(), view.terminal.unicode))
}

fn list<'a>(states: &'a [ListedModelState], view: &'a ReportView) -> ListReport<'a, ListedModelState> {
    let roomy = view.terminal.text_limit().is_none_or(|limit| limit >= WIDE);
    let where_roomy = move |words: Option<String>| words.filter(|_| roomy).unwrap_or_default();
    let ends = |facts: &ModelFacts| facts.ends_on.clone().or_else(|| facts.lifecycle.clone());
    let measured = |one: &ListedModelState| if one.measured { "yes" } else { "no" }.to_owned();
    let state = |one: &ListedModelState| if one.gone_at.is_some() { "gone" } else { "" }.to_owned();
    ListReport::new(states)
        .column(Column::new("PROVIDER"), |one| one.row.provider.clone())
        .column(Column::new("MODEL").free(), |one| one.row.model_id.clone())
        .column(Column::new("MEASURED"), measured)
        .column(Column::number("CONTEXT"), |one| context(&one.row.facts))
        .column(Column::new("PER MILLION"), move |one| where_roomy(Some(price(&one.row.facts))))
        .column(Column::new("ENDS"), move |one| where_roomy(ends(&one.row.facts)))
        .column(Column::new("LISTED SINCE"), |one| moment(one.row.first_seen_at, view))
        .column(Column::new("STATE"), state)
}

/// The number of models that each provider lists, and the age of the lists.
pub fn counts(states: &BTreeMap<String, ProviderListingState>, view: &ReportView) -> String {
    type ProviderCount<'a> = (&'a String, &'a ProviderListingState);
    let count = |number: usize| grouped(number as u64);
    let whole = |state: &ProviderListingState| match state.complete_at {
        Some(_) => moment(state.complete_at, view),
        None => "never".to_owned(),
    };
    let last = |state: &ProviderListingState| {
        let failed = state.error.as_ref().map(|error| format!("{}: {error}", moment(state.read_at, view)));
        failed.unwrap_or_default()
    };
    let rows: Vec<ProviderCount<'_>> = states.iter().collect();
    let list = ListReport::new(&rows)
        .column(Column::new("PROVIDER"), |(provider, _)| (*provider).clone())
        .column(Column::number("LISTED"), |(_, state)| count(state.listed))
        .column(Column::number("MEASURED"), |(_, state)| count(state.measured))
        .column(Column::number("GONE"), |(_, state)| count(state.gone))
        .column(Column::new("READ WHOLE"), |(_, state)| whole(state))
        .column(Column::new("LAST ATTEMPT").free(), |(_, state)| last(state));
    text(&list.lines(view.terminal.text_limit(), view.terminal.unicode))
}

/// `provider:model_id`, one per line. Ids with a line break or another control character are left out: `xargs` would
/// read them as another model.
pub fn ids(listed_states: &[ListedModelState]) -> String {
    let plain = listed_states.iter().filter(|one| !one.row.model_id.contains(char::is_control));
    plain.map(|one| format!("{}:{}\n", one.row.provider, one.row.model_id)).collect()
}

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
/// Passed on from the writer, which writes to memory.
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

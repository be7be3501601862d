//! Formats providers' lists for people and programs: a sync, a diff, the inventory. Pure: findings in, text out.

pub mod diff;
pub mod json;
pub mod list;
pub mod notice;
pub mod sync;
#[cfg(test)]
mod tests;

use super::ReportView;
use super::units::grouped;
use crate::domain::listing::{ENDPOINT_FACT, FactChange, ModelFacts};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A moment in the view's time zone; empty if there is none.
pub fn moment(at: Option<DateTime<Utc>>, view: &ReportView) -> String {
    at.map(|at| at.with_timezone(&view.zone).format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// The context length in tokens; empty if it is not stated.
fn context(facts: &ModelFacts) -> String {
    facts.context_length.map(grouped).unwrap_or_default()
}

/// The prices of a million input and output tokens, for example `$0.59 / $0.79`.
fn price(facts: &ModelFacts) -> String {
    let dollars = |price: Option<f64>| price.map_or_else(|| "?".to_owned(), |price| format!("${price}"));
    match (facts.input_price, facts.output_price) {
        (None, None) => String::new(),
        (input, output) => format!("{} / {}", dollars(input), dollars(output)),
    }
}

/// The facts that a provider states, as a phrase: `context 131,072, $0.11 / $0.34 per million`.
pub fn stated(facts: &ModelFacts) -> String {
    let words = |before: &str, words: String, after: &str| {
        if words.is_empty() { words } else { format!("{before}{words}{after}") }
    };
    let ends = facts.ends_on.clone().unwrap_or_default();
    let all = [
        words("context ", context(facts), ""),
        words("", price(facts), " per million"),
        words("ends ", ends, ""),
    ];
    all.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A change as a phrase: `context 8,192 → 131,072`.
fn change(change: &FactChange, unicode: bool) -> String {
    let arrow = if unicode { "→" } else { "->" };
    let word = match change.fact.as_str() {
        "context_length" => "context",
        "max_output_tokens" => "longest answer",
        "input_price" => "input price",
        "output_price" => "output price",
        "lifecycle" => "stage",
        "ends_on" => "ends on",
        other => other,
    };
    if word.starts_with(ENDPOINT_FACT) {
        let weights = |value: &Value| value.as_str().map_or_else(|| "none".to_owned(), str::to_owned);
        return match (&change.from, &change.to) {
            (Value::Null, new) => format!("{word} is new ({})", weights(new)),
            (old, Value::Null) => format!("{word} is gone ({})", weights(old)),
            (old, new) => format!("{word}: {} {arrow} {}", weights(old), weights(new)),
        };
    }
    let value = |value: &Value| match value {
        Value::Null => "not stated".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if change.fact.ends_with("price") => format!("${number}"),
        number => number.as_u64().map_or_else(|| number.to_string(), grouped),
    };
    format!("{word} {} {arrow} {}", value(&change.from), value(&change.to))
}

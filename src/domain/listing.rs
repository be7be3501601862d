//! Models that providers list: the facts stated about a model, one read of a list, and the rows that stores keep of
//! both. Listing is not serving: nothing here says that a model answers.

use crate::domain::ModelRef;
use crate::domain::generation_request::QUANTIZATION;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The id under which a measured model is listed: Vertex dates ids behind an `@`, OpenRouter appends ways of routing,
/// Hugging Face the provider that serves.
pub fn listed_id<'a>(provider: &str, model_id: &'a str) -> &'a str {
    match provider {
        "vertex" => model_id.split('@').next().unwrap_or(model_id),
        "openrouter" => [":nitro", ":floor", ":online", ":exacto"]
            .iter()
            .find_map(|suffix| model_id.strip_suffix(suffix))
            .unwrap_or(model_id),
        "huggingface" => model_id.split(':').next().unwrap_or(model_id),
        _ => model_id,
    }
}

/// Facts that a provider states about a model, each if stated. Prices are US dollars per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelFacts {
    /// Tokens of prompt and answer together.
    pub context_length: Option<u64>,
    /// Most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// US dollars per million input tokens.
    pub input_price: Option<f64>,
    /// US dollars per million output tokens.
    pub output_price: Option<f64>,
    /// The provider's own word for the stage of its life: `ACTIVE`, `LEGACY`, `deprecated`.
    pub lifecycle: Option<String>,
    /// The announced last day, `2026-10-01`.
    pub ends_on: Option<String>,
    /// The numbers in which the provider keeps the weights, in lower case: `fp8`.
    pub quantization: Option<String>,
    /// Of a router's model: tag and quantization of each of its endpoints, by tag. `None` if they were not read.
    pub endpoints: Option<Vec<EndpointFact>>,
}

/// What a change of an endpoint is told by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndpointFact {
    /// The tag, for example `deepinfra/fp4`.
    pub tag: String,
    /// The quantization in lower case; `None` if it is not stated.
    pub quantization: Option<String>,
}

/// An endpoint of a router's model, as the router lists it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedEndpoint {
    /// The tag to which requests can be pinned.
    pub tag: String,
    /// The name of its provider, as answers state it.
    pub provider_name: String,
    /// The quantization in lower case; `None` if it is not stated.
    pub quantization: Option<String>,
    /// The router's status: 0 is normal, below 0 is degraded.
    pub status: Option<i64>,
    /// Share of the last day in which it answered, in percent.
    pub uptime_1d: Option<f64>,
    /// Median tokens per second of the last 30 minutes, as the router measured them.
    pub throughput_p50: Option<f64>,
}

/// A change of one stated fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactChange {
    /// The time the new value was first read.
    pub at: DateTime<Utc>,
    /// The fact's name in [`ModelFacts`].
    pub fact: String,
    /// The old value; null if the provider stated none.
    pub from: Value,
    pub to: Value,
}

impl ModelFacts {
    /// The facts by their names.
    pub fn named(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// The differences to `after`, which was read at `at`. Each endpoint that came, went or has other weights is a
    /// change of its own.
    pub fn changes(&self, after: &ModelFacts, at: DateTime<Utc>) -> Vec<FactChange> {
        let (before, now) = (self.named(), after.named());
        let change = |(fact, to): (String, Value)| {
            let from = before.get(&fact).cloned().unwrap_or_default();
            // A quantization that is stated for the first time, or not this time, is no other quantization.
            let is_silent = fact == QUANTIZATION && (from.is_null() || to.is_null());
            (fact != ENDPOINTS && !is_silent && from != to).then(|| FactChange { at, fact, from, to })
        };
        let mut found: Vec<FactChange> = now.into_iter().filter_map(change).collect();
        if let (Some(before), Some(after)) = (&self.endpoints, &after.endpoints) {
            found.extend(endpoint_changes(before, after, at));
        }
        found
    }
}

/// The name of [`ModelFacts::endpoints`].
const ENDPOINTS: &str = "endpoints";

/// The beginning of the name of an endpoint's fact; its tag follows.
pub const ENDPOINT_FACT: &str = "endpoint ";

fn endpoint_changes(before: &[EndpointFact], after: &[EndpointFact], at: DateTime<Utc>) -> Vec<FactChange> {
    // Null is "no such endpoint".
    let told = |all: &[EndpointFact], tag: &str| {
        let found = all.iter().find(|endpoint| endpoint.tag == tag);
        found.map_or(Value::Null, |endpoint| endpoint.quantization.as_deref().unwrap_or("unknown").into())
    };
    let tags: BTreeSet<&str> = before.iter().chain(after).map(|endpoint| endpoint.tag.as_str()).collect();
    let change = |tag: &str| {
        let (from, to) = (told(before, tag), told(after, tag));
        (from != to).then(|| FactChange { at, fact: format!("{ENDPOINT_FACT}{tag}"), from, to })
    };
    tags.into_iter().filter_map(change).collect()
}

/// A model as its provider lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModel {
    /// The id for calling the model.
    pub model_id: String,
    /// The provider's display name; the id if it has none.
    pub name: String,
    pub facts: ModelFacts,
    /// The provider's entry, verbatim unless it is excessively large.
    pub raw: Value,
    /// Of a router's model that is measured: its endpoints, if they were read.
    pub endpoints: Option<Vec<ListedEndpoint>>,
}

impl ListedModel {
    /// Takes over what the router lists of the model's endpoints.
    pub fn take_endpoints(&mut self, endpoints: Vec<ListedEndpoint>) {
        let fact = |endpoint: &ListedEndpoint| EndpointFact {
            tag: endpoint.tag.clone(),
            quantization: endpoint.quantization.clone(),
        };
        let mut facts: Vec<EndpointFact> = endpoints.iter().map(fact).collect();
        facts.sort();
        self.facts.endpoints = Some(facts);
        self.endpoints = Some(endpoints);
    }
}

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadStatus {
    Completed,
    /// Some pages were read. A missing model means nothing.
    Partial,
    /// Nothing usable was read.
    Failed,
}

impl ReadStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            ReadStatus::Completed => "completed",
            ReadStatus::Partial => "partial",
            ReadStatus::Failed => "failed",
        }
    }

    /// True if a missing model is really missing from the list.
    pub fn is_complete(self) -> bool {
        self == ReadStatus::Completed
    }
}

/// One read of one provider's list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub provider: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub status: ReadStatus,
    /// The reason why it is not complete.
    pub error: Option<String>,
    /// The number of entries received, of any kind.
    pub raw_count: u64,
    /// The entries that can be models which write text, each id once.
    pub models: Vec<ListedModel>,
}

/// The stored state of a listed model: a document of `provider_catalog` without its raw entry.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogRow {
    pub provider: String,
    pub model_id: String,
    pub name: String,
    /// The first time it was listed, if known.
    pub first_seen_at: Option<DateTime<Utc>>,
    /// The last time it was listed, if known.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// The facts that its provider stated last.
    pub facts: ModelFacts,
    /// Changes of facts, oldest first.
    pub changes: Vec<FactChange>,
}

/// The stored result of a read: a document of `bench_discovery_runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRow {
    pub provider: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    /// True if `completed` with every page read.
    pub complete: bool,
    /// The reason why it is not complete.
    pub error: Option<String>,
}

/// Counts of changes found by a stored read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListingChangeCounts {
    /// Models that had never been listed.
    pub new: u64,
    /// Models with a changed fact.
    pub changed: u64,
}

/// A model of the catalog of measured models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredModel {
    pub model: ModelRef,
    /// The name shown to people.
    pub display_name: String,
    /// True if enabled and not deprecated.
    pub measured: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_that_come_go_or_change_are_told_one_by_one() {
        let endpoint = |tag: &str, quantization: Option<&str>| EndpointFact {
            tag: tag.into(),
            quantization: quantization.map(Into::into),
        };
        let facts = |endpoints| ModelFacts { endpoints, ..ModelFacts::default() };
        let before =
            facts(Some(vec![endpoint("a/fp8", Some("fp8")), endpoint("b", None), endpoint("c", None)]));
        let after = facts(Some(vec![
            endpoint("a/fp8", Some("fp4")),
            endpoint("c", None),
            endpoint("d", Some("bf16")),
        ]));
        let told: Vec<(String, Value, Value)> = before
            .changes(&after, DateTime::UNIX_EPOCH)
            .into_iter()
            .map(|change| (change.fact, change.from, change.to))
            .collect();
        let expected = [
            ("endpoint a/fp8".to_owned(), json!("fp8"), json!("fp4")),
            ("endpoint b".to_owned(), json!("unknown"), Value::Null),
            ("endpoint d".to_owned(), Value::Null, json!("bf16")),
        ];
        assert_eq!(told, expected);
        // Endpoints that were not read have not changed.
        assert_eq!(before.changes(&facts(None), DateTime::UNIX_EPOCH), []);
        assert_eq!(facts(None).changes(&before, DateTime::UNIX_EPOCH), []);
    }

    #[test]
    fn what_differs_is_named_with_both_sides() {
        let before =
            ModelFacts { context_length: Some(8192), input_price: Some(0.5), ..ModelFacts::default() };
        let after = ModelFacts {
            context_length: Some(8192),
            ends_on: Some("2026-10-01".into()),
            ..ModelFacts::default()
        };
        let at = DateTime::UNIX_EPOCH;
        let change = |fact: &str, from, to| FactChange { at, fact: fact.to_owned(), from, to };
        let expected = [
            change("input_price", json!(0.5), Value::Null),
            change("ends_on", Value::Null, json!("2026-10-01")),
        ];
        assert_eq!(before.changes(&after, at), expected);
        assert_eq!(after.changes(&after, at), []);
    }
}

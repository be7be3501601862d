//! Converts an outcome to the row that a store keeps: one flat document in the types of the contract, and its
//! collection. Pure. `sqlite` and `mongo` write the rows.

use super::field_types;
use super::finite_check::check_finite;
use super::payload::{OutcomeKind, OutcomePayload};
use crate::domain::{Failure, FailureKind, Outcome, PublishedProfiles, Run};
use crate::storage::{RecordOutcome, StoreError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The collection that stores a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowDestination {
    /// `metrics_cloud_v2`: every row in it is published.
    Published,
    /// `metrics_cloud_probe`: other roles, other profiles, suspect samples, samples through a proxy.
    Probe,
    /// `errors_cloud`, whatever the role.
    Errors,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub place: RowDestination,
    /// All fields in the types of the contract, including `_id`.
    pub fields: Arc<Map<String, Value>>,
    /// True if the row updates the model's health: role `published` under a published profile.
    pub moves_health: bool,
}

impl Row {
    /// Places a row. `counts` is true if it is of the published series: its run is published unless it is in doubt or
    /// went through a proxy, which is another route than the others'; health follows it, but for a failure through a
    /// proxy, because the proxy may be what failed. A published row of a profile without a rate gets an explicit null.
    pub fn placed(
        kind: OutcomeKind,
        mut fields: Arc<Map<String, Value>>,
        counts: bool,
        published_profiles: &PublishedProfiles,
    ) -> Self {
        let is = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        let proxied = fields.get("proxy").is_some_and(|proxy| !proxy.is_null());
        // A row with a doubtful clock would appear at a wrong place of every list, or on top of it.
        let doubtful = is("suspect") || is("clock_suspect");
        let (place, moves_health) = placement(kind, counts, doubtful, proxied);
        let profile = fields.get("benchmark_profile_id").and_then(Value::as_str);
        if place == RowDestination::Published && published_profiles.without_rate(profile) {
            Arc::make_mut(&mut fields).insert("tokens_per_second".to_owned(), Value::Null);
        }
        Self { place, fields, moves_health }
    }

    /// A text field; empty if it is missing or null.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// All fields as JSON text.
    pub fn json(&self) -> String {
        // All values are JSON, so this cannot fail.
        serde_json::to_string(&*self.fields).unwrap_or_default()
    }
}

/// The collection of a row, and whether it updates the model's health; [`Row::placed`] says why.
pub fn placement(kind: OutcomeKind, counts: bool, doubtful: bool, proxied: bool) -> (RowDestination, bool) {
    let place = match kind {
        OutcomeKind::Failure => RowDestination::Errors,
        OutcomeKind::Run if counts && !doubtful && !proxied => RowDestination::Published,
        OutcomeKind::Run => RowDestination::Probe,
    };
    (place, counts && !(kind == OutcomeKind::Failure && proxied))
}

/// What aggregates and collections need of a row, whatever holds it.
pub trait RowView {
    fn place(&self) -> RowDestination;
    /// True if the row updates the model's health.
    fn moves_health(&self) -> bool;
    /// A text field; empty if it is missing, null or no text.
    fn text(&self, name: &str) -> &str;
    /// A date field.
    fn instant(&self, name: &str) -> Option<DateTime<Utc>>;
}

impl RowView for Row {
    fn place(&self) -> RowDestination {
        self.place
    }

    fn moves_health(&self) -> bool {
        self.moves_health
    }

    fn text(&self, name: &str) -> &str {
        Row::text(self, name)
    }

    fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        field_types::parse_date(Row::text(self, name))
    }
}

/// A row on its way to a store: its fields, or the bytes that the store writes, which take a fraction of the memory.
#[derive(Debug, Clone, PartialEq)]
pub enum PackedRow {
    Fields(Row),
    /// In the format of the store that packed it.
    Bytes {
        place: RowDestination,
        moves_health: bool,
        bytes: Vec<u8>,
    },
}

/// The deepest nesting that a row may have; MongoDB's limit is 100, that of most drivers and shells is lower.
pub const DEEPEST: usize = 32;

/// Converts an outcome to its row.
///
/// # Errors
/// [`StoreError::Rejected`] if the row cannot be stored unchanged: no id, provider or model; a rate that is no finite
/// positive number; a number that JSON or BSON cannot represent; a field of the wrong type; a duplicate field.
pub fn row(outcome: &Outcome, published_profiles: &PublishedProfiles) -> Result<Row, StoreError> {
    let (kind, fields) = match outcome {
        Outcome::Success(run) => (OutcomeKind::Run, run_fields(run)),
        Outcome::Failure(failure) => (OutcomeKind::Failure, failure_fields(failure)),
    };
    fields
        .and_then(|fields| complete(kind, Arc::new(fields), published_profiles))
        .map_err(|why| rejected(outcome.id(), &why))
}

/// Converts an outcome's document to its row.
///
/// # Errors
/// As [`row`].
pub fn row_of(payload: &OutcomePayload, published_profiles: &PublishedProfiles) -> Result<Row, StoreError> {
    payload
        .fields()
        .and_then(|fields| complete(payload.kind, Arc::new(fields), published_profiles))
        .map_err(|why| rejected(&payload.id(), &why))
}

fn rejected(id: &str, why: &str) -> StoreError {
    StoreError::Rejected(format!("row `{id}` cannot be stored: {why}"))
}

fn complete(
    kind: OutcomeKind,
    mut fields: Arc<Map<String, Value>>,
    published_profiles: &PublishedProfiles,
) -> Result<Row, String> {
    bring_into_types(&mut fields)?;
    if kind == OutcomeKind::Run {
        check_rates(&fields)?;
    }
    let counts = counts(|name| fields.get(name).and_then(Value::as_str), published_profiles);
    Ok(Row::placed(kind, fields, counts, published_profiles))
}

/// The valid rows, and the errors of the others; [`answers`] combines the two again.
pub fn sound<T>(rows: impl Iterator<Item = Result<T, StoreError>>) -> (Vec<T>, Vec<Option<StoreError>>) {
    let mut sound = Vec::new();
    let flaws = rows.map(|row| row.map(|row| sound.push(row)).err()).collect();
    (sound, flaws)
}

/// The answers for all rows, from the errors of the invalid ones and the store's answers to the others.
pub fn answers(
    flaws: Vec<Option<StoreError>>,
    kept: Result<Vec<Result<RecordOutcome, StoreError>>, StoreError>,
) -> Vec<Result<RecordOutcome, StoreError>> {
    let mut kept = kept.map(Vec::into_iter);
    let mut next = || match &mut kept {
        Ok(kept) => kept
            .next()
            .unwrap_or_else(|| Err(StoreError::Broken("the store gave no answer for this row".to_owned()))),
        Err(error) => Err(error.clone()),
    };
    flaws.into_iter().map(|flaw| flaw.map_or_else(&mut next, Err)).collect()
}

/// The stored kinds of failures that say nothing about the model; see [`FailureKind::is_ours`].
pub fn our_kinds() -> impl Iterator<Item = &'static str> {
    FailureKind::ALL.into_iter().filter(|kind| kind.is_ours()).map(FailureKind::as_str)
}

/// True if the row is a failure of the measuring side.
pub fn is_ours(fields: &Map<String, Value>) -> bool {
    fields.get("error_kind").and_then(Value::as_str).is_some_and(is_our_kind)
}

/// True for a stored kind of failure of the measuring side.
fn is_our_kind(kind: &str) -> bool {
    our_kinds().any(|ours| ours == kind)
}

/// True for role `published` under a published profile, unless the measuring side failed. `text` gives a field if it
/// is a text.
pub fn counts<'a>(text: impl Fn(&str) -> Option<&'a str>, published_profiles: &PublishedProfiles) -> bool {
    let profile_counts = text("benchmark_profile_id").is_none_or(|id| published_profiles.has(id));
    text("sample_role") == Some("published") && profile_counts && !text("error_kind").is_some_and(is_our_kind)
}

fn run_fields(run: &Run) -> Result<Map<String, Value>, String> {
    let known = serialised(&Run { extra: Map::new(), ..run.clone() })?;
    joined(known, &run.extra)
}

fn failure_fields(failure: &Failure) -> Result<Map<String, Value>, String> {
    let known = serialised(&Failure { extra: Map::new(), ..failure.clone() })?;
    joined(known, &failure.extra)
}

/// Serialises a model. JSON has no NaN: serialising one would turn it into a null without an error.
fn serialised(model: &impl Serialize) -> Result<Map<String, Value>, String> {
    check_finite(model)?;
    match serde_json::to_value(model) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("it is no document".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Adds the fields that this version does not know. A known one among them would overwrite the measured value.
fn joined(mut known: Map<String, Value>, extra: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    for (name, value) in extra {
        if known.contains_key(name) {
            return Err(format!("field `{name}` is there twice"));
        }
        known.insert(name.clone(), value.clone());
    }
    Ok(known)
}

/// The figures of a run that must be more than 0.
pub const RATES: [&str; 2] = ["tokens_per_second", "generate_time"];

fn check_rates(fields: &Map<String, Value>) -> Result<(), String> {
    for name in RATES {
        if fields.get(name).and_then(Value::as_f64).is_none_or(|rate| rate <= 0.0) {
            return Err(format!("field `{name}` must be more than 0"));
        }
    }
    Ok(())
}

/// Converts fields to their types; nearly all rows have these already, and are not copied.
fn bring_into_types(fields: &mut Arc<Map<String, Value>>) -> Result<(), String> {
    let mut others = Vec::new();
    for (name, value) in fields.iter() {
        holdable(name, value, 1)?;
        if !field_types::fits(name, value) {
            others.push(name.clone());
        }
    }
    for name in others {
        if let Some(value) = Arc::make_mut(fields).get_mut(&name) {
            *value = field_types::coerce(&name, value.take())?;
        }
    }
    for name in NAMES {
        let text = fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if !is_sound_name(text) {
            return Err(format!("field `{name}` must be a text without control characters"));
        }
    }
    Ok(())
}

/// The texts that every row has.
pub const NAMES: [&str; 3] = ["_id", "provider", "model_name"];

/// True for a text without control characters that is not blank.
pub fn is_sound_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// Checks limits of all stores: whole numbers within 64 signed bits, and limited nesting.
pub fn holdable(name: &str, value: &Value, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("field `{name}` is nested deeper than {DEEPEST} levels"));
    }
    match value {
        Value::Number(number) if number.is_u64() && number.as_i64().is_none() => {
            Err(format!("field `{name}` holds a number above {}", i64::MAX))
        }
        Value::Array(items) => items.iter().try_for_each(|item| holdable(name, item, depth + 1)),
        Value::Object(fields) => fields.values().try_for_each(|item| holdable(name, item, depth + 1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::fixtures;
    use serde_json::json;

    fn published() -> PublishedProfiles {
        PublishedProfiles::from(&["cloud-default-v1".to_owned()])
    }

    #[test]
    fn a_profile_without_a_rate_is_published_with_a_null() {
        let ids = ["cloud-default-v1", "cloud-long-v1"].map(str::to_owned);
        let profiles = PublishedProfiles::new(ids.to_vec(), vec![ids[1].clone()]);
        let stored = |change: fn(&mut Run)| row(&success(change), &profiles).unwrap();
        let default = stored(|_| ());
        assert!(
            default.fields["tokens_per_second"].is_number() && default.place == RowDestination::Published
        );
        let long = stored(|run| run.benchmark_profile_id = "cloud-long-v1".into());
        assert_eq!(
            (long.place, &long.fields["tokens_per_second"]),
            (RowDestination::Published, &Value::Null)
        );
        assert!(long.fields["generated_tokens_per_second"].is_number() && long.moves_health);
        // What is not published keeps its rate, because nobody draws it.
        let manual = stored(|run| {
            (run.benchmark_profile_id, run.sample_role) = ("cloud-long-v1".into(), "manual".into());
        });
        assert!(manual.fields["tokens_per_second"].is_number() && manual.place == RowDestination::Probe);
    }

    fn success(change: impl FnOnce(&mut Run)) -> Outcome {
        let mut run = fixtures::run("01A", "groq", "m");
        change(&mut run);
        Outcome::Success(Box::new(run))
    }

    #[test]
    fn only_a_sound_published_run_is_published() {
        let place = |change: fn(&mut Run)| row(&success(change), &published()).unwrap().place;
        assert_eq!(place(|_| ()), RowDestination::Published);
        assert_eq!(place(|run| run.quality.suspect = true), RowDestination::Probe);
        assert_eq!(place(|run| run.carrier.proxy = Some("p:3128".into())), RowDestination::Probe);
        assert_eq!(place(|run| run.sample_role = "manual".into()), RowDestination::Probe);
        assert_eq!(place(|run| run.benchmark_profile_id = "cloud-long-v1".into()), RowDestination::Probe);
    }

    #[test]
    fn health_moves_for_the_published_role_alone() {
        let mut failure = fixtures::failure("01F", "groq", "m");
        let moves = |failure: &Failure| {
            row(&Outcome::Failure(Box::new(failure.clone())), &published()).unwrap().moves_health
        };
        assert!(moves(&failure));
        for kind in FailureKind::ALL {
            failure.error_kind = kind;
            assert_eq!(moves(&failure), !kind.is_ours(), "{kind}");
        }
        failure.error_kind = FailureKind::Timeout;
        failure.extra.insert("benchmark_profile_id".into(), json!("cloud-long-v1"));
        assert!(!moves(&failure));
        failure.extra.insert("sample_role".into(), json!("manual"));
        assert!(!moves(&failure));
        let mut proxied = fixtures::failure("01F", "groq", "m");
        assert!(moves(&proxied));
        proxied.extra.insert("proxy".into(), json!("p:3128"));
        assert!(!moves(&proxied), "the proxy may be what failed");
    }

    #[test]
    fn a_row_comes_out_the_same_from_an_outcome_and_from_its_document() {
        let mut failure = fixtures::failure("01F", "groq", "m");
        failure.extra.insert("slot_at".into(), json!("2026-11-01T10:30:00Z"));
        let outcomes = [
            success(|run| drop(run.extra.insert("later".into(), json!([1, 2.5, {"a": null}])))),
            success(|run| run.quality.suspect = true),
            success(|run| run.speeds.tokens_per_second = -1.0),
            success(|run| run.model_name.clear()),
            Outcome::Failure(Box::new(failure)),
        ];
        for outcome in outcomes {
            let payload = OutcomePayload::of(&outcome).unwrap();
            let said = |row: Result<Row, StoreError>| row.map_err(|error| error.to_string());
            assert_eq!(said(row_of(&payload, &published())), said(row(&outcome, &published())));
            assert_eq!(payload.outcome().unwrap(), outcome);
        }
    }

    #[test]
    fn what_no_store_can_hold_is_refused_by_name() {
        let refused = |change: fn(&mut Run), name: &str| {
            let error = row(&success(change), &published()).unwrap_err();
            assert!(matches!(&error, StoreError::Rejected(text) if text.contains(name)), "{error}");
        };
        refused(|run| run.speeds.tokens_per_second = f64::NAN, "tokens_per_second");
        refused(|run| run.speeds.tokens_per_second = 0.0, "tokens_per_second");
        refused(|run| run.speeds.time_to_first_token = Some(f64::INFINITY), "time_to_first_token");
        refused(|run| run.speeds.times_between_tokens.push(f64::NAN), "times_between_tokens");
        refused(|run| run.tokens.input_tokens = Some(u64::MAX), "input_tokens");
        refused(|run| run.provider.clear(), "provider");
        refused(|run| run.model_name = "a\0b".into(), "model_name");
        refused(|run| drop(run.extra.insert("provider".into(), json!("other"))), "provider");
        refused(|run| drop(run.extra.insert("count".into(), json!("three"))), "count");
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        let error = row(&success(|run| drop(run.misc.insert("deep".into(), deep))), &published());
        assert!(matches!(error, Err(StoreError::Rejected(_))));
    }
}

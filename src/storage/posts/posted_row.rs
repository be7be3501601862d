//! Turns a posted document into a row and a posted list into a listing. Pure. Every posted field keeps its name; a
//! field that only the server may set (the id, the sender) is moved under `posted` if a client sets it.

use super::{PostOrigin, Posted, plausibility};
use crate::domain::PublishedProfiles;
use crate::domain::listing::{ListedModel, Listing, ModelFacts, ReadStatus};
use crate::domain::name_rules::{check_name, is_hidden};
use crate::domain::row_fields::{FieldType, field_type};
use crate::domain::{ModelRef, failure};
use crate::storage::StoreError;
use crate::storage::outcomes::document::{DEEPEST, Row, holdable, is_ours};
use crate::storage::outcomes::payload::OutcomeKind;
use crate::storage::outcomes::{field_types, payload};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fields of a row that the server alone writes. Two posts that differ only in these are the same.
pub const OWN_FIELDS: [&str; 5] = ["received_at", "key_id", "runner", "clock_suspect", TAG_IS_OURS];

/// True on a row whose endpoint the operator of the bridge named, because its runner stated none.
pub const TAG_IS_OURS: &str = "endpoint_tag_by_bridge";

const TAG: &str = "route_endpoint_tag";

/// True for a field that is equal in two rows of one id if they are the same: not one that the server alone writes, and
/// not the endpoint if the server named it in either of the two (`tag_is_ours`), because the operator may have named it,
/// or another one, after the first of two equal posts.
pub fn is_content(name: &str, tag_is_ours: bool) -> bool {
    let is_own = OWN_FIELDS.contains(&name) || (tag_is_ours && name == TAG);
    !is_own
}

/// The field that holds posted fields whose names the server needs.
const ASIDE: &str = "posted";

/// Required fields of a run, beside provider and model.
const RUN_FIELDS: [&str; 4] = ["run_ts", "gen_ts", "generate_time", RATE];

const RATE: &str = "tokens_per_second";

/// Required fields of a failure, beside provider and model.
const FAILURE_FIELDS: [&str; 3] = ["stage", "message", "error_kind"];

/// The longest id that a runner may give, in bytes.
const LONGEST_ID: usize = 512;

/// Greatest age of a measurement whose clock is not doubted.
const OLDEST: TimeDelta = TimeDelta::days(30);
const NEWEST: TimeDelta = TimeDelta::minutes(10);

/// A fault of a post.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` {why}")]
pub struct Flaw {
    /// The field, as a path within the posted object: `tokens_per_second`, `models[3].model_id`; `id` for the id.
    pub field: String,
    /// The requirement that it breaks, without its value.
    pub why: String,
}

impl Flaw {
    pub(super) fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }
}

impl From<Flaw> for StoreError {
    fn from(flaw: Flaw) -> Self {
        StoreError::Rejected(flaw.to_string())
    }
}

/// Turns a post into its row.
///
/// # Errors
/// The first [`Flaw`]: a field missing or of the wrong type, a value that no measurement can give or no store can hold,
/// an invalid name, an id that does not belong to the posted model.
pub fn row(posted: Posted, published_profiles: &PublishedProfiles) -> Result<Row, Flaw> {
    let Posted { kind, document, id, stamps } = posted;
    let mut fields = typed(document, id.as_deref())?;
    for (name, value) in &fields {
        plausibility::check(name, value, stamps.received_at)?;
    }
    check_names(&fields)?;
    match kind {
        OutcomeKind::Run => {
            let profile = fields.get("benchmark_profile_id").and_then(Value::as_str);
            check_run(&fields, published_profiles.without_rate(profile))?;
        }
        OutcomeKind::Failure => complete_failure(&mut fields, &stamps)?,
    }
    let id = match id {
        Some(id) => given(id, &fields)?,
        None => natural(kind, &fields),
    };
    fields.insert("_id".to_owned(), Value::String(id));
    stamp(&mut fields, kind, &stamps);
    let counts = counts(&fields, published_profiles);
    Ok(Row::placed(kind, Arc::new(fields), counts, published_profiles))
}

/// True if it is of the published series. The Python runners set neither role nor profile, and all of their rows are.
fn counts(fields: &Map<String, Value>, published_profiles: &PublishedProfiles) -> bool {
    let named = |name: &str| fields.get(name).and_then(Value::as_str);
    named("sample_role").is_none_or(|role| role == "published")
        && named("benchmark_profile_id").is_none_or(|profile| published_profiles.has(profile))
        && !is_ours(fields)
}

/// The posted fields in the types of the contract, with those of the server's names set aside; the id, which is derived
/// from them, gets its place first. Converts in place, because a row has many fields.
fn typed(mut fields: Map<String, Value>, id: Option<&str>) -> Result<Map<String, Value>, Flaw> {
    for (name, value) in &fields {
        holdable(name, value, 1).map_err(|_| Flaw::new(name, unholdable()))?;
    }
    let aside = set_aside(&mut fields, id);
    for (name, value) in &mut fields {
        if let Some(wanted) = field_type(name) {
            *value = coerced(wanted, value.take()).ok_or_else(|| Flaw::new(name, must_be(name)))?;
        }
    }
    if !aside.is_empty() {
        fields.insert(ASIDE.to_owned(), Value::Object(aside));
    }
    fields.shift_insert(0, "_id".to_owned(), Value::Null);
    Ok(fields)
}

/// Requires provider and model, by which rows are found and grouped.
fn check_names(fields: &Map<String, Value>) -> Result<(), Flaw> {
    for name in ["provider", "model_name"] {
        named(fields, name, name)?;
    }
    let other = ["benchmark_profile_id", "sample_role", "stage", "error_kind"];
    let other = other.into_iter().filter_map(|name| Some((name, fields.get(name)?.as_str()?)));
    other.into_iter().try_for_each(|(name, text)| sound(text, name).map(drop))
}

fn unholdable() -> String {
    format!("holds a number beyond 64 signed bits, or is nested deeper than {DEEPEST} levels")
}

fn must_be(name: &str) -> String {
    format!("must be {}", field_type(name).map_or("of another type", field_types::spoken))
}

/// Removes and returns the fields of the server's names, except for the id that the post has.
fn set_aside(fields: &mut Map<String, Value>, id: Option<&str>) -> Map<String, Value> {
    let mut aside = Map::new();
    for name in ["_id", ASIDE].into_iter().chain(OWN_FIELDS) {
        let Some(value) = fields.shift_remove(name) else { continue };
        if name != "_id" || id.is_none() || value.as_str() != id {
            aside.insert(name.to_owned(), value);
        }
    }
    aside
}

/// Converts a value to the type of its field. The Python runners write local time without a zone, and every reader
/// takes it for UTC.
fn coerced(wanted: FieldType, value: Value) -> Option<Value> {
    match (wanted, &value) {
        (FieldType::Date, Value::String(text)) => instant(text).map(field_types::date_value),
        _ => field_types::typed(wanted, value),
    }
}

/// Parses a posted time: RFC 3339, or without a zone and then UTC.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    let naive = |form: &str| NaiveDateTime::parse_from_str(text, form).ok();
    field_types::parse_date(text).or_else(|| {
        naive("%Y-%m-%d %H:%M:%S%.f").or_else(|| naive("%Y-%m-%dT%H:%M:%S%.f")).map(|at| at.and_utc())
    })
}

/// A run of a profile without a rate may say null as its rate; leaving the field out is a flaw of every run.
fn check_run(fields: &Map<String, Value>, without_rate: bool) -> Result<(), Flaw> {
    let says_null = |name: &str| without_rate && name == RATE && fields.get(name) == Some(&Value::Null);
    for name in RUN_FIELDS {
        if fields.get(name).is_none_or(Value::is_null) && !says_null(name) {
            return Err(Flaw::new(name, format!("is missing: it {}", must_be(name))));
        }
    }
    for name in ["generate_time", RATE] {
        if !says_null(name) && fields.get(name).and_then(Value::as_f64).is_none_or(|number| number <= 0.0) {
            return Err(Flaw::new(name, "must be more than 0"));
        }
    }
    Ok(())
}

/// Checks a failure and adds the fields that the Python runner's own writer derives: the time, the message for
/// grouping, and the details of the provider's answer that the message holds.
fn complete_failure(fields: &mut Map<String, Value>, stamps: &PostOrigin) -> Result<(), Flaw> {
    for name in FAILURE_FIELDS {
        if !fields.get(name).is_some_and(Value::is_string) {
            return Err(Flaw::new(name, format!("is missing: it {}", must_be(name))));
        }
    }
    let text = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let message = text(fields, "message");
    if fields.get("ts").is_none_or(Value::is_null) {
        fields.insert("ts".to_owned(), field_types::date_value(stamps.received_at));
    }
    // A runner that sends null has looked: only absent fields are derived.
    let add = |fields: &mut Map<String, Value>, name: &str, value: Value| {
        fields.entry(name).or_insert(value);
    };
    add(fields, "http_status", json!(http_status(&message)));
    add(fields, "provider_error_code", json!(provider_code(&message)));
    add(fields, "normalized_message", json!(failure::normalize(&message)));
    let of = |name: &str| text(fields, name);
    let (provider, model, stage) = (of("provider"), of("model_name"), of("stage"));
    let fingerprint =
        failure::fingerprint_of(&provider, &model, &stage, &of("error_kind"), &of("normalized_message"));
    // A wrong fingerprint would count in the group of other failures.
    let posted = fields.insert("fingerprint".to_owned(), json!(fingerprint));
    if let Some(other) = posted.filter(|other| !other.is_null() && *other != json!(fingerprint)) {
        let aside = fields.entry(ASIDE).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(aside) = aside {
            aside.insert("fingerprint".to_owned(), other);
        }
    }
    Ok(())
}

/// The status in `Error code: 404 - …`, as SDKs like OpenAI's write it.
fn http_status(message: &str) -> Option<u16> {
    let (_, after) = message.split_once("rror code: ")?;
    let digits = after.get(..3)?.parse().ok()?;
    (100..600).contains(&digits).then_some(digits)
}

/// The code in `'code': 'model_not_found'`, in Python's spelling or JSON's.
fn provider_code(message: &str) -> Option<String> {
    let (_, after) = message.split_once("'code': '").or_else(|| message.split_once("\"code\":\""))?;
    let code = after.split(['\'', '"']).next()?;
    (!code.is_empty() && code.len() <= 100).then(|| code.to_owned())
}

/// The id that a runner gave, if it can only be its own: a slot of the posted model or of one of its pinned endpoints, or
/// a ULID, which nobody can guess.
fn given(id: String, fields: &Map<String, Value>) -> Result<String, Flaw> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let model = ModelRef::new(text("provider"), text("model_name"));
    let of_slot = |lane: &ModelRef| id.starts_with(&format!("{}/{}/", lane.provider, lane.model_id));
    let of_pin = || model.is_routed() && id.starts_with(&format!("{}/{}@", model.provider, model.model_id));
    let ulid = id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if id.len() > LONGEST_ID || id.chars().any(is_hidden) || !(ulid || of_slot(&model) || of_pin()) {
        return Err(Flaw::new("id", "must be a ULID, or begin with `PROVIDER/MODEL/` of this post"));
    }
    Ok(id)
}

/// The id of a post without one. Hashes its parts as a JSON array, so that no two different lists of parts
/// give the same text.
fn natural(kind: OutcomeKind, fields: &Map<String, Value>) -> String {
    let parts: &[&str] = match kind {
        OutcomeKind::Run => &["provider", "model_name", "run_ts", "gen_ts", "response_id"],
        OutcomeKind::Failure => &["provider", "model_name", "ts", "stage"],
    };
    let parts: Vec<&Value> = parts.iter().map(|name| fields.get(*name).unwrap_or(&Value::Null)).collect();
    let word = match kind {
        OutcomeKind::Run => "run",
        OutcomeKind::Failure => "failure",
    };
    format!("posted/{}", payload::sha256(&json!([word, parts]).to_string()))
}

fn stamp(fields: &mut Map<String, Value>, kind: OutcomeKind, stamps: &PostOrigin) {
    let PostOrigin { received_at, key_id, runner, endpoint_tags } = stamps;
    put_endpoint_tag(fields, endpoint_tags);
    let name = if kind == OutcomeKind::Run { "run_ts" } else { "ts" };
    let at = fields.get(name).and_then(Value::as_str).and_then(field_types::parse_date);
    let doubtful = at.is_some_and(|at| at < *received_at - OLDEST || at > *received_at + NEWEST);
    let stamps = [field_types::date_value(*received_at), json!(key_id), json!(runner), json!(true)];
    let stamps = OWN_FIELDS.iter().zip(stamps).take(if doubtful { 4 } else { 3 });
    fields.extend(stamps.map(|(name, value)| ((*name).to_owned(), value)));
}

/// Gives a direct provider's row the endpoint that the operator named, if the runner states none.
fn put_endpoint_tag(fields: &mut Map<String, Value>, endpoint_tags: &BTreeMap<String, String>) {
    let is_stated = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    if is_stated(TAG) || is_stated("transport_provider") {
        return;
    }
    let provider = fields.get("provider").and_then(Value::as_str);
    if let Some(tag) = provider.and_then(|provider| endpoint_tags.get(provider)) {
        fields.insert(TAG.to_owned(), json!(tag));
        fields.insert(TAG_IS_OURS.to_owned(), json!(true));
    }
}

/// Reads a posted list of a provider's models. Infers nothing from it about served models.
///
/// # Errors
/// The first [`Flaw`].
pub fn listing(body: &Map<String, Value>, received_at: DateTime<Utc>) -> Result<Listing, Flaw> {
    let provider = named(body, "provider", "provider")?;
    let complete = body.get("pagination_complete").and_then(Value::as_bool);
    let complete = complete.ok_or_else(|| Flaw::new("pagination_complete", "must be true or false"))?;
    let started_at = match body.get("started_at") {
        None | Some(Value::Null) => received_at,
        Some(value) => value
            .as_str()
            .and_then(instant)
            .ok_or_else(|| Flaw::new("started_at", "must be a date, `YYYY-MM-DD HH:MM:SS` in UTC"))?,
    };
    plausibility::check_date("started_at", started_at, received_at)?;
    let models = body.get("models").and_then(Value::as_array);
    let models = models.ok_or_else(|| Flaw::new("models", "must be an array of objects"))?;
    let raw_count = models.len() as u64;
    let mut listed = BTreeMap::new();
    for (place, entry) in models.iter().enumerate() {
        let model = listed_model(entry, &format!("models[{place}]"))?;
        listed.insert(model.model_id.clone(), model);
    }
    Ok(Listing {
        provider,
        // A runner's clock may be ahead; a read does not end before it begins.
        started_at: started_at.min(received_at),
        finished_at: received_at,
        status: if complete { ReadStatus::Completed } else { ReadStatus::Partial },
        error: (!complete).then(|| "the runner has read a part of the list".to_owned()),
        raw_count,
        models: listed.into_values().collect(),
    })
}

fn listed_model(entry: &Value, path: &str) -> Result<ListedModel, Flaw> {
    let fields = entry.as_object().ok_or_else(|| Flaw::new(path, "must be an object"))?;
    let model_id = named(fields, "model_id", &format!("{path}.model_id"))?;
    // The display name is optional: the id replaces one that cannot be shown.
    let name = fields.get("name").and_then(Value::as_str).filter(|name| check_name(name).is_ok());
    let raw = fields.get("raw").cloned().unwrap_or_default();
    holdable("raw", &raw, 2).map_err(|_| Flaw::new(format!("{path}.raw"), unholdable()))?;
    // From Bedrock, the only provider that remote runners list.
    let lifecycle = raw.pointer("/modelLifecycle/status").and_then(Value::as_str).map(str::to_owned);
    Ok(ListedModel {
        name: name.unwrap_or(&model_id).to_owned(),
        facts: ModelFacts { lifecycle, ..ModelFacts::default() },
        raw,
        model_id,
        endpoints: None,
    })
}

fn named(fields: &Map<String, Value>, name: &str, path: &str) -> Result<String, Flaw> {
    let text = fields.get(name).and_then(Value::as_str).ok_or_else(|| Flaw::new(path, "must be a text"))?;
    sound(text, path).map(str::to_owned)
}

fn sound<'a>(text: &'a str, path: &str) -> Result<&'a str, Flaw> {
    check_name(text).map(|()| text).map_err(|why| Flaw::new(path, why.to_string()))
}

#[cfg(test)]
mod tests;

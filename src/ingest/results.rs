//! `POST /ingest`, `/ingest/error` and `/ingest/batch`: posted runs and failures, looked at one by one, written together,
//! answered in order.

use super::answer::Answer;
use super::body::{MOST_KEYS_OF_ITEM, has_few_keys};
use super::bridge::Bridge;
use super::journal::Level;
use super::metrics::ItemFate;
use super::refusal::Refusal;
use super::router::{Done, Who};
use crate::storage::document::Row;
use crate::storage::ingest_keys::Action;
use crate::storage::received::{PostKind, Posted, Stamps, posted};
use crate::storage::{Recorded, StoreError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// The most items of a batch.
const MOST_ITEMS: usize = 1000;
/// The predecessor's words for a run of a model that is not measured.
const NOT_ENABLED: &str = "model is not enabled in catalog";

/// What became of one item.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Kept(Recorded),
    NotEnabled,
    Refused(Refusal),
}

/// One item, looked at.
struct Item {
    id: Option<String>,
    row: Result<Row, Verdict>,
    /// Whether its model has to be enabled: runs of the published series.
    wants_enabled: bool,
}

/// Keeps one run.
///
/// # Errors
/// 422, 403, 409 or 503; a model that is not enabled is no error but 202, as the predecessor's runner expects it.
pub async fn run(bridge: &Bridge, who: &Who, document: Value) -> Result<Done, Refusal> {
    // An `_id` among the metrics of this path is a metric.
    one(bridge, who, item(bridge, who, document, Some(PostKind::Run), "$", false)).await
}

/// Keeps one failure, of whatever model.
///
/// # Errors
/// 422, 403, 409 or 503.
pub async fn failure(bridge: &Bridge, who: &Who, document: Value) -> Result<Done, Refusal> {
    one(bridge, who, item(bridge, who, document, Some(PostKind::Failure), "$", false)).await
}

async fn one(bridge: &Bridge, who: &Who, item: Item) -> Result<Done, Refusal> {
    let verdicts = decide(bridge, who, vec![item]).await?;
    let audit = audit(&verdicts);
    let answer = match verdicts.into_iter().next() {
        Some((_, Verdict::Kept(recorded))) => {
            let duplicate = recorded == Recorded::Duplicate;
            Answer::json(200, json!({"status": "accepted", "duplicate": duplicate}))
        }
        Some((_, Verdict::NotEnabled)) => {
            Answer::json(202, json!({"status": "rejected", "reason": NOT_ENABLED}))
        }
        Some((_, Verdict::Refused(refusal))) => return Err(refusal),
        None => return Err(Refusal::new(500, "bug", "the bridge lost an item")),
    };
    Ok(Done { answer, audit })
}

/// Keeps many runs and failures, each under its own `_id` where it has one.
///
/// # Errors
/// 422 where the body is no list, 413 where it is too long, 503 where no item could be stored now. What is wrong with one
/// item is said in its own answer and holds up no other.
pub async fn batch(bridge: &Bridge, who: &Who, document: Value) -> Result<Done, Refusal> {
    let (items, path) = match document {
        Value::Array(items) => (items, "$"),
        Value::Object(mut fields) => match fields.remove("results") {
            Some(Value::Array(items)) => (items, "$.results"),
            _ => return Err(Refusal::schema("$.results", "must be an array of runs and failures")),
        },
        _ => return Err(Refusal::schema("$", "must be an array, or an object with an array `results`")),
    };
    if items.len() > MOST_ITEMS {
        let why = format!("a batch may have {MOST_ITEMS} items; send this one in parts");
        return Err(Refusal::new(413, "too_many_items", why));
    }
    bridge.rates.charge(&who.key.id, items.len().saturating_sub(1), Instant::now());
    let look = |(place, document)| item(bridge, who, document, None, &format!("{path}[{place}]"), true);
    let items = items.into_iter().enumerate().map(look).collect();
    let verdicts = decide(bridge, who, items).await?;
    let audit = audit(&verdicts);
    let later =
        verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Refused(why) if why.is_retryable()));
    if let (true, Some((_, Verdict::Refused(why)))) = (later, verdicts.first()) {
        return Err(why.clone());
    }
    let told = verdicts.into_iter().enumerate().map(|(place, (id, verdict))| tell(place, id, verdict, who));
    let said = json!({"status": "accepted", "results": told.collect::<Vec<_>>()});
    Ok(Done { answer: Answer::json(200, said), audit })
}

fn tell(place: usize, id: Option<String>, verdict: Verdict, who: &Who) -> Value {
    let mut said = match verdict {
        Verdict::Kept(recorded) => {
            json!({"status": "accepted", "duplicate": recorded == Recorded::Duplicate})
        }
        Verdict::NotEnabled => json!({"status": "rejected", "reason": NOT_ENABLED}),
        Verdict::Refused(why) => {
            let error = why.at_item(place).document(&who.request_id);
            json!({"status": "error", "error": error["error"]})
        }
    };
    (said["item"], said["id"]) = (json!(place), json!(id));
    said
}

/// Looks at an item. Without a kind it is a failure where it has an `error_kind`, and a run otherwise.
fn item(
    bridge: &Bridge,
    who: &Who,
    document: Value,
    kind: Option<PostKind>,
    path: &str,
    names_itself: bool,
) -> Item {
    let refused = |id, refusal| Item { id, row: Err(Verdict::Refused(refusal)), wants_enabled: false };
    let fields = match check_keys(&document, path).and_then(|()| object(document, path)) {
        Ok(fields) => fields,
        Err(refusal) => return refused(None, refusal),
    };
    let kind = kind.unwrap_or_else(|| match fields.contains_key("error_kind") {
        true => PostKind::Failure,
        false => PostKind::Run,
    });
    let given = fields.get("_id").filter(|_| names_itself);
    let id = given.and_then(Value::as_str).map(str::to_owned);
    if given.is_some() && id.is_none() {
        return refused(None, Refusal::schema(format!("{path}._id"), "must be a text"));
    }
    let stamps = Stamps { received_at: who.at, key_id: who.key.id.clone(), runner: who.key.runner.clone() };
    let post = Posted { kind, document: fields, id: id.clone(), stamps };
    let row = match posted::row(post, &bridge.policy.published_profiles) {
        Ok(row) => row,
        Err(flaw) => {
            let field = if flaw.field == "id" { "_id" } else { &flaw.field };
            return refused(id, Refusal::schema(format!("{path}.{field}"), flaw.to_string()));
        }
    };
    let action = if kind == PostKind::Run { Action::Ingest } else { Action::Error };
    if !who.key.may(action) || !who.key.covers(row.text("provider")) {
        let why = "this key is not for this provider, or not for posting this";
        let refusal =
            Refusal { field: Some(format!("{path}.provider")), ..Refusal::new(403, "forbidden", why) };
        return refused(id, refusal);
    }
    Item { id, wants_enabled: kind == PostKind::Run && row.moves_health, row: Ok(row) }
}

/// Has everything written that may be, and says what became of each item.
async fn decide(
    bridge: &Bridge,
    who: &Who,
    items: Vec<Item>,
) -> Result<Vec<(Option<String>, Verdict)>, Refusal> {
    let set = match items.iter().any(|item| item.wants_enabled) {
        true => Some(bridge.work.current().await.map_err(|error| store_refusal(bridge, &error))?),
        false => None,
    };
    let mut rows = Vec::with_capacity(items.len());
    let mut verdicts = Vec::with_capacity(items.len());
    for item in items {
        let enabled =
            |row: &Row| set.as_ref().is_some_and(|set| set.has(row.text("provider"), row.text("model_name")));
        let verdict = match item.row {
            Err(verdict) => Some(verdict),
            Ok(row) if item.wants_enabled && !enabled(&row) => Some(Verdict::NotEnabled),
            Ok(row) => {
                rows.push(row);
                None
            }
        };
        verdicts.push((item.id, verdict));
    }
    let mut kept = bridge.desk.keep(rows).await?.into_iter();
    let verdicts = verdicts.into_iter().map(|(id, verdict)| {
        let verdict = verdict.unwrap_or_else(|| match kept.next() {
            Some(Ok(recorded)) => Verdict::Kept(recorded),
            Some(Err(error)) => Verdict::Refused(store_refusal(bridge, &error)),
            None => Verdict::Refused(Refusal::new(500, "bug", "the store lost an item")),
        });
        bridge.metrics.item(fate(&verdict));
        (id, verdict)
    });
    let verdicts: Vec<_> = verdicts.collect();
    if verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Kept(_))) {
        bridge.sightings.stored(&who.key.runner, who.at);
    }
    Ok(verdicts)
}

fn fate(verdict: &Verdict) -> ItemFate {
    match verdict {
        Verdict::Kept(Recorded::Stored) => ItemFate::Stored,
        Verdict::Kept(Recorded::Duplicate) => ItemFate::Duplicate,
        Verdict::NotEnabled => ItemFate::NotEnabled,
        Verdict::Refused(refusal) if refusal.status == 409 => ItemFate::Conflict,
        Verdict::Refused(refusal) if refusal.is_retryable() => ItemFate::Unavailable,
        Verdict::Refused(_) => ItemFate::Refused,
    }
}

/// What the audit line says of the items: how many met which fate, and the ids of the first and the last.
fn audit(verdicts: &[(Option<String>, Verdict)]) -> Value {
    let mut counts = BTreeMap::<&str, usize>::new();
    for (_, verdict) in verdicts {
        *counts.entry(fate(verdict).as_str()).or_default() += 1;
    }
    let mut said = json!(counts);
    let ids: Vec<&String> = verdicts.iter().filter_map(|(id, _)| id.as_ref()).collect();
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        said["first_id"] = json!(super::refusal::echo(first));
        said["last_id"] = json!(super::refusal::echo(last));
    }
    said
}

/// Refuses a run, a failure or a listed model with too many keys.
///
/// # Errors
/// 422.
pub fn check_keys(document: &Value, path: &str) -> Result<(), Refusal> {
    if has_few_keys(document) {
        return Ok(());
    }
    let why = format!("has more than {MOST_KEYS_OF_ITEM} keys with all that is in it");
    Err(Refusal::schema(path, why))
}

/// The fields of a document that has to be an object.
///
/// # Errors
/// 422.
pub fn object(document: Value, path: &str) -> Result<Map<String, Value>, Refusal> {
    match document {
        Value::Object(fields) => Ok(fields),
        _ => Err(Refusal::schema(path, "must be an object")),
    }
}

/// What a client is told of a store's error. What the store itself says is for the operator.
pub fn store_refusal(bridge: &Bridge, error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict(_) => {
            Refusal::new(409, "conflict", "this id is stored with other content; nothing was changed")
        }
        StoreError::Rejected(why) => Refusal::new(422, "schema", why),
        StoreError::Unavailable(why) => {
            bridge.warn("store", why);
            Refusal::later("store_unavailable", "the database does not answer; post again", 5)
        }
        StoreError::Denied(why) | StoreError::Broken(why) => {
            bridge.journal.say_seldom(Level::Warn, "store", json!({ "message": why }));
            Refusal::later("store_broken", "the database cannot be used as it is; post again later", 30)
        }
    }
}

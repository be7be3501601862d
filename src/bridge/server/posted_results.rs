//! `POST /ingest`, `/ingest/error` and `/ingest/batch`: checks posted runs and failures one by one, writes them
//! together, and answers in order.

use super::audit::{AuditedResponse, PostContext};
use super::bridge_error::BridgeError;
use super::bridge_server::BridgeServer;
use super::journal::JournalLevel;
use super::metrics::ItemOutcome;
use super::response::BridgeResponse;
use super::strict_json::{self, LIST_PATH, MOST_KEYS_OF_ITEM, has_few_keys};
use crate::domain::ModelRef;
use crate::storage::outcomes::document::PackedRow;
use crate::storage::outcomes::payload::OutcomeKind;
use crate::storage::posts::ingest_keys::Action;
use crate::storage::posts::{PostOrigin, Posted, posted_row};
use crate::storage::{RecordOutcome, StoreError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Maximum number of items in a batch.
const MOST_ITEMS: usize = 1000;
/// The Python runner's text for a run of a model that is not measured.
const NOT_ENABLED: &str = "model is not enabled in catalog";

/// The result of one item.
#[derive(Debug, Clone, PartialEq)]
enum ItemVerdict {
    Kept(RecordOutcome),
    NotEnabled,
    Refused(BridgeError),
}

/// One item after its checks.
struct ParsedItem {
    id: Option<String>,
    row: Result<PackedRow, ItemVerdict>,
    /// Its model, if that must be enabled, as for runs of the published series.
    wants_enabled: Option<ModelRef>,
}

/// Stores one posted run.
///
/// # Errors
/// 422, 403, 409 or 503; a model that is not enabled gives 202, as the Python runner expects.
pub async fn run(
    bridge: &BridgeServer,
    who: &PostContext,
    document: Value,
) -> Result<AuditedResponse, BridgeError> {
    // On this path an `_id` among the metrics is a metric.
    one(bridge, who, item(bridge, who, document, Some(OutcomeKind::Run), "$", false)).await
}

/// Stores one failure, of any model.
///
/// # Errors
/// The statuses 422, 403, 409 or 503.
pub async fn failure(
    bridge: &BridgeServer,
    who: &PostContext,
    document: Value,
) -> Result<AuditedResponse, BridgeError> {
    one(bridge, who, item(bridge, who, document, Some(OutcomeKind::Failure), "$", false)).await
}

async fn one(
    bridge: &BridgeServer,
    who: &PostContext,
    item: ParsedItem,
) -> Result<AuditedResponse, BridgeError> {
    let verdicts = decide(bridge, who, vec![item]).await?;
    let audit = audit(&verdicts);
    let answer = match verdicts.into_iter().next() {
        Some((_, ItemVerdict::Kept(recorded))) => {
            let duplicate = recorded == RecordOutcome::Duplicate;
            BridgeResponse::json(200, json!({"status": "accepted", "duplicate": duplicate}))
        }
        Some((_, ItemVerdict::NotEnabled)) => {
            BridgeResponse::json(202, json!({"status": "rejected", "reason": NOT_ENABLED}))
        }
        Some((_, ItemVerdict::Refused(refusal))) => return Err(refusal),
        None => return Err(BridgeError::new(500, "bug", "the bridge lost an item")),
    };
    Ok(AuditedResponse { answer, audit })
}

/// Stores many runs and failures, each under its own `_id` if it has one.
///
/// # Errors
/// 422 if the body is no list, 413 if it is too long, 503 if no item could be stored now. An error of one item is
/// reported in its own result and affects no other.
pub async fn batch(
    bridge: &BridgeServer,
    who: &PostContext,
    body: &[u8],
) -> Result<AuditedResponse, BridgeError> {
    let mut items = Vec::new();
    // Each item becomes a packed row before the next one is read: a whole body as a tree is many times its size.
    let is_list = strict_json::read_items(body, &mut |list, document| {
        if items.len() <= MOST_ITEMS {
            items.push(item(bridge, who, document, None, &format!("{list}[{}]", items.len()), true));
        }
    })?;
    if !is_list {
        return Err(match body.trim_ascii_start().first() {
            Some(b'{') => BridgeError::schema(LIST_PATH, "must be an array of runs and failures"),
            _ => BridgeError::schema("$", "must be an array, or an object with an array `results`"),
        });
    }
    if items.len() > MOST_ITEMS {
        let why = format!("a batch may have {MOST_ITEMS} items; send this one in parts");
        return Err(BridgeError::new(413, "too_many_items", why));
    }
    bridge.rates.charge(&who.key.id, items.len().saturating_sub(1), Instant::now());
    let verdicts = decide(bridge, who, items).await?;
    let audit = audit(&verdicts);
    let later = verdicts
        .iter()
        .all(|(_, verdict)| matches!(verdict, ItemVerdict::Refused(why) if why.is_retryable()));
    if let (true, Some((_, ItemVerdict::Refused(why)))) = (later, verdicts.first()) {
        return Err(why.clone());
    }
    let told = verdicts.into_iter().enumerate().map(|(place, (id, verdict))| tell(place, id, verdict, who));
    let said = json!({"status": "accepted", "results": told.collect::<Vec<_>>()});
    Ok(AuditedResponse { answer: BridgeResponse::json(200, said), audit })
}

fn tell(place: usize, id: Option<String>, verdict: ItemVerdict, who: &PostContext) -> Value {
    let mut said = match verdict {
        ItemVerdict::Kept(recorded) => {
            json!({"status": "accepted", "duplicate": recorded == RecordOutcome::Duplicate})
        }
        ItemVerdict::NotEnabled => json!({"status": "rejected", "reason": NOT_ENABLED}),
        ItemVerdict::Refused(why) => {
            let error = why.at_item(place).document(&who.request_id);
            json!({"status": "error", "error": error["error"]})
        }
    };
    (said["item"], said["id"]) = (json!(place), json!(id));
    said
}

/// Checks an item. Without a kind it is a failure if it has an `error_kind`, otherwise a run.
fn item(
    bridge: &BridgeServer,
    who: &PostContext,
    document: Value,
    kind: Option<OutcomeKind>,
    path: &str,
    names_itself: bool,
) -> ParsedItem {
    let refused =
        |id, refusal| ParsedItem { id, row: Err(ItemVerdict::Refused(refusal)), wants_enabled: None };
    let fields = match check_keys(&document, path).and_then(|()| object(document, path)) {
        Ok(fields) => fields,
        Err(refusal) => return refused(None, refusal),
    };
    let kind = kind.unwrap_or_else(|| match fields.contains_key("error_kind") {
        true => OutcomeKind::Failure,
        false => OutcomeKind::Run,
    });
    let given = fields.get("_id").filter(|_| names_itself);
    let id = given.and_then(Value::as_str).map(str::to_owned);
    if given.is_some() && id.is_none() {
        return refused(None, BridgeError::schema(format!("{path}._id"), "must be a text"));
    }
    let stamps = PostOrigin {
        received_at: who.at,
        key_id: who.key.id.clone(),
        runner: who.key.runner.clone(),
        endpoint_tags: Arc::clone(&bridge.policy.endpoint_tags),
    };
    let post = Posted { kind, document: fields, id: id.clone(), stamps };
    let row = match posted_row::row(post, &bridge.policy.published_profiles) {
        Ok(row) => row,
        Err(flaw) => {
            let field = if flaw.field == "id" { "_id" } else { &flaw.field };
            return refused(id, BridgeError::schema(format!("{path}.{field}"), flaw.to_string()));
        }
    };
    let action = if kind == OutcomeKind::Run { Action::Ingest } else { Action::Error };
    if !who.key.may(action) || !who.key.covers(row.text("provider")) {
        let why = "this key is not for this provider, or not for posting this";
        let refusal = BridgeError {
            field: Some(format!("{path}.provider")),
            ..BridgeError::new(403, "forbidden", why)
        };
        return refused(id, refusal);
    }
    let wants_enabled = (kind == OutcomeKind::Run && row.moves_health)
        .then(|| ModelRef::new(row.text("provider"), row.text("model_name")));
    ParsedItem { id, wants_enabled, row: Ok(bridge.store.pack(row)) }
}

/// Writes all items that may be written, and returns the result of each.
async fn decide(
    bridge: &BridgeServer,
    who: &PostContext,
    items: Vec<ParsedItem>,
) -> Result<Vec<(Option<String>, ItemVerdict)>, BridgeError> {
    let set = match items.iter().any(|item| item.wants_enabled.is_some()) {
        true => Some(bridge.work.current().await.map_err(|error| store_refusal(bridge, &error))?),
        false => None,
    };
    let mut rows = Vec::with_capacity(items.len());
    let mut verdicts = Vec::with_capacity(items.len());
    for item in items {
        let enabled =
            |model: &ModelRef| set.as_ref().is_some_and(|set| set.has(&model.provider, &model.model_id));
        let verdict = match item.row {
            Err(verdict) => Some(verdict),
            Ok(_) if item.wants_enabled.is_some_and(|model| !enabled(&model)) => {
                Some(ItemVerdict::NotEnabled)
            }
            Ok(row) => {
                rows.push(row);
                None
            }
        };
        verdicts.push((item.id, verdict));
    }
    let mut kept = bridge.write_queue.keep(rows).await?.into_iter();
    let verdicts = verdicts.into_iter().map(|(id, verdict)| {
        let verdict = verdict.unwrap_or_else(|| match kept.next() {
            Some(Ok(recorded)) => ItemVerdict::Kept(recorded),
            Some(Err(error)) => ItemVerdict::Refused(store_refusal(bridge, &error)),
            None => ItemVerdict::Refused(BridgeError::new(500, "bug", "the store lost an item")),
        });
        bridge.metrics.item(outcome(&verdict));
        (id, verdict)
    });
    let verdicts: Vec<_> = verdicts.collect();
    if verdicts.iter().any(|(_, verdict)| matches!(verdict, ItemVerdict::Kept(_))) {
        bridge.runner_activity.stored(&who.key.runner, who.at);
    }
    Ok(verdicts)
}

fn outcome(verdict: &ItemVerdict) -> ItemOutcome {
    match verdict {
        ItemVerdict::Kept(RecordOutcome::Stored) => ItemOutcome::Stored,
        ItemVerdict::Kept(RecordOutcome::Duplicate) => ItemOutcome::Duplicate,
        ItemVerdict::NotEnabled => ItemOutcome::NotEnabled,
        ItemVerdict::Refused(refusal) if refusal.status == 409 => ItemOutcome::Conflict,
        ItemVerdict::Refused(refusal) if refusal.is_retryable() => ItemOutcome::Unavailable,
        ItemVerdict::Refused(_) => ItemOutcome::Refused,
    }
}

/// The audit line's summary of the items: number by result, and the first and last id.
fn audit(verdicts: &[(Option<String>, ItemVerdict)]) -> Value {
    let mut counts = BTreeMap::<&str, usize>::new();
    for (_, verdict) in verdicts {
        *counts.entry(outcome(verdict).as_str()).or_default() += 1;
    }
    let mut said = json!(counts);
    let ids: Vec<&String> = verdicts.iter().filter_map(|(id, _)| id.as_ref()).collect();
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        said["first_id"] = json!(super::bridge_error::echo(first));
        said["last_id"] = json!(super::bridge_error::echo(last));
    }
    said
}

/// Refuses a run, a failure or a listed model with too many keys.
///
/// # Errors
/// Status 422 with the path.
pub fn check_keys(document: &Value, path: &str) -> Result<(), BridgeError> {
    if has_few_keys(document) {
        return Ok(());
    }
    let why = format!("has more than {MOST_KEYS_OF_ITEM} keys with all that is in it");
    Err(BridgeError::schema(path, why))
}

/// The fields of a document that must be an object.
///
/// # Errors
/// Status 422 with the path.
pub fn object(document: Value, path: &str) -> Result<Map<String, Value>, BridgeError> {
    match document {
        Value::Object(fields) => Ok(fields),
        _ => Err(BridgeError::schema(path, "must be an object")),
    }
}

/// The client's error for a store error. Details of the store go only to the operator.
pub fn store_refusal(bridge: &BridgeServer, error: &StoreError) -> BridgeError {
    match error {
        StoreError::Conflict(_) => {
            BridgeError::new(409, "conflict", "this id is stored with other content; nothing was changed")
        }
        StoreError::Rejected(why) => BridgeError::new(422, "schema", why),
        StoreError::Unavailable(why) => {
            bridge.warn("store", why);
            BridgeError::later("store_unavailable", "the database does not answer; post again", 5)
        }
        StoreError::Denied(why) | StoreError::Broken(why) => {
            bridge.journal.say_seldom(JournalLevel::Warn, "store", json!({ "message": why }));
            BridgeError::later("store_broken", "the database cannot be used as it is; post again later", 30)
        }
    }
}

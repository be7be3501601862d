//! `POST /ingest/catalog`: stores a provider's list that a runner has read. It enables no model.

use super::audit::{AuditedResponse, PostContext};
use super::bridge_error::BridgeError;
use super::bridge_server::BridgeServer;
use super::metrics::ItemOutcome;
use super::posted_results::{check_keys, object, store_refusal};
use super::response::BridgeResponse;
use crate::storage::posts;
use serde_json::{Value, json};

/// Stores a provider's list.
///
/// # Errors
/// 422 if the document is no list, 403 if the key is for another provider, 503 if the store cannot take it.
pub async fn keep(
    bridge: &BridgeServer,
    who: &PostContext,
    document: Value,
) -> Result<AuditedResponse, BridgeError> {
    let kept = stored(bridge, who, document).await;
    let outcome = match &kept {
        Ok(_) => ItemOutcome::Stored,
        Err(refusal) if refusal.is_retryable() => ItemOutcome::Unavailable,
        Err(_) => ItemOutcome::Refused,
    };
    bridge.metrics.item(outcome);
    kept
}

async fn stored(
    bridge: &BridgeServer,
    who: &PostContext,
    document: Value,
) -> Result<AuditedResponse, BridgeError> {
    let fields = object(document, "$")?;
    let models = fields.get("models").and_then(Value::as_array).into_iter().flatten();
    for (place, model) in models.enumerate() {
        check_keys(model, &format!("$.models[{place}]"))?;
    }
    let listing = posts::listing(&fields, who.at)
        .map_err(|flaw| BridgeError::schema(format!("$.{}", flaw.field), flaw.to_string()))?;
    if !who.key.covers(&listing.provider) {
        return Err(BridgeError::new(403, "forbidden", "this key is not for this provider"));
    }
    let (models, complete) = (listing.models.len(), listing.status.is_complete());
    let kept = bridge.store.keep_listing(&listing).await.map_err(|error| store_refusal(bridge, &error))?;
    bridge.runner_activity.stored(&who.key.runner, who.at);
    let said = json!({
        "status": "accepted", "models": models, "new": kept.new, "changed": kept.changed, "complete": complete,
    });
    let audit = json!({"provider": listing.provider, "models": models, "complete": complete});
    Ok(AuditedResponse { answer: BridgeResponse::json(200, said), audit })
}

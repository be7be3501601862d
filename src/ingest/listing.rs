//! `POST /ingest/catalog`: a provider's list as a runner has read it. It says what is offered; it enables nothing.

use super::answer::Answer;
use super::bridge::Bridge;
use super::metrics::ItemFate;
use super::refusal::Refusal;
use super::results::{check_keys, object, store_refusal};
use super::router::{Done, Who};
use crate::storage::received;
use serde_json::{Value, json};

/// Keeps a list.
///
/// # Errors
/// 422 where it is none, 403 for another provider than the key's, 503 where the store cannot take it.
pub async fn keep(bridge: &Bridge, who: &Who, document: Value) -> Result<Done, Refusal> {
    let kept = stored(bridge, who, document).await;
    let fate = match &kept {
        Ok(_) => ItemFate::Stored,
        Err(refusal) if refusal.is_retryable() => ItemFate::Unavailable,
        Err(_) => ItemFate::Refused,
    };
    bridge.metrics.item(fate);
    kept
}

async fn stored(bridge: &Bridge, who: &Who, document: Value) -> Result<Done, Refusal> {
    let fields = object(document, "$")?;
    let models = fields.get("models").and_then(Value::as_array).into_iter().flatten();
    for (place, model) in models.enumerate() {
        check_keys(model, &format!("$.models[{place}]"))?;
    }
    let listing = received::listing(&fields, who.at)
        .map_err(|flaw| Refusal::schema(format!("$.{}", flaw.field), flaw.to_string()))?;
    if !who.key.covers(&listing.provider) {
        return Err(Refusal::new(403, "forbidden", "this key is not for this provider"));
    }
    let (models, complete) = (listing.models.len(), listing.status.is_complete());
    let kept = bridge.store.keep_listing(&listing).await.map_err(|error| store_refusal(bridge, &error))?;
    bridge.sightings.stored(&who.key.runner, who.at);
    let said = json!({
        "status": "accepted", "models": models, "new": kept.new, "changed": kept.changed, "complete": complete,
    });
    let audit = json!({"provider": listing.provider, "models": models, "complete": complete});
    Ok(Done { answer: Answer::json(200, said), audit })
}

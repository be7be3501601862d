//! `GET /runner-config?provider=P`: the models for a runner, their interval, and their metadata.

use super::audit::PostContext;
use super::bridge_error::BridgeError;
use super::bridge_server::BridgeServer;
use super::enabled_models::WorkSet;
use super::posted_results::store_refusal;
use super::response::BridgeResponse;
use crate::domain::name_rules::check_name;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// Version of the document that runners understand.
const SCHEMA_VERSION: u32 = 1;

/// Answers a runner's request.
///
/// # Errors
/// 400 without a provider, 403 if the key is for another provider, 503 if the catalog cannot be read: only after a 503
/// does a runner continue with its last list.
pub async fn answer(
    bridge: &BridgeServer,
    who: &PostContext,
    query: &str,
) -> Result<BridgeResponse, BridgeError> {
    let provider = provider(query)?;
    if !who.key.covers(&provider) {
        return Err(BridgeError::new(403, "forbidden", "this key is not for this provider"));
    }
    let set = bridge.work.current().await.map_err(|error| store_refusal(bridge, &error))?;
    Ok(BridgeResponse::json(200, document(&provider, &set, bridge.policy.interval_minutes, who.at)))
}

/// The one `provider` of a query.
fn provider(query: &str) -> Result<String, BridgeError> {
    let wrong = || BridgeError::new(400, "provider", "name one provider: /runner-config?provider=bedrock");
    let mut named = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "provider");
    let (_, provider) = named.next().ok_or_else(wrong)?;
    if named.next().is_some() || check_name(&provider).is_err() {
        return Err(wrong());
    }
    Ok(provider.into_owned())
}

fn document(provider: &str, set: &WorkSet, interval_minutes: u32, at: DateTime<Utc>) -> Value {
    let items = set.of(provider);
    let metadata: Map<String, Value> = items
        .iter()
        .filter(|item| !item.metadata.is_empty())
        .map(|item| (item.model.model_id.clone(), Value::Object(item.metadata.clone())))
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "provider": provider,
        "interval_minutes": interval_minutes,
        "models": items.iter().map(|item| item.model.model_id.as_str()).collect::<Vec<_>>(),
        "model_metadata": metadata,
        "generated_at": at.to_rfc3339_opts(SecondsFormat::Secs, true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::storage::WorkItem;

    #[test]
    fn the_document_is_the_one_that_runners_check() {
        let item = |id: &str, metadata: Value| WorkItem {
            model: ModelRef::new("bedrock", id),
            display_name: id.to_owned(),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
        };
        let set = WorkSet::new(vec![item("b", json!({"omit_temperature": true})), item("a", json!({}))]);
        let said = document("bedrock", &set, 30, DateTime::UNIX_EPOCH).to_string();
        assert_eq!(
            said,
            r#"{"schema_version":1,"provider":"bedrock","interval_minutes":30,"models":["a","b"],"model_metadata":{"b":{"omit_temperature":true}},"generated_at":"1970-01-01T00:00:00Z"}"#
        );
    }

    #[test]
    fn one_provider_is_named() {
        assert_eq!(provider("provider=bedrock"), Ok("bedrock".to_owned()));
        assert_eq!(provider("x=1&provider=a%20b"), Ok("a b".to_owned()));
        for wrong in ["", "provider", "provider=", "provider=a&provider=b", "provider=%00", "Provider=a"] {
            assert_eq!(provider(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }
}

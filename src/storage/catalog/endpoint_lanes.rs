//! The lanes of measurement of a router's model: one for each endpoint that its catalog entry pins. The catalog has one
//! entry for a model, because readers of MongoDB's `models` have a unique index on provider and model; the endpoints
//! are in its metadata. Pure.

use super::WorkItem;
use crate::domain::generation_request::{ENDPOINTS, PROVIDER_NAME, QUANTIZATION};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An endpoint to which measurements of a model are pinned. The catalog keeps a list of them and not a map, because a
/// tag may hold dots, which MongoDB reads as paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedEndpoint {
    /// The tag, for example `deepinfra/fp4`.
    pub tag: String,
    /// The quantization as it was stated when the endpoint was pinned. It stays until somebody changes it, because rows
    /// are grouped by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
    /// The name under which its provider answers, for example `DeepInfra`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<String>,
}

/// The pinned endpoints in a model's metadata, each tag once; what is no endpoint is left out.
pub fn pinned_endpoints(metadata: &Map<String, Value>) -> Vec<PinnedEndpoint> {
    let all = metadata.get(ENDPOINTS).and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<PinnedEndpoint> = Vec::new();
    for endpoint in all.filter_map(|entry| PinnedEndpoint::deserialize(entry).ok()) {
        if !endpoint.tag.trim().is_empty() && found.iter().all(|there| there.tag != endpoint.tag) {
            found.push(endpoint);
        }
    }
    found
}

/// Writes pinned endpoints into a model's metadata; without any, the field goes.
pub fn put_endpoints(metadata: &mut Map<String, Value>, endpoints: &[PinnedEndpoint]) {
    match serde_json::to_value(endpoints) {
        Ok(list) if !endpoints.is_empty() => drop(metadata.insert(ENDPOINTS.to_owned(), list)),
        _ => drop(metadata.remove(ENDPOINTS)),
    }
}

/// Replaces each routed model with pinned endpoints by one item for each of them. Other models stay as they are.
pub fn endpoint_lanes(items: Vec<WorkItem>) -> Vec<WorkItem> {
    let mut lanes = Vec::with_capacity(items.len());
    for item in items {
        let may_pin = item.model.is_routed() && item.model.endpoint_tag().is_none();
        let endpoints = if may_pin { pinned_endpoints(&item.metadata) } else { Vec::new() };
        lanes.extend(endpoints.iter().map(|endpoint| lane(&item, endpoint)));
        if endpoints.is_empty() {
            lanes.push(item);
        }
    }
    lanes
}

/// The item of one pinned endpoint.
pub fn lane(item: &WorkItem, endpoint: &PinnedEndpoint) -> WorkItem {
    let mut metadata = item.metadata.clone();
    metadata.remove(ENDPOINTS);
    for (name, fact) in [(QUANTIZATION, &endpoint.quantization), (PROVIDER_NAME, &endpoint.provider_name)] {
        match fact {
            Some(fact) => metadata.insert(name.to_owned(), Value::String(fact.clone())),
            // What is said of the model as a whole need not be true of this endpoint.
            None => metadata.remove(name),
        };
    }
    WorkItem {
        model: item.model.pinned(&endpoint.tag),
        display_name: format!("{} ({})", item.display_name, endpoint.tag),
        metadata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(name: &str, metadata: &Value) -> WorkItem {
        WorkItem {
            model: name.parse().unwrap(),
            display_name: "M".to_owned(),
            metadata: metadata.as_object().cloned().unwrap(),
        }
    }

    #[test]
    fn each_pinned_endpoint_is_a_lane_with_facts_of_its_own() {
        let deepinfra = json!({"tag": "deepinfra/fp4", "quantization": "fp4", "provider_name": "DeepInfra"});
        let endpoints = json!([deepinfra, {"tag": "novita"}, {"tag": "novita"}, {"tag": " "}, 7]);
        let metadata = json!({"endpoints": endpoints, "quantization": "bf16", "reasoning_effort": "low"});
        let lanes = endpoint_lanes(vec![item("openrouter:a/b", &metadata)]);
        let told: Vec<String> = lanes.iter().map(|lane| lane.model.to_string()).collect();
        assert_eq!(told, ["openrouter:a/b@deepinfra/fp4", "openrouter:a/b@novita"]);
        assert_eq!(lanes[0].display_name, "M (deepinfra/fp4)");
        let first = json!({"quantization": "fp4", "provider_name": "DeepInfra", "reasoning_effort": "low"});
        assert_eq!(Value::Object(lanes[0].metadata.clone()), first);
        assert_eq!(Value::Object(lanes[1].metadata.clone()), json!({"reasoning_effort": "low"}));
        assert_eq!(endpoint_lanes(lanes.clone()), lanes);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut metadata = Map::from_iter([("x".to_owned(), json!(1))]);
        let endpoint = PinnedEndpoint { tag: "z.ai/fp8".to_owned(), ..PinnedEndpoint::default() };
        put_endpoints(&mut metadata, std::slice::from_ref(&endpoint));
        assert_eq!(pinned_endpoints(&metadata), [endpoint]);
        put_endpoints(&mut metadata, &[]);
        assert_eq!(Value::Object(metadata), json!({"x": 1}));
    }

    #[test]
    fn other_models_stay_as_they_are() {
        for (name, metadata) in [
            ("openrouter:a/b", json!({})),
            ("openrouter:a/b", json!({"endpoints": []})),
            ("openrouter:a/b", json!({"endpoints": ["novita"]})),
            ("groq:a", json!({"endpoints": [{"tag": "novita"}]})),
        ] {
            let items = vec![item(name, &metadata)];
            assert_eq!(endpoint_lanes(items.clone()), items);
        }
    }
}

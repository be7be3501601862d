//! The shared parts of request bodies: temperature, effort, and the merging of a host's and a model's own fields.
//! Each format's file has its fields.

use super::Quirks;
use crate::domain::GenerationRequest;
use crate::domain::canary::CANARY_SEED;
use crate::domain::generation_request::{EXTRA_FIELDS, OMIT_TEMPERATURE, REASONING_EFFORT};
use serde_json::{Map, Value, json};

/// The temperature to send, unless the host, or the model's metadata (`omit_temperature: true`), omits it.
pub(super) fn temperature(ask: &GenerationRequest, quirks: &Quirks) -> Option<f64> {
    let omitted = quirks.omit_temperature || ask.metadata.get(OMIT_TEMPERATURE) == Some(&Value::Bool(true));
    ask.temperature.filter(|_| !omitted)
}

/// The effort to send. The model's metadata wins over the profile; a null there sends none.
pub(super) fn effort(ask: &GenerationRequest) -> Option<&str> {
    match ask.metadata.get(REASONING_EFFORT) {
        Some(own) => own.as_str(),
        None => ask.reasoning_effort.as_deref(),
    }
}

/// The seed to send, if the same answer is wanted each time.
pub(super) fn seed(ask: &GenerationRequest, quirks: &Quirks) -> Option<u64> {
    (ask.deterministic && !quirks.omit_seed).then_some(CANARY_SEED)
}

/// The value of `logprobs` of the Chat Completions format, if token probabilities are wanted.
pub(super) fn logprobs(ask: &GenerationRequest, quirks: &Quirks) -> Option<Value> {
    let value = if quirks.counted_logprobs { json!(1) } else { json!(true) };
    (ask.deterministic && !quirks.omit_logprobs).then_some(value)
}

/// The model's own request fields from the catalog, if it has any.
pub(super) fn extra_fields(ask: &GenerationRequest) -> Option<&Map<String, Value>> {
    ask.metadata.get(EXTRA_FIELDS).and_then(Value::as_object)
}

/// The one user message, as the OpenAI and Anthropic families write it.
pub(super) fn user_message(ask: &GenerationRequest) -> Value {
    json!([{"role": "user", "content": ask.prompt}])
}

/// The finished body: the format's fields, then the host's, then the model's own.
pub(super) fn finished(mut body: Map<String, Value>, ask: &GenerationRequest, quirks: &Quirks) -> Value {
    merge(&mut body, &quirks.body);
    if let Some(fields) = extra_fields(ask) {
        merge(&mut body, fields);
    }
    Value::Object(body)
}

/// Merges as RFC 7386 says: objects merge, other values replace, null removes a field.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.shift_remove(key)),
            Value::Object(inner) => {
                let slot = target.entry(key.clone()).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge(slot, inner);
                }
            }
            other => drop(target.insert(key.clone(), other.clone())),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A request with everything set.
    pub fn ask(metadata: Value) -> GenerationRequest {
        GenerationRequest {
            model_id: "m".into(),
            prompt: "Tell.".into(),
            max_output_tokens: 64,
            temperature: Some(0.1),
            reasoning_effort: Some("low".into()),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            deterministic: false,
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn objects_merge_and_null_removes() {
        let mut body = object(json!({"a": {"x": 1, "y": 2}, "b": 1, "c": 1}));
        merge(&mut body, &object(json!({"a": {"y": 3, "z": 4}, "b": null, "c": {"d": 1}})));
        assert_eq!(Value::Object(body), json!({"a": {"x": 1, "y": 3, "z": 4}, "c": {"d": 1}}));
    }

    #[test]
    fn the_models_own_fields_come_last() {
        let quirks = Quirks { body: object(json!({"a": 1, "b": 1})), ..Quirks::default() };
        let ask = ask(json!({EXTRA_FIELDS: {"b": 2}}));
        assert_eq!(finished(Map::new(), &ask, &quirks), json!({"a": 1, "b": 2}));
    }

    #[test]
    fn a_temperature_can_be_left_out_by_host_or_model() {
        let quirks = Quirks { omit_temperature: true, ..Quirks::default() };
        assert_eq!(temperature(&ask(json!({})), &Quirks::default()), Some(0.1));
        assert_eq!(temperature(&ask(json!({})), &quirks), None);
        assert_eq!(temperature(&ask(json!({"omit_temperature": true})), &Quirks::default()), None);
        assert_eq!(temperature(&ask(json!({"omit_temperature": false})), &Quirks::default()), Some(0.1));
    }

    #[test]
    fn the_models_effort_wins() {
        assert_eq!(effort(&ask(json!({}))), Some("low"));
        assert_eq!(effort(&ask(json!({"reasoning_effort": "none"}))), Some("none"));
        assert_eq!(effort(&ask(json!({"reasoning_effort": null}))), None);
    }
}

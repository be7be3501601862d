//! Parses the work list of a bridge and checks it by the rules of the Python runner. Pure.

use crate::domain::ModelRef;
use crate::storage::WorkItem;
use serde_json::{Map, Value};

/// The supported version of the document.
const SCHEMA_VERSION: u64 = 1;
/// The longest accepted interval, minutes: 31 days.
const LONGEST: u64 = 31 * 24 * 60;

/// The models of a provider and the interval of their measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkList {
    /// The enabled models, with their quirks.
    pub items: Vec<WorkItem>,
    /// Seconds from one measurement of a model to the next, if the bridge sets it.
    pub cadence_seconds: Option<u32>,
}

/// Parses a work list.
///
/// # Errors
/// One sentence with the mistake; it does not quote the document.
pub fn read(document: &Value, provider: &str) -> Result<WorkList, String> {
    let fields = document.as_object().ok_or("it is no object")?;
    let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    if field("schema_version").as_u64() != Some(SCHEMA_VERSION) {
        return Err(format!("its schema_version is not {SCHEMA_VERSION}"));
    }
    if field("provider").as_str() != Some(provider) {
        return Err("it is for another provider".to_owned());
    }
    let models = field("models").as_array().ok_or("`models` is no array")?;
    let metadata = match field("model_metadata") {
        Value::Null => &Map::new(),
        Value::Object(of_models) => of_models,
        _ => return Err("`model_metadata` is no object".to_owned()),
    };
    if !metadata.values().all(Value::is_object) {
        return Err("`model_metadata` holds something else than objects".to_owned());
    }
    let mut items: Vec<WorkItem> = Vec::with_capacity(models.len());
    for model in models {
        let model = model.as_str().filter(|id| sound(id)).ok_or("`models` holds something that is no id")?;
        // A model that occurs twice would be measured twice in one slot.
        if items.iter().any(|item| item.model.model_id == model) {
            continue;
        }
        items.push(WorkItem {
            model: ModelRef::new(provider, model),
            display_name: model.to_owned(),
            metadata: metadata.get(model).and_then(Value::as_object).cloned().unwrap_or_default(),
        });
    }
    Ok(WorkList { items, cadence_seconds: cadence(field("interval_minutes"))? })
}

fn sound(id: &str) -> bool {
    !id.trim().is_empty() && !id.chars().any(char::is_control)
}

/// Minutes, as a whole number; if absent or 0, the runner decides.
fn cadence(value: &Value) -> Result<Option<u32>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let minutes = value.as_u64().filter(|minutes| *minutes <= LONGEST);
    let minutes = minutes.ok_or("`interval_minutes` is no whole number of minutes up to 31 days")?;
    Ok(u32::try_from(minutes * 60).ok().filter(|seconds| *seconds > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "schema_version": 1, "provider": "bedrock", "interval_minutes": 30,
            "models": ["anthropic.claude-opus-4-7", "amazon.nova-pro-v1:0"],
            "model_metadata": {"anthropic.claude-opus-4-7": {"omit_temperature": true}},
            "generated_at": "2026-05-11T20:00:00Z", "later": 1,
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut document = whole();
        document[name] = value;
        document
    }

    #[test]
    fn a_list_is_models_their_quirks_and_an_interval() {
        let list = read(&whole(), "bedrock").unwrap();
        let ids: Vec<&str> = list.items.iter().map(|item| item.model.model_id.as_str()).collect();
        assert_eq!(ids, ["anthropic.claude-opus-4-7", "amazon.nova-pro-v1:0"]);
        assert_eq!(Value::Object(list.items[0].metadata.clone()), json!({"omit_temperature": true}));
        assert!(list.items[1].metadata.is_empty());
        assert_eq!(list.cadence_seconds, Some(1800));
    }

    #[test]
    fn what_the_python_runner_takes_is_taken() {
        for (name, value, cadence) in [
            ("interval_minutes", Value::Null, None),
            ("interval_minutes", json!(0), None),
            ("model_metadata", Value::Null, Some(1800)),
            ("models", json!([]), Some(1800)),
        ] {
            assert_eq!(read(&with(name, value), "bedrock").unwrap().cadence_seconds, cadence);
        }
        let twice = read(&with("models", json!(["a", "a"])), "bedrock").unwrap();
        assert_eq!(twice.items.len(), 1);
    }

    #[test]
    fn what_it_refuses_is_refused() {
        for (name, value) in [
            ("schema_version", json!(2)),
            ("schema_version", json!("1")),
            ("provider", json!("groq")),
            ("models", json!("a")),
            ("models", json!([1])),
            ("models", json!(["canary\n"])),
            ("models", Value::Null),
            ("interval_minutes", json!(30.0)),
            ("interval_minutes", json!("30")),
            ("interval_minutes", json!(-1)),
            ("model_metadata", json!([])),
            ("model_metadata", json!({"a": "canary"})),
        ] {
            let said = read(&with(name, value.clone()), "bedrock").unwrap_err();
            assert!(!said.contains("canary"), "{name} {value}: {said}");
        }
        for document in [json!([]), json!(null), json!("ok"), json!({})] {
            assert!(read(&document, "bedrock").is_err());
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]{}\":,0-9a-z_ ]{0,80}") {
            if let Ok(document) = serde_json::from_str::<Value>(&text) {
                let _ = read(&document, "bedrock");
            }
        }
    }
}

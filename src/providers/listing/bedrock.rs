//! Bedrock: foundation models on one page, inference profiles by token. Models that can be
//! called only through a profile are listed by their profiles, because that is the id to call.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html>

use super::facts;
use super::types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage, encoded, entry, items};
use serde_json::Value;

/// The endpoints of both lists.
pub fn parts() -> Vec<ListingEndpoint> {
    let part = |shape, path: &'static str, label: &str| ListingEndpoint {
        shape,
        base: String::new(),
        path: path.into(),
        label: label.to_owned(),
    };
    vec![
        part(ListingFormat::FoundationModels, "/foundation-models", "foundation models"),
        part(ListingFormat::InferenceProfiles, "/inference-profiles", "inference profiles"),
    ]
}

pub fn models_page(document: &Value) -> Result<ListingPage, String> {
    Ok(super::page(items(document, &["modelSummaries"])?, None, model))
}

fn model(raw: &Value) -> Option<ListingEntry> {
    let name = raw.get("modelName").and_then(Value::as_str);
    let mut entry = entry(raw, raw.get("modelId")?.as_str()?, name, facts::common(raw))?;
    let holds = |field: &str, word: &str| {
        let words = raw.get(field).and_then(Value::as_array);
        words.is_none_or(|words| words.iter().any(|there| there == word))
    };
    let streams = raw.get("responseStreamingSupported").and_then(Value::as_bool).unwrap_or(true);
    entry.writes_text = streams && holds("outputModalities", "TEXT");
    entry.callable = holds("inferenceTypesSupported", "ON_DEMAND");
    Some(entry)
}

/// The query for a page of the largest size: the profiles that AWS defines.
pub fn profiles_query(cursor: Option<&str>) -> String {
    let token = cursor.map(|token| format!("&nextToken={}", encoded(token))).unwrap_or_default();
    format!("?maxResults=1000{token}&type=SYSTEM_DEFINED")
}

pub fn profiles_page(document: &Value) -> Result<ListingPage, String> {
    let next = super::token(document, "nextToken");
    Ok(super::page(items(document, &["inferenceProfileSummaries"])?, next, profile))
}

fn profile(raw: &Value) -> Option<ListingEntry> {
    let name = raw.get("inferenceProfileName").and_then(Value::as_str);
    let mut entry = entry(raw, raw.get("inferenceProfileId")?.as_str()?, name, facts::common(raw))?;
    entry.callable = raw.get("status").and_then(Value::as_str).is_none_or(|status| status == "ACTIVE");
    let models = raw.get("models").and_then(Value::as_array).into_iter().flatten();
    let arns = models.filter_map(|model| model.get("modelArn")?.as_str());
    entry.stands_for = arns.filter_map(|arn| arn.rsplit('/').next().map(str::to_owned)).collect();
    Some(entry)
}

/// Copies facts about models to the profiles for them: whether they write text, and when they end.
pub fn join(entries: &mut [ListingEntry]) {
    let models: Vec<ListingEntry> =
        entries.iter().filter(|entry| entry.stands_for.is_empty()).cloned().collect();
    for profile in entries.iter_mut().filter(|entry| !entry.stands_for.is_empty()) {
        let behind = models.iter().find(|model| profile.stands_for.contains(&model.model.model_id));
        if let Some(behind) = behind {
            profile.writes_text = behind.writes_text;
            profile.model.facts = behind.model.facts.clone();
        }
    }
}

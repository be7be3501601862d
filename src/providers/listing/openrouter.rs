//! OpenRouter: OpenAI's shape by offset, with a total. Prices are per token. Without a filter on modalities it lists
//! models that write text. <https://openrouter.ai/docs/api-reference/list-available-models>

use super::facts;
use super::types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage, entry, items};
use crate::domain::listing::ListedEndpoint;
use crate::domain::model::is_endpoint_tag;
use serde_json::Value;

/// The largest page size.
const LIMIT: u64 = 1000;

/// The query for a page of the largest size.
pub fn query(cursor: Option<&str>) -> String {
    format!("?limit={LIMIT}&offset={}", cursor.unwrap_or("0"))
}

/// Parses the page at `cursor`. A list without a total is complete, as it was before there were pages.
pub fn page(document: &Value, cursor: Option<&str>) -> Result<ListingPage, String> {
    let items = items(document, &["data"])?;
    let offset: u64 = cursor.unwrap_or("0").parse().unwrap_or(0);
    let end = offset.saturating_add(items.len() as u64);
    let total = document.get("total_count").and_then(Value::as_u64).unwrap_or(end);
    if items.is_empty() && end < total {
        return Err(format!("it says that it lists {total} models, and the page at {offset} is empty"));
    }
    Ok(super::page(items, (end < total).then(|| end.to_string()), read))
}

fn read(raw: &Value) -> Option<ListingEntry> {
    let mut found = facts::common(raw);
    found.input_price = facts::price(raw.pointer("/pricing/prompt"), 1e6);
    found.output_price = facts::price(raw.pointer("/pricing/completion"), 1e6);
    let mut entry = entry(raw, raw.get("id")?.as_str()?, raw.get("name").and_then(Value::as_str), found)?;
    let written = raw.pointer("/architecture/output_modalities").and_then(Value::as_array);
    entry.writes_text = written.is_none_or(|kinds| kinds.iter().any(|kind| kind == "text"));
    Some(entry)
}

/// The address of the endpoints of one model. `None` for an id that is no `author/slug`, which nothing but a mistake in
/// the catalog makes. <https://openrouter.ai/docs/api/api-reference/endpoints/list-endpoints>
pub fn endpoints_part(base: &str, model_id: &str) -> Option<ListingEndpoint> {
    let (author, slug) = model_id.split_once('/')?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|ch| ch.is_ascii_alphanumeric() || "-_.:~".contains(ch))
    };
    let path = format!("/models/{author}/{slug}/endpoints");
    (is_plain(author) && is_plain(slug))
        .then(|| ListingEndpoint::new(ListingFormat::Plain, base, path, model_id))
}

/// The most endpoints of a model that are read.
const MOST_ENDPOINTS: usize = 200;

/// Parses the endpoints of a model; entries without a usable tag are left out, and of two with one tag the first counts.
///
/// # Errors
/// A sentence, if the document is no list of endpoints.
pub fn endpoints(document: &Value) -> Result<Vec<ListedEndpoint>, String> {
    let listed = document.pointer("/data/endpoints").and_then(Value::as_array);
    let listed = listed.ok_or("its answer holds no list of endpoints (`data.endpoints`)")?;
    let mut found: Vec<ListedEndpoint> = Vec::new();
    for endpoint in listed.iter().filter_map(endpoint).take(MOST_ENDPOINTS) {
        if found.iter().all(|there| there.tag != endpoint.tag) {
            found.push(endpoint);
        }
    }
    Ok(found)
}

fn endpoint(raw: &Value) -> Option<ListedEndpoint> {
    let text = |name: &str| raw.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty());
    let number = |pointer: &str| raw.pointer(pointer)?.as_f64().filter(|number| *number >= 0.0);
    let tag = text("tag").filter(|tag| is_endpoint_tag(tag))?;
    Some(ListedEndpoint {
        tag: tag.to_owned(),
        provider_name: text("provider_name").unwrap_or(tag).chars().take(100).collect(),
        quantization: facts::quantization(raw.get("quantization")),
        status: raw.get("status").and_then(Value::as_i64),
        uptime_1d: number("/uptime_last_1d"),
        throughput_p50: number("/throughput_last_30m/p50"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn endpoints_are_read_in_their_documented_form() {
        let document = json!({"data": {"id": "a/b", "endpoints": [
            {"tag": "deepinfra/fp4", "provider_name": "DeepInfra", "quantization": "fp4", "status": 0,
             "uptime_last_1d": 99.8, "uptime_last_30m": 99.5, "throughput_last_30m": {"p50": 45.2}},
            {"tag": "novita", "provider_name": "Novita", "quantization": "unknown", "status": -2,
             "uptime_last_1d": null, "throughput_last_30m": null},
            {"tag": "novita", "provider_name": "Twice"},
            {"tag": "a b"}, {"provider_name": "No tag"}, 7
        ]}});
        let found = endpoints(&document).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            ListedEndpoint {
                tag: "deepinfra/fp4".into(),
                provider_name: "DeepInfra".into(),
                quantization: Some("fp4".into()),
                status: Some(0),
                uptime_1d: Some(99.8),
                throughput_p50: Some(45.2),
            }
        );
        assert_eq!(
            (found[1].quantization.clone(), found[1].status, found[1].uptime_1d),
            (None, Some(-2), None)
        );
        assert!(endpoints(&json!({"data": []})).is_err());
    }

    #[test]
    fn only_an_author_and_a_slug_make_an_address() {
        let path = |id: &str| endpoints_part("http://x/v1", id).map(|part| part.path.into_owned());
        assert_eq!(path("qwen/qwen3-8b:free").as_deref(), Some("/models/qwen/qwen3-8b:free/endpoints"));
        for wrong in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b?x", "a/b c", "a/%2e"] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_document_is_read_or_refused(text in "\\PC{0,200}") {
            if let Ok(document) = serde_json::from_str::<Value>(&text) {
                let _ = endpoints(&document);
            }
        }
    }
}

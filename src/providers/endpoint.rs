//! The endpoint that answers a request: a direct provider's own, or, at a router, the one to which the request is
//! pinned. Rows are ranked by its tag, so a tag is only stated where it is certain. Pure.
//!
//! Pinning at OpenRouter: <https://openrouter.ai/docs/features/provider-routing>

use super::hosts::{Auth, Host};
use crate::domain::GenerationRequest;
use crate::domain::generation_request::{ENDPOINT_TAG, EXTRA_FIELDS, PROVIDER_NAME, QUANTIZATION};
use crate::domain::model::{ROUTERS, is_router, quantization};
use serde_json::{Map, Value, json};

/// The longest tag or quantization, in characters; longer ones are not stated.
const LONGEST: usize = 100;

/// The endpoint of a request, as far as it is known before the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteEndpoint {
    /// The router that carries the request; `None` for a direct provider.
    pub transport_provider: Option<String>,
    /// The tag: `groq/direct`, `vertex/us-east5`, `deepinfra/fp4`; `None` at a router if the request is not pinned.
    pub tag: Option<String>,
    /// The stated quantization in lower case.
    pub quantization: Option<String>,
    /// The name under which the pinned endpoint's provider answers, if it is known.
    pub provider_name: Option<String>,
}

/// The endpoint that answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnsweringEndpoint {
    pub tag: Option<String>,
    pub quantization: Option<String>,
    /// A sentence, if another provider answered than the one to which the request was pinned.
    pub mismatch: Option<String>,
}

impl RouteEndpoint {
    /// The fields of a row that name the endpoint.
    pub fn fields(&self) -> Map<String, Value> {
        let fields = json!({
            "transport_provider": self.transport_provider,
            "route_endpoint_tag": self.tag,
            "quantization": self.quantization,
        });
        fields.as_object().cloned().unwrap_or_default()
    }

    /// The endpoint of a request to `host`. `region` is the one that the request goes to, if the host has regions.
    pub fn of(host: &Host, region: Option<&str>, ask: &GenerationRequest) -> Self {
        let fact = |name: &str| ask.metadata.get(name).and_then(Value::as_str).and_then(stated);
        let name = host.name.as_str();
        let is_routed = is_router(name);
        let tag = if ROUTERS.contains(&name) {
            pin_of(&ask.metadata)
        } else {
            fact(ENDPOINT_TAG).or_else(|| direct_tag(host, region).filter(|_| !is_routed))
        };
        Self {
            transport_provider: is_routed.then(|| host.name.clone()),
            quantization: fact(QUANTIZATION).filter(|_| tag.is_some()).and_then(|word| quantization(&word)),
            provider_name: fact(PROVIDER_NAME),
            tag,
        }
    }

    /// The endpoint that answered, by the name of the provider that the answer states. A router's answer counts for the
    /// pinned endpoint only if it comes from that endpoint's provider.
    pub fn answered_by(&self, observed: Option<&str>) -> AnsweringEndpoint {
        let known = || AnsweringEndpoint {
            tag: self.tag.clone(),
            quantization: self.quantization.clone(),
            mismatch: None,
        };
        let (Some(_), Some(tag)) = (&self.transport_provider, &self.tag) else { return known() };
        let Some(observed) = observed else {
            let mismatch = Some(format!("the answer does not say whether {tag} served it"));
            return AnsweringEndpoint { mismatch, ..AnsweringEndpoint::default() };
        };
        let slug = tag.split('/').next().unwrap_or(tag);
        let is_it = [Some(slug), self.provider_name.as_deref()]
            .into_iter()
            .flatten()
            .any(|name| same(name, observed));
        if is_it {
            return known();
        }
        let mismatch = Some(format!("the request was pinned to {tag}, and {observed} answered"));
        AnsweringEndpoint { mismatch, ..AnsweringEndpoint::default() }
    }
}

/// Adds to a model's metadata the fields that pin its requests to one endpoint.
pub fn pin(metadata: &mut Map<String, Value>, tag: &str) {
    let fields = metadata.entry(EXTRA_FIELDS).or_insert_with(|| json!({}));
    let Some(fields) = fields.as_object_mut() else { return };
    let routing = fields.entry("provider").or_insert_with(|| json!({}));
    if let Some(routing) = routing.as_object_mut() {
        routing.insert("only".to_owned(), json!([tag]));
        routing.insert("allow_fallbacks".to_owned(), json!(false));
    }
}

/// The endpoint to which metadata pins: exactly one `only`, and no fallbacks.
fn pin_of(metadata: &Map<String, Value>) -> Option<String> {
    let routing = metadata.get(EXTRA_FIELDS)?.get("provider")?;
    if routing.get("allow_fallbacks") != Some(&Value::Bool(false)) {
        return None;
    }
    match routing.get("only")?.as_array()?.as_slice() {
        [only] => stated(only.as_str()?),
        _ => None,
    }
}

/// The tag of a direct provider: with its region if it has regions. Not the bare name, because an endpoint of a router
/// may be called like the provider.
fn direct_tag(host: &Host, region: Option<&str>) -> Option<String> {
    let place = match region {
        Some(region) => region,
        // The SDK did not say which region it calls.
        None if host.keys.auth == Auth::AwsChain => return None,
        None => "direct",
    };
    Some(format!("{}/{place}", host.name))
}

/// A text that is neither empty nor too long.
fn stated(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.chars().count() <= LONGEST).then(|| text.to_owned())
}

/// Compares names as `deepinfra` and `DeepInfra`, `google-vertex` and `Google Vertex`.
fn same(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|ch| ch.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (letters(one), letters(other));
    !one.is_empty() && one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::builtin_hosts::built_in;
    use proptest::prelude::*;

    fn host(name: &str) -> Host {
        built_in().into_iter().find(|host| host.name == name).unwrap()
    }

    fn of(name: &str, region: Option<&str>, metadata: &Value) -> RouteEndpoint {
        let ask = GenerationRequest {
            model_id: "m".to_owned(),
            prompt: String::new(),
            max_output_tokens: 1,
            temperature: None,
            reasoning_effort: None,
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            deterministic: false,
        };
        RouteEndpoint::of(&host(name), region, &ask)
    }

    #[test]
    fn direct_providers_have_a_tag_of_their_own() {
        for (name, region, metadata, tag) in [
            ("groq", None, json!({}), "groq/direct"),
            ("vertex", Some("us-east5"), json!({}), "vertex/us-east5"),
            ("bedrock", Some("us-west-2"), json!({}), "bedrock/us-west-2"),
            ("groq", None, json!({"endpoint_tag": "groq/eu"}), "groq/eu"),
            ("groq", None, json!({"endpoint_tag": " "}), "groq/direct"),
        ] {
            let found = of(name, region, &metadata);
            assert_eq!((found.tag.as_deref(), found.transport_provider.as_deref()), (Some(tag), None));
            // A chunk of a direct provider may hold any field.
            assert_eq!(found.answered_by(Some("anybody")).tag.as_deref(), Some(tag));
        }
        assert_eq!(of("groq", None, &json!({"quantization": "FP8"})).quantization.as_deref(), Some("fp8"));
        assert_eq!(of("groq", None, &json!({"quantization": 8})).quantization, None);
    }

    #[test]
    fn a_router_s_tag_is_that_of_the_pin_and_only_where_the_answer_agrees() {
        let mut metadata = json!({"quantization": "fp4"}).as_object().cloned().unwrap();
        pin(&mut metadata, "google-vertex/fp4");
        let pinned = of("openrouter", None, &Value::Object(metadata.clone()));
        assert_eq!(pinned.transport_provider.as_deref(), Some("openrouter"));
        let answered = pinned.answered_by(Some("Google Vertex"));
        assert_eq!(answered.tag.as_deref(), Some("google-vertex/fp4"));
        assert_eq!((answered.quantization.as_deref(), answered.mismatch), (Some("fp4"), None));
        for observed in [Some("Google AI Studio"), Some(""), None] {
            let other = pinned.answered_by(observed);
            assert_eq!((other.tag, other.quantization), (None, None));
            assert!(other.mismatch.is_some());
        }
        metadata.insert("provider_name".to_owned(), json!("Vertex by Google"));
        let named = of("openrouter", None, &Value::Object(metadata));
        assert!(named.answered_by(Some("vertex by google")).tag.is_some());
    }

    #[test]
    fn what_may_go_elsewhere_has_no_tag() {
        for routing in [
            json!({}),
            json!({"only": ["a"]}),
            json!({"only": ["a"], "allow_fallbacks": true}),
            json!({"only": ["a", "b"], "allow_fallbacks": false}),
            json!({"only": "a", "allow_fallbacks": false}),
            json!({"order": ["a"], "allow_fallbacks": false}),
        ] {
            let metadata =
                json!({"additional_model_request_fields": {"provider": routing}, "quantization": "fp8"});
            let found = of("openrouter", None, &metadata);
            assert_eq!((found.tag.clone(), found.quantization.clone()), (None, None), "{metadata}");
            assert_eq!(found.answered_by(Some("A")), AnsweringEndpoint::default());
        }
    }

    #[test]
    fn a_pin_keeps_the_operator_s_other_wishes() {
        let mut metadata =
            json!({"additional_model_request_fields": {"provider": {"data_collection": "deny"}, "x": 1}});
        pin(metadata.as_object_mut().unwrap(), "novita");
        let wanted = json!({"data_collection": "deny", "only": ["novita"], "allow_fallbacks": false});
        assert_eq!(metadata["additional_model_request_fields"], json!({"provider": wanted, "x": 1}));
    }

    proptest! {
        /// No answer, whatever it calls itself, gives a pinned request another tag than the pin.
        #[test]
        fn a_tag_is_the_pin_or_nothing(tag in "[a-z0-9-]{1,12}(/[a-z0-9]{1,6})?", observed in ".{0,20}") {
            let mut metadata = Map::new();
            pin(&mut metadata, &tag);
            let answered = of("openrouter", None, &Value::Object(metadata)).answered_by(Some(&observed));
            prop_assert!(answered.tag.is_none_or(|found| found == tag));
        }
    }
}

//! The simulator's other documents: its models in the shapes of providers, the description in a
//! record, headers that name a request.

use super::clock;
use super::route::SimHost;
use super::scenario::{PRESETS, Scenario};
use super::script::SimTokenPlan;
use crate::providers::protocols::Dialect;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// The answer of a captive portal or a wrong base URL.
pub const WEB_PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Welcome</h1></body></html>\n";

/// A fixed date, because these models were never made.
const CREATED: i64 = 1_735_689_600;

/// The list of presets as a host would list its models.
pub fn models(host: SimHost, anthropic: bool) -> Value {
    if anthropic {
        return anthropic_models();
    }
    let model =
        |name: &str| json!({"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"});
    let mut all: Vec<Value> = PRESETS.iter().map(|preset| model(preset.name)).collect();
    if host == SimHost::OpenRouter {
        all.iter_mut()
            .zip(&PRESETS)
            .for_each(|(model, preset)| model["id"] = json!(format!("sim/{}", preset.name)));
    }
    if host == SimHost::Together {
        all.iter_mut().for_each(|model| model["type"] = json!("chat"));
        return Value::Array(all);
    }
    json!({"object": "list", "data": all})
}

/// The endpoints that a router has for every model: tag, provider, quantization.
const ENDPOINTS: [(&str, &str, &str); 3] = [
    ("deepinfra/fp4", "DeepInfra", "fp4"),
    ("novita/fp8", "Novita", "fp8"),
    ("together", "Together", "unknown"),
];

/// The endpoints of a model as a router lists them.
pub fn endpoints(model: &str) -> Value {
    let endpoint = |(tag, provider, quantization): &(&str, &str, &str)| {
        json!({
            "name": format!("{provider} | {model}"), "model_name": model, "context_length": 131_072,
            "pricing": {"prompt": "0", "completion": "0"}, "provider_name": provider, "tag": tag,
            "quantization": quantization, "status": 0, "uptime_last_30m": 100.0, "uptime_last_1d": 99.5,
            "throughput_last_30m": {"p50": 80.5, "p75": 90.0, "p90": 99.0, "p99": 120.0},
        })
    };
    let all: Vec<Value> = ENDPOINTS.iter().map(endpoint).collect();
    json!({"data": {"id": model, "name": model, "created": CREATED, "endpoints": all}})
}

/// The name of the provider that a router's answer states: that of the endpoint to which the request is pinned, and
/// `Simulator` for any other request.
pub fn answering_provider(pinned: Option<&str>) -> &'static str {
    let endpoint = ENDPOINTS.iter().find(|(tag, ..)| Some(*tag) == pinned);
    endpoint.map_or("Simulator", |(_, provider, _)| provider)
}

fn anthropic_models() -> Value {
    let model = |name: &str, about: &str| json!({"type": "model", "id": name, "display_name": about, "created_at": "2025-01-01T00:00:00Z"});
    let all: Vec<Value> = PRESETS.iter().map(|preset| model(preset.name, preset.about)).collect();
    let (first, last) = (PRESETS.first(), PRESETS.last());
    json!({
        "data": all,
        "has_more": false,
        "first_id": first.map(|preset| preset.name),
        "last_id": last.map(|preset| preset.name),
    })
}

/// The parameters of a scenario, seconds and tokens. The seconds are plans; the record stores the measured ones.
pub fn about(model: &str, scenario: &Scenario, plan: &SimTokenPlan) -> Value {
    let ttft = scenario.ttft.as_secs_f64();
    json!({
        "model": model,
        "planned": {
            "ttft_seconds": ttft,
            "gap_seconds": scenario.gap.as_secs_f64(),
            "jitter_seconds": scenario.jitter.as_secs_f64(),
            "first_visible_seconds": ttft + plan.reasoning as f64 * scenario.gap.as_secs_f64(),
            "reasoning_tokens": plan.reasoning,
            "visible_tokens": (plan.visible != u64::MAX).then_some(plan.visible),
            "tokens_per_event": scenario.tokens_per_event,
            "events_a_write": scenario.burst,
            "twist": format!("{:?}", scenario.fault),
        },
    })
}

/// Puts the request's id into the answer's head, as the simulator's header and as the provider's.
pub fn mark(headers: &mut HeaderMap, id: &str, dialect: Dialect, host: SimHost, received: u64) {
    let Ok(value) = HeaderValue::from_str(id) else { return };
    let own = match (dialect, host) {
        (Dialect::Messages, _) => "request-id",
        (Dialect::Converse, _) => "x-amzn-requestid",
        (_, SimHost::OpenRouter) => "x-generation-id",
        _ => "x-request-id",
    };
    for name in ["x-request-id", "x-sim-id", own] {
        headers.insert(HeaderName::from_static(name), value.clone());
    }
    if matches!(host, SimHost::Plain | SimHost::OpenAi)
        && matches!(dialect, Dialect::Chat | Dialect::Responses)
    {
        let millis = clock::now().saturating_sub(received) / 1_000_000;
        headers.insert("openai-processing-ms", HeaderValue::from(millis));
    }
}

/// Parses a number of a query string.
pub fn query_number(query: &str, key: &str) -> Option<usize> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key)?.1.parse().ok()
}

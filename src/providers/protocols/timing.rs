//! Collects the provider's own clock, from headers and bodies, in one map: seconds, under the provider's own
//! names. Names that end in a unit of milliseconds lose it, because the value is in seconds here. `measure`
//! compares it with the client's clock.

use crate::wire::ResponseHead;
use serde_json::{Map, Number, Value};

/// Headers in milliseconds and the names under which their seconds are kept. OpenAI documents the first; the second
/// is Envoy's, seen on Anthropic.
const MILLISECOND_HEADERS: [(&str, &str); 2] = [
    ("openai-processing-ms", "openai-processing"),
    ("x-envoy-upstream-service-time", "x-envoy-upstream-service-time"),
];

/// Headers seen on Together. Their meaning is not documented: numbers are kept as numbers, other values as text.
const TOGETHER_HEADERS: [&str; 3] = ["x-api-received", "x-api-call-start", "x-api-call-end"];

/// Takes the timing from the answer's head.
pub(super) fn from_head(head: &ResponseHead, timing: &mut Map<String, Value>) {
    for (header, name) in MILLISECOND_HEADERS {
        let milliseconds = head.header(header).and_then(|text| text.trim().parse::<f64>().ok());
        put(timing, name, milliseconds.map(|value| value / 1000.0));
    }
    for (name, value) in TOGETHER_HEADERS.iter().filter_map(|name| Some((*name, head.header(name)?))) {
        match value.trim().parse::<f64>() {
            Ok(number) => put(timing, name, Some(number)),
            Err(_) => drop(timing.insert(name.to_owned(), Value::from(value))),
        }
    }
}

/// Takes named durations in seconds from an object: Groq's usage, Cerebras's `time_info`.
pub(super) fn from_fields(fields: &Value, names: &[&str], timing: &mut Map<String, Value>) {
    for name in names {
        put(timing, name, fields.get(name).and_then(number));
    }
}

/// Takes the durations of Fireworks's `perf_metrics`, whose values are numbers or strings;
/// its token counts are not durations.
pub(super) fn from_perf_metrics(metrics: &Value, timing: &mut Map<String, Value>) {
    for (name, value) in metrics.as_object().into_iter().flatten() {
        if name.contains("time") || name.contains("duration") {
            put(timing, name, number(value));
        }
    }
}

/// Takes the durations of llama.cpp's `timings`: milliseconds for reading the prompt until the first token was drawn,
/// and from there to the last token. The rest of it (counts, rates) follows from these and the usage.
pub(super) fn from_llama(timings: &Value, timing: &mut Map<String, Value>) {
    for (field, name) in [("prompt_ms", "prompt"), ("predicted_ms", "predicted")] {
        put(timing, name, timings.get(field).and_then(number).map(|value| value / 1000.0));
    }
}

/// Stores a duration in seconds, if it is a valid one.
pub(super) fn put(timing: &mut Map<String, Value>, name: &str, seconds: Option<f64>) {
    if let Some(number) = seconds.filter(|seconds| *seconds >= 0.0).and_then(Number::from_f64) {
        timing.insert(name.to_owned(), Value::Number(number));
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn headers_become_seconds() {
        let headers = [
            ("openai-processing-ms", "250"),
            ("x-envoy-upstream-service-time", "soon"),
            ("x-api-call-start", "2026-01-01T00:00:00Z"),
            ("x-api-received", "1.5"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut timing = Map::new();
        from_head(&ResponseHead { status: 200, headers }, &mut timing);
        assert_eq!(
            Value::Object(timing),
            json!({"openai-processing": 0.25, "x-api-call-start": "2026-01-01T00:00:00Z", "x-api-received": 1.5})
        );
    }

    #[test]
    fn llamas_milliseconds_become_seconds_and_counts_stay_out() {
        let timings = json!({"prompt_n": 32, "prompt_ms": 214.0, "predicted_n": 4, "predicted_ms": 35.5,
            "predicted_per_second": 84.5});
        let mut timing = Map::new();
        from_llama(&timings, &mut timing);
        assert_eq!(Value::Object(timing), json!({"prompt": 0.214, "predicted": 0.0355}));
    }

    #[test]
    fn perf_metrics_may_be_text_and_counts_stay_out() {
        let metrics =
            json!({"server-time-to-first-token": "0.125", "prefill-duration": 0.5, "prompt-tokens": 9});
        let mut timing = Map::new();
        from_perf_metrics(&metrics, &mut timing);
        assert_eq!(
            Value::Object(timing),
            json!({"server-time-to-first-token": 0.125, "prefill-duration": 0.5})
        );
    }
}

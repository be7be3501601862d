//! The figures of a row that follow from its receipt, and how they are held against values that somebody gives for them.
//! Pure.

use super::receipt::Receipt;
use serde_json::{Map, Value};

/// The fields of a row that follow from its receipt.
pub const FIGURES: &[&str] = &[
    "generate_time",
    "tokens_per_second",
    "generated_tokens_per_second",
    "visible_tokens_per_second",
    "decode_tokens_per_second",
    "time_to_first_token",
    "time_to_first_reasoning_token",
    "ttft_available",
    "times_between_tokens",
    "inter_token_latency",
    "time_to_64_visible_tokens_seconds",
    "ttft_beyond_rtt",
    "max_stall_seconds",
    "stream_resolution",
    "visible_stream_chunks",
    "max_tokens_per_chunk",
];

/// The rate that a profile may withhold from its rows: null then.
const WITHHELD: &str = "tokens_per_second";

/// A figure whose given value is not the computed one.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedFigure {
    pub name: String,
    pub stored: Value,
    pub recomputed: Value,
}

/// Every figure that follows from a receipt, by today's definitions.
pub fn computed(receipt: Receipt) -> Map<String, Value> {
    let figures = receipt.recompute();
    let parts = [serde_json::to_value(figures.speeds), serde_json::to_value(figures.stream)];
    let fields = parts.into_iter().flatten().filter_map(|value| match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    fields.flatten().collect()
}

/// True if the value of a figure is the computed one, or is a rate that was withheld.
pub fn follows(name: &str, stored: &Value, computed: &Value) -> bool {
    (name == WITHHELD && stored.is_null()) || is_same(stored, computed)
}

/// The figures of a row that do not follow from its receipt.
pub fn changed(row: &Map<String, Value>, computed: &Map<String, Value>) -> Vec<ChangedFigure> {
    let figure = |(name, recomputed): (&String, &Value)| {
        let stored = row.get(name).cloned().unwrap_or_default();
        let follows = follows(name, &stored, recomputed);
        (!follows).then(|| ChangedFigure { name: name.clone(), stored, recomputed: recomputed.clone() })
    };
    computed.iter().filter_map(figure).collect()
}

/// Equal bit for bit; a whole number counts as the float that it is.
pub fn is_same(stored: &Value, recomputed: &Value) -> bool {
    match (stored, recomputed) {
        (Value::Number(_), Value::Number(_)) => {
            let bits = |value: &Value| value.as_f64().map(f64::to_bits);
            bits(stored) == bits(recomputed)
        }
        (Value::Array(stored), Value::Array(recomputed)) => {
            stored.len() == recomputed.len()
                && stored.iter().zip(recomputed).all(|(stored, recomputed)| is_same(stored, recomputed))
        }
        _ => stored == recomputed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::run;
    use serde_json::json;

    #[test]
    fn every_figure_that_follows_from_a_receipt_is_named() {
        let run = run("groq", "m", 0.2);
        let mut names = Vec::new();
        for value in [serde_json::to_value(run.speeds), serde_json::to_value(run.stream)] {
            names.extend(value.unwrap().as_object().unwrap().keys().cloned());
        }
        names.iter().for_each(|name| assert!(FIGURES.contains(&name.as_str()), "{name}"));
        assert_eq!(names.len(), FIGURES.len());
    }

    #[test]
    fn the_last_bit_of_a_figure_counts() {
        let next = |value: f64| json!(f64::from_bits(value.to_bits() + 1));
        assert!(is_same(&json!(0.1), &json!(0.1)) && !is_same(&json!(0.1), &next(0.1)));
        assert!(is_same(&json!(3), &json!(3.0)) && is_same(&json!([1.5, 2]), &json!([1.5, 2.0])));
        assert!(!is_same(&json!([1.5]), &json!([1.5, 2.0])) && !is_same(&json!(null), &json!(0.0)));
        assert!(is_same(&json!("token"), &json!("token")) && !is_same(&json!("token"), &json!("burst")));
    }

    #[test]
    fn a_withheld_rate_is_no_difference() {
        let figures = |value: Value| value.as_object().unwrap().clone();
        let computed = figures(json!({"tokens_per_second": 48.0, "generate_time": 1.5}));
        assert_eq!(changed(&figures(json!({"generate_time": 1.5})), &computed), []);
        let found = changed(&figures(json!({"tokens_per_second": 49, "generate_time": null})), &computed);
        assert_eq!(
            found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["tokens_per_second", "generate_time"]
        );
    }
}

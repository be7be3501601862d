//! The metrics that stored rows have under a field of their own, so that a run can be held against them.

/// Keys of [`crate::measure::metrics::METRICS`] and the fields of rows.
pub const STORED_METRICS: [(&str, &str); 10] = [
    ("ttft", "time_to_first_token"),
    ("ttfrt", "time_to_first_reasoning_token"),
    ("itl", "inter_token_latency"),
    ("tps", "tokens_per_second"),
    ("visible_tps", "visible_tokens_per_second"),
    ("decode_tps", "decode_tokens_per_second"),
    ("total", "generate_time"),
    ("time_to_64", "time_to_64_visible_tokens_seconds"),
    ("max_stall", "max_stall_seconds"),
    ("ttft_beyond_rtt", "ttft_beyond_rtt"),
];

/// The field of rows that holds a metric, by its key.
pub fn stored_field(key: &str) -> Option<&'static str> {
    STORED_METRICS.iter().find(|(known, _)| *known == key).map(|(_, field)| *field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::metrics::{METRICS, position};
    use crate::measure::testing::run;

    #[test]
    fn a_field_holds_what_the_metric_reads() {
        let mut run = run("groq", "m", 0.25);
        run.speeds.time_to_first_reasoning_token = Some(0.125);
        run.speeds.ttft_beyond_rtt = Some(0.2);
        let row = serde_json::to_value(&run).unwrap();
        for (key, field) in STORED_METRICS {
            let read = METRICS[position(key).unwrap()].read;
            assert_eq!(row[field].as_f64(), read(&run), "{key}");
            assert!(row[field].is_number(), "{field}");
        }
    }
}

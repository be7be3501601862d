//! The columns of a table, in the order in which they are written. What is not among them goes into [`EXTRA`].

use crate::storage::history::merged_rows::PUBLISHED;
use crate::storage::history::row_pages::RowSource;
use crate::storage::outcomes::field_types::{FieldType, field_type};
use std::collections::HashMap;

/// The last column: fields that are no column, and known ones with a value of another type, as one JSON object.
pub const EXTRA: &str = "extra";

#[rustfmt::skip]
const RUNS: &[&str] = &[
    "_id", "provider", "model_name", "run_ts", "gen_ts", "temperature", "requested_tokens",
    "max_output_tokens_attempted", "output_tokens", "generated_output_tokens", "visible_output_tokens",
    "reasoning_tokens", "input_tokens", "cached_input_tokens", "total_tokens", "token_source", "generate_time",
    "tokens_per_second", "generated_tokens_per_second", "visible_tokens_per_second", "decode_tokens_per_second",
    "time_to_first_token", "time_to_first_reasoning_token", "ttft_available", "times_between_tokens",
    "inter_token_latency", "time_to_64_visible_tokens_seconds", "max_stall_seconds", "dns_seconds", "connect_seconds",
    "proxy_seconds", "tls_seconds", "sent_seconds", "headers_seconds", "first_event_seconds", "last_visible_seconds",
    "stream_resolution", "visible_stream_chunks", "max_tokens_per_chunk", "connection", "connect_address", "proxy",
    "connect_attempts", "reconnects", "suspect", "suspect_reasons", "loop_lag_seconds", "dispatch_delay_seconds", "wall_clock_step_seconds", "metrics_schema_version", "request_mode",
    "finish_reason", "response_id", "provider_request_id", "response_status", "response_model", "reasoning_effort",
    "validation_policy", "visible_text_empty", "sample_role", "benchmark_profile_id", "protocol_version",
    "attempt_group", "attempt", "adaptations", "transport_provider", "observed_provider", "route_endpoint_tag",
    "quantization", "service_tier", "provider_timing", "measured_by", "misc", PUBLISHED,
];

#[rustfmt::skip]
const ERRORS: &[&str] = &[
    "_id", "provider", "model_name", "ts", "stage", "message", "error_kind", "http_status", "provider_error_code",
    "normalized_message", "fingerprint", "traceback", "retry_after_seconds", "benchmark_profile_id", "sample_role",
    "attempt_group", "attempt", "adaptations", "request_mode", "measured_by", "run_ts", "elapsed_seconds",
    "connection", "connect_address", "proxy", "connect_attempts", "reconnects", "dns_seconds", "connect_seconds", "proxy_seconds", "tls_seconds", "sent_seconds", "headers_seconds",
    "first_event_seconds", "last_visible_seconds", "suspect", "suspect_reasons", "loop_lag_seconds",
    "dispatch_delay_seconds", "wall_clock_step_seconds", "provider_request_id", "finish_reason", "response_id",
];

/// The names of a table's columns, [`EXTRA`] left out.
pub fn names(table: RowSource) -> &'static [&'static str] {
    match table {
        RowSource::Runs(_) => RUNS,
        RowSource::Errors => ERRORS,
    }
}

/// The type of a column. [`PUBLISHED`] is no field of a row: it says in which series the store keeps it.
fn type_of(name: &str) -> FieldType {
    match name {
        PUBLISHED => FieldType::Flag,
        // A name without a type is a text; the test below says that there is none.
        name => field_type(name).unwrap_or(FieldType::Text),
    }
}

/// Columns with their types, found by name.
pub struct ExportColumns {
    /// Name and type of each.
    pub all: Vec<(&'static str, FieldType)>,
    places: HashMap<&'static str, usize>,
}

impl ExportColumns {
    /// The columns of a table.
    pub fn of(table: RowSource) -> Self {
        let typed = |name: &&'static str| (*name, type_of(name));
        let all: Vec<_> = names(table).iter().map(typed).collect();
        let places = all.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
        Self { all, places }
    }

    /// Where a field belongs. `expected` is looked at first: rows have their fields in one order, mostly ours.
    pub fn place(&self, name: &str, expected: usize) -> Option<usize> {
        match self.all.get(expected) {
            Some((there, _)) if *there == name => Some(expected),
            _ => self.places.get(name).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FailureKind, Outcome};
    use crate::measure::testing::{failure, run};
    use crate::storage::history::RunSeries;
    use serde_json::{Map, Value};

    fn fields(value: &impl serde::Serialize) -> Map<String, Value> {
        serde_json::to_value(value).unwrap().as_object().unwrap().clone()
    }

    #[test]
    fn every_field_of_a_row_has_its_column_and_every_column_a_type() {
        let mut sound = run("groq", "m", 0.2);
        sound.extra.clear();
        for name in fields(&sound).keys() {
            assert!(RUNS.contains(&name.as_str()), "{name}");
        }
        let Outcome::Failure(failed) = failure("groq", "m", FailureKind::Timeout, "late") else { panic!() };
        for name in fields(&failed).keys() {
            assert!(ERRORS.contains(&name.as_str()), "{name}");
        }
        for name in RUNS.iter().chain(ERRORS) {
            assert!((field_type(name).is_some() || *name == PUBLISHED) && *name != EXTRA, "{name}");
        }
    }

    #[test]
    fn a_column_is_found_wherever_it_is_expected() {
        let columns = ExportColumns::of(RowSource::Runs(RunSeries::Probe));
        assert_eq!(columns.place("provider", 1), Some(1));
        assert_eq!(columns.place("provider", 7), Some(1));
        assert_eq!(columns.place("provider", 1000), Some(1));
        assert_eq!(columns.place("nobody", 0), None);
    }
}

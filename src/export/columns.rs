//! The columns of a table, in the order in which they are written. All other fields go into [`EXTRA`].

use crate::domain::row_fields::{self, FieldType, RowField};
use crate::storage::history::merged_rows::PUBLISHED;
use crate::storage::history::row_pages::RowSource;
use std::collections::HashMap;

/// The last column, one JSON object: fields without a column, and known ones with a value of another type.
pub const EXTRA: &str = "extra";

/// True if the store keeps a run in its published series: a column that is no field of a row.
const PUBLISHED_COLUMN: (&str, FieldType) = (PUBLISHED, FieldType::Flag);

/// Its place in exports of runs. Newer fields come after it, so that it stays where scripts found it first.
const PUBLISHED_PLACE: usize = 71;

/// Names and types of a table's columns, [`EXTRA`] left out.
fn columns(table: RowSource) -> Vec<(&'static str, FieldType)> {
    let column = |field: &RowField| (field.name, field.field_type);
    match table {
        RowSource::Runs(_) => {
            let mut columns: Vec<_> = row_fields::of_runs().map(column).collect();
            columns.insert(PUBLISHED_PLACE, PUBLISHED_COLUMN);
            columns
        }
        RowSource::Errors => row_fields::of_failures().map(column).collect(),
    }
}

/// The names of a table's columns, [`EXTRA`] left out.
pub fn names(table: RowSource) -> Vec<&'static str> {
    columns(table).into_iter().map(|(name, _)| name).collect()
}

/// Columns with their types, found by name.
pub struct ExportColumns {
    pub all: Vec<(&'static str, FieldType)>,
    places: HashMap<&'static str, usize>,
}

impl ExportColumns {
    pub fn of(table: RowSource) -> Self {
        let all = columns(table);
        let places = all.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
        Self { all, places }
    }

    /// The index of a field's column. `expected` is tried first: most rows have their fields in the same order.
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
    use crate::storage::history::RunSeries;

    /// Users append one month's file to another's, so the order must not change.
    #[test]
    fn no_column_moves() {
        const RUNS: &str = "_id provider model_name run_ts gen_ts temperature requested_tokens \
            max_output_tokens_attempted output_tokens generated_output_tokens visible_output_tokens \
            reasoning_tokens input_tokens cached_input_tokens total_tokens token_source generate_time \
            tokens_per_second generated_tokens_per_second visible_tokens_per_second \
            decode_tokens_per_second time_to_first_token time_to_first_reasoning_token ttft_available \
            times_between_tokens inter_token_latency time_to_64_visible_tokens_seconds \
            max_stall_seconds dns_seconds connect_seconds tls_seconds sent_seconds headers_seconds \
            first_event_seconds last_visible_seconds stream_resolution visible_stream_chunks \
            max_tokens_per_chunk connection connect_address connect_attempts reconnects suspect \
            suspect_reasons loop_lag_seconds dispatch_delay_seconds wall_clock_step_seconds \
            metrics_schema_version request_mode finish_reason response_id provider_request_id \
            response_status response_model reasoning_effort validation_policy visible_text_empty \
            sample_role benchmark_profile_id protocol_version attempt_group attempt adaptations \
            transport_provider observed_provider route_endpoint_tag quantization service_tier \
            provider_timing measured_by misc";
        const ERRORS: &str = "_id provider model_name ts stage message error_kind http_status provider_error_code \
            normalized_message fingerprint traceback retry_after_seconds benchmark_profile_id \
            sample_role attempt_group attempt adaptations request_mode measured_by run_ts \
            elapsed_seconds connection connect_address connect_attempts reconnects dns_seconds \
            connect_seconds tls_seconds sent_seconds headers_seconds first_event_seconds \
            last_visible_seconds suspect suspect_reasons loop_lag_seconds dispatch_delay_seconds \
            wall_clock_step_seconds provider_request_id finish_reason response_id";
        let runs = names(RowSource::Runs(RunSeries::Probe)).join(" ");
        assert!(runs.starts_with(&format!("{RUNS} {PUBLISHED}")), "{runs}");
        let errors = names(RowSource::Errors).join(" ");
        assert!(errors.starts_with(ERRORS), "{errors}");
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

//! Writes outcomes as rows of one CSV file, successes and failures under one header that never changes within a
//! version. Cells that a spreadsheet would run as a formula are disarmed: some of their text comes from providers.

use super::ndjson;
use crate::domain::{Outcome, row_fields};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// The header: `outcome`, then the names of the data contract. Nested fields (`misc`, `provider_timing`) are left out;
/// lists are joined with spaces (numbers) or semicolons (sentences).
pub fn columns() -> Vec<&'static str> {
    std::iter::once("outcome").chain(row_fields::in_csv().map(|field| field.name)).collect()
}

pub struct RowWriter<W: Write> {
    writer: ::csv::Writer<W>,
    columns: Vec<&'static str>,
}

impl<W: Write> RowWriter<W> {
    /// Creates the writer and writes the header.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = ::csv::Writer::from_writer(out);
        let columns = columns();
        writer.write_record(&columns)?;
        writer.flush()?;
        Ok(Self { writer, columns })
    }

    /// Writes one outcome and flushes, so that paid results survive a crash.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let fields = ndjson::document(outcome)?;
        let cells = self.columns.iter().map(|name| fields.get(*name).map_or_else(String::new, cell));
        self.writer.write_record(cells)?;
        self.writer.flush()
    }
}

/// Rows under their JSON names; the header is that of an empty row.
///
/// # Errors
/// Passed on from the serializer and the writer; a row of plain fields causes none.
pub fn sheet<R: Serialize + Default>(rows: &[R]) -> io::Result<String> {
    let fields = |row: &R| match serde_json::to_value(row)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(io::Error::other("a row without fields has no columns")),
    };
    let header = fields(&R::default())?;
    let rows = rows.iter().map(fields).collect::<io::Result<Vec<_>>>()?;
    text(&header.keys().map(String::as_str).collect::<Vec<_>>(), rows.iter())
}

/// Rows of any kind: one header, then the fields of these names.
pub fn text<'a>(columns: &[&str], rows: impl Iterator<Item = &'a Map<String, Value>>) -> io::Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(columns.iter().map(|name| row.get(*name).map_or_else(String::new, cell)))?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => disarm(text),
        Value::Array(items) => {
            let numbers = items.iter().all(Value::is_number);
            items.iter().map(cell).collect::<Vec<_>>().join(if numbers { " " } else { "; " })
        }
        plain => plain.to_string(),
    }
}

/// Puts an apostrophe before text that a spreadsheet would take for a formula (OWASP, "CSV injection"). Numbers are not
/// text and keep their sign.
pub fn disarm(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// True if a spreadsheet would take the text for a formula.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureKind;
    use crate::measure::testing::{failure, run};

    fn written(outcomes: &[Outcome]) -> Vec<Vec<String>> {
        let mut bytes = Vec::new();
        let mut rows = RowWriter::new(&mut bytes).unwrap();
        outcomes.iter().for_each(|outcome| rows.write(outcome).unwrap());
        drop(rows);
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    fn at<'a>(row: &'a [String], name: &str) -> &'a str {
        &row[columns().iter().position(|column| *column == name).unwrap()]
    }

    /// Scripts read columns by position: none of these may move. New ones follow behind.
    #[test]
    fn no_column_moves() {
        const HEADER: &str = "outcome,_id,provider,model_name,run_ts,gen_ts,connection,benchmark_profile_id,sample_role,\
            time_to_first_token,ttft_available,time_to_first_reasoning_token,inter_token_latency,\
            tokens_per_second,generated_tokens_per_second,visible_tokens_per_second,\
            decode_tokens_per_second,generate_time,time_to_64_visible_tokens_seconds,\
            max_stall_seconds,times_between_tokens,output_tokens,generated_output_tokens,\
            visible_output_tokens,reasoning_tokens,input_tokens,cached_input_tokens,total_tokens,\
            token_source,connect_address,connect_attempts,reconnects,dns_seconds,connect_seconds,\
            tls_seconds,sent_seconds,headers_seconds,first_event_seconds,last_visible_seconds,\
            stream_resolution,visible_stream_chunks,max_tokens_per_chunk,suspect,suspect_reasons,\
            loop_lag_seconds,dispatch_delay_seconds,wall_clock_step_seconds,requested_tokens,\
            max_output_tokens_attempted,temperature,reasoning_effort,adaptations,request_mode,\
            finish_reason,response_id,provider_request_id,response_status,response_model,service_tier,\
            transport_provider,observed_provider,attempt_group,attempt,measured_by,ts,stage,\
            error_kind,http_status,provider_error_code,message,normalized_message,fingerprint";
        assert!(columns().join(",").starts_with(HEADER), "{:?}", columns());
    }

    #[test]
    fn successes_and_failures_share_one_header() {
        let mut stepped = run("groq", "m", 0.2);
        stepped.quality.wall_clock_step_seconds = -0.5;
        let failed = failure("groq", "m", FailureKind::Timeout, "no first byte,\n\"late\"");
        let rows = written(&[Outcome::Success(Box::new(stepped)), failed]);
        assert_eq!(rows[0], columns());
        assert_eq!(at(&rows[1], "outcome"), "success");
        assert_eq!(at(&rows[1], "time_to_first_token"), "0.2");
        assert_eq!(at(&rows[1], "time_to_first_reasoning_token"), "");
        assert_eq!(at(&rows[1], "times_between_tokens"), "0.015 0.016 0.017");
        assert_eq!(at(&rows[1], "wall_clock_step_seconds"), "-0.5");
        assert_eq!(at(&rows[2], "outcome"), "failure");
        assert_eq!(at(&rows[2], "error_kind"), "timeout");
        assert_eq!(at(&rows[2], "message"), "no first byte,\n\"late\"");
        assert_eq!(at(&rows[2], "tokens_per_second"), "");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=HYPERLINK(\"http://x\")", "+1", "-1+2", "@sum", "\tx", "\r=1"] {
            let rows = written(&[failure("groq", text, FailureKind::Unknown, text)]);
            assert_eq!(at(&rows[1], "message"), format!("'{text}"));
            assert_eq!(at(&rows[1], "model_name"), format!("'{text}"));
        }
    }

    #[test]
    fn no_flat_field_of_a_document_is_forgotten() {
        let outcomes = [
            Outcome::Success(Box::new(run("groq", "m", 0.2))),
            failure("groq", "m", FailureKind::Auth, "no"),
        ];
        let constant = [
            "metrics_schema_version",
            "validation_policy",
            "visible_text_empty",
            "protocol_version",
            "traceback",
            // The same as `attempt`.
            "attempts_count",
        ];
        for outcome in &outcomes {
            for (name, value) in ndjson::document(outcome).unwrap() {
                let known = columns().contains(&name.as_str()) || constant.contains(&name.as_str());
                assert!(known || value.is_object(), "{name}");
            }
        }
    }
}

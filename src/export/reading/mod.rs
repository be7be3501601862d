//! Exports as they are read back: of each row its id and the figures that follow from receipts. Files come from
//! strangers, so rows have a longest length, and whatever is no row is told.

mod csv;
mod json;
mod page_header;
mod parquet;

use super::ExportFormat;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead};

/// What is read of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportedRow {
    /// `None` if it is no text, or is longer than the id of a receipt can be.
    pub id: Option<String>,
    /// The figures that are not null. An empty list of a CSV file is one of these or null.
    pub figures: Map<String, Value>,
}

/// Why rows cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The system's error.
    #[error(transparent)]
    Io(io::Error),
    /// The file does not have its form, and nothing after this can be read.
    #[error("{0}")]
    Form(String),
    /// The number of a row, from 1, that is none. Rows after it can be read.
    #[error("row {0} is no document")]
    Row(u64),
}

impl RowsError {
    /// Tells errors of the system from lines that are too long.
    fn of(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::InvalidData {
            Self::Form(error.to_string())
        } else {
            Self::Io(error)
        }
    }
}

/// Reads the rows of a file one by one.
pub trait RowsReader {
    /// The next row; `None` at the end, and behind an error after which nothing can be read.
    fn next_row(&mut self) -> Option<Result<ExportedRow, RowsError>>;
}

/// A reader of rows in a form that is read from its beginning to its end; `None` for Parquet.
pub fn rows<'a>(format: ExportFormat, from: impl BufRead + 'a) -> Option<Box<dyn RowsReader + 'a>> {
    match format {
        ExportFormat::Csv => Some(Box::new(csv::CsvExport::new(from))),
        ExportFormat::Json => Some(Box::new(json::JsonRows::of_document(from))),
        ExportFormat::Ndjson => Some(Box::new(json::JsonRows::of_lines(from))),
        ExportFormat::Parquet => None,
    }
}

/// A reader of the rows of a Parquet file, whose index is at its end.
pub fn parquet_rows(file: File) -> impl RowsReader {
    parquet::ParquetRows::new(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::encoder;
    use crate::storage::history::RunSeries;
    use crate::storage::history::row_pages::RowSource;
    use proptest::prelude::*;
    use serde_json::json;
    use std::io::Write;

    const FORMS: [ExportFormat; 4] =
        [ExportFormat::Csv, ExportFormat::Json, ExportFormat::Ndjson, ExportFormat::Parquet];

    fn written(format: ExportFormat, rows: &[&str]) -> Vec<u8> {
        let head = json!({"schema": "x/1"}).as_object().unwrap().clone();
        let mut bytes = Vec::new();
        let mut encoder = encoder(format, RowSource::Runs(RunSeries::Published), &head, &mut bytes).unwrap();
        encoder.rows(rows).unwrap();
        encoder.finish().unwrap();
        drop(encoder);
        bytes
    }

    fn read(format: ExportFormat, bytes: &[u8]) -> Vec<Result<ExportedRow, String>> {
        let mut rows: Box<dyn RowsReader> = match rows(format, bytes) {
            Some(rows) => rows,
            None => {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(bytes).unwrap();
                Box::new(parquet_rows(file))
            }
        };
        let read = std::iter::from_fn(|| rows.next_row());
        read.map(|row| row.map_err(|error| error.to_string())).take(1000).collect()
    }

    #[test]
    fn figures_come_back_from_every_form() {
        let rows = [
            "{\"_id\":\"a\",\"provider\":\"x, \\\"y\\\"\\n\",\"generate_time\":1.50,\"visible_stream_chunks\":64.0,\
             \"ttft_available\":true,\"stream_resolution\":\"token\",\"times_between_tokens\":[0.1, 2,3e-5],\"inter_token_latency\":null}",
            "{\"_id\":\"=b\"}",
            "{\"provider\":\"x\"}",
            "{\"_id\":7,\"generate_time\":2}",
        ];
        for format in FORMS {
            let found = read(format, &written(format, &rows));
            let ids: Vec<_> = found.iter().map(|row| row.as_ref().unwrap().id.as_deref()).collect();
            assert_eq!(ids, [Some("a"), Some("=b"), None, None], "{format:?}");
            let figures = &found[0].as_ref().unwrap().figures;
            assert_eq!(figures["generate_time"].as_f64(), Some(1.5));
            assert_eq!(figures["visible_stream_chunks"].as_f64(), Some(64.0));
            assert_eq!(
                (&figures["ttft_available"], &figures["stream_resolution"]),
                (&json!(true), &json!("token"))
            );
            let gaps: Vec<_> =
                figures["times_between_tokens"].as_array().unwrap().iter().map(Value::as_f64).collect();
            assert_eq!(gaps, [Some(0.1), Some(2.0), Some(3e-5)]);
            assert_eq!(figures.len(), 5, "{figures:?}");
            assert_eq!(read(format, &written(format, &[])), []);
        }
    }

    #[test]
    fn an_id_that_no_receipt_can_have_is_none() {
        let row = |length: usize| format!("{{\"_id\":\"{}\"}}", "x".repeat(length));
        for format in FORMS {
            let found = read(format, &written(format, &[&row(1024), &row(1025)]));
            let lengths: Vec<_> = found.into_iter().map(|row| row.unwrap().id.map(|id| id.len())).collect();
            assert_eq!(lengths, [Some(1024), None], "{format:?}");
        }
    }

    #[test]
    fn what_is_cut_off_is_told() {
        let row = "{\"_id\":\"a\",\"generate_time\":1.5}";
        let whole = written(ExportFormat::Json, &[row, row]);
        let cut = read(ExportFormat::Json, &whole[..whole.len() - 3]);
        assert_eq!(cut.last(), Some(&Err("it has no end: it is cut off".to_owned())));
        assert_eq!(read(ExportFormat::Json, b"{}"), [Err("it is no JSON document of an export".to_owned())]);
        assert_eq!(
            read(ExportFormat::Json, &[&whole[..], b"x\n"].concat()).last(),
            Some(&Err("something follows its end".to_owned()))
        );
        assert_eq!(
            read(ExportFormat::Csv, b"provider,model\na,b\n"),
            [Err("it has no column `_id`".to_owned())]
        );
        assert_eq!(read(ExportFormat::Csv, b""), [Err("it has no column `_id`".to_owned())]);
        let lines = written(ExportFormat::Ndjson, &[row, row]);
        let cut = read(ExportFormat::Ndjson, &lines[..lines.len() - 4]);
        assert_eq!(cut[1], Err("row 2 is no document".to_owned()));
        let whole = written(ExportFormat::Parquet, &[row, row]);
        for (bytes, said) in [
            (&whole[..whole.len() - 1], "it has no end, or is no Parquet file"),
            (&b"PAR1"[..], "it is cut off: it has no end"),
            (&b"\xff\xff\xff\xffPAR1"[..], "its index is too large"),
        ] {
            assert_eq!(read(ExportFormat::Parquet, bytes), [Err(said.to_owned())]);
        }
    }

    #[test]
    fn long_lists_and_many_groups_come_back_from_parquet() {
        let row = |number: usize| {
            let gaps: Vec<f64> =
                (0..number * 37 % 4000).map(|place| (number * 31 + place) as f64 / 7.0).collect();
            json!({"_id": format!("run-{number}"), "times_between_tokens": gaps, "max_tokens_per_chunk": number})
        };
        let rows: Vec<Value> = (0..1500).map(row).collect();
        let texts: Vec<String> = rows.iter().map(Value::to_string).collect();
        let bytes = written(ExportFormat::Parquet, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut reader = parquet_rows(file);
        for row in rows {
            let found = reader.next_row().unwrap().unwrap();
            assert_eq!(found.id.as_deref(), row["_id"].as_str());
            assert_eq!(found.figures["times_between_tokens"], row["times_between_tokens"]);
            assert_eq!(found.figures["max_tokens_per_chunk"], row["max_tokens_per_chunk"]);
        }
        assert!(reader.next_row().is_none());
    }

    proptest! {
        #[test]
        fn a_changed_parquet_file_is_read_or_refused(at in 0_usize..4000, byte in any::<u8>(), cut in 0_usize..4000) {
            let row = "{\"_id\":\"a\",\"generate_time\":1.5,\"times_between_tokens\":[1,2,3],\"stream_resolution\":\"token\"}";
            let mut bytes = written(ExportFormat::Parquet, &[row, row, "{}"]);
            let at = at % bytes.len();
            bytes[at] = byte;
            read(ExportFormat::Parquet, &bytes);
            read(ExportFormat::Parquet, &bytes[cut % bytes.len()..]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,\"a_id\n1e-]{0,60}") {
            for format in FORMS {
                read(format, &bytes);
                let mut whole = written(format, &["{\"_id\":\"a\"}"]);
                whole.extend_from_slice(text.as_bytes());
                read(format, &whole);
            }
        }
    }
}

//! Rows as CSV: the columns of a table and [`EXTRA`]. Lists and formulas are written as
//! `run --csv` writes them; documents are JSON.

use super::Encoder;
use super::cell::Cell;
use super::columns::{EXTRA, ExportColumns};
use super::row::split;
use crate::output::csv::{disarm, is_formula};
use crate::storage::history::row_pages::RowSource;
use std::borrow::Cow;
use std::io::{self, Write};
use std::thread;

/// Writes rows behind a header.
pub struct CsvEncoder<W: Write> {
    columns: ExportColumns,
    out: W,
}

impl<W: Write> CsvEncoder<W> {
    /// Creates the encoder and writes the header.
    pub fn new(table: RowSource, mut out: W) -> io::Result<Self> {
        let columns = ExportColumns::of(table);
        let mut header = ::csv::Writer::from_writer(&mut out);
        header.write_record(columns.all.iter().map(|(name, _)| *name).chain([EXTRA])).map_err(plain)?;
        header.flush()?;
        drop(header);
        Ok(Self { columns, out })
    }
}

impl<W: Write + Send> Encoder for CsvEncoder<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        Ok(self.rows(&[text])? == 0)
    }

    /// Encodes both halves in parallel: cutting and quoting takes longer than reading and writing together.
    fn rows(&mut self, texts: &[&str]) -> io::Result<u64> {
        let columns = &self.columns;
        let (first, second) = texts.split_at(texts.len() / 2);
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| lines(columns, second));
            (
                lines(columns, first),
                second.join().unwrap_or_else(|_| Err(io::Error::other("a thread has died"))),
            )
        });
        let mut odd = 0;
        for half in [first, second] {
            let (bytes, odd_ones) = half?;
            self.out.write_all(&bytes)?;
            odd += odd_ones;
        }
        Ok(odd)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Rows as lines, and the number of odd rows.
fn lines(columns: &ExportColumns, texts: &[&str]) -> io::Result<(Vec<u8>, u64)> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut odd = 0;
    for text in texts {
        let split = split(columns, text);
        for cell in &split.cells {
            writer.write_field(shown(cell)).map_err(plain)?;
        }
        writer.write_field(&split.extra).map_err(plain)?;
        writer.write_record(None::<&[u8]>).map_err(plain)?;
        odd += u64::from(!split.sound);
    }
    Ok((writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?, odd))
}

/// The system's own error, whose kind tells whether the disk is full or the reader is gone.
fn plain(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn shown<'a>(cell: &'a Cell<'_>) -> Cow<'a, [u8]> {
    match cell {
        Cell::Null => b"".into(),
        Cell::Text(words) if is_formula(words) => disarm(words).into_bytes().into(),
        Cell::Text(words) | Cell::Date(words, _) => words.as_bytes().into(),
        Cell::Double(number) => number.as_bytes().into(),
        Cell::Doubles(numbers) => spaced(numbers).into(),
        Cell::Integer(number) => number.to_string().into_bytes().into(),
        Cell::Flag(flag) => if *flag { &b"true"[..] } else { b"false" }.into(),
        Cell::Texts(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| disarm(text)).collect();
            texts.join("; ").into_bytes().into()
        }
        Cell::Json(document) => document.as_bytes().into(),
    }
}

/// Numbers separated by one space instead of commas. Works on bytes, because these lists are most of a row.
fn spaced(numbers: &str) -> Vec<u8> {
    let comma_to_space = |byte| if byte == b',' { b' ' } else { byte };
    if memchr::memchr3(b' ', b'\n', b'\t', numbers.as_bytes()).is_none() {
        return numbers.bytes().map(comma_to_space).collect();
    }
    numbers.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(comma_to_space).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::history::RunSeries;

    #[test]
    fn every_kind_of_cell_has_its_form() {
        let mut bytes = Vec::new();
        let mut rows = CsvEncoder::new(RowSource::Runs(RunSeries::Published), &mut bytes).unwrap();
        let sound = r#"{"_id":"=1","provider":"a,\"b\"","run_ts":"2026-08-01T12:00:00.250Z","temperature":0.1,
            "output_tokens":64,"reasoning_tokens":null,"suspect":false,"times_between_tokens":[0.1, 0.2],
            "adaptations":["one","two"],"misc":{"k":"v"},"unknown":[1]}"#;
        assert_eq!(rows.rows(&[sound, "no document"]).unwrap(), 1);
        rows.finish().unwrap();
        drop(rows);
        let mut reader = ::csv::Reader::from_reader(&bytes[..]);
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let at = |row: usize, name| {
            rows[row].get(header.iter().position(|column| column == name).unwrap()).unwrap()
        };
        for (name, is) in [
            ("_id", "'=1"),
            ("provider", "a,\"b\""),
            ("run_ts", "2026-08-01T12:00:00.250Z"),
            ("temperature", "0.1"),
            ("output_tokens", "64"),
            ("reasoning_tokens", ""),
            ("suspect", "false"),
            ("times_between_tokens", "0.1 0.2"),
            ("adaptations", "one; two"),
            ("misc", "{\"k\":\"v\"}"),
            ("extra", "{\"unknown\":[1]}"),
        ] {
            assert_eq!(at(0, name), is, "{name}");
        }
        assert_eq!(at(1, "extra"), "{\"doc\":\"no document\"}");
    }
}

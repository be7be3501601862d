//! Rows as CSV: the columns of a table and [`EXTRA`]. Lists and formulas are written as `run --csv` writes them; documents
//! are JSON.

use super::Encoder;
use super::cell::Cell;
use super::columns::{Columns, EXTRA};
use super::row::split;
use crate::output::csv::{disarm, is_formula};
use crate::storage::rows::Table;
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes rows behind a header.
pub struct Csv<W: Write> {
    columns: Columns,
    writer: ::csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    /// Writes the header.
    pub fn new(table: Table, out: W) -> io::Result<Self> {
        let columns = Columns::of(table);
        let mut writer = ::csv::Writer::from_writer(out);
        writer.write_record(columns.all.iter().map(|(name, _)| *name).chain([EXTRA])).map_err(plain)?;
        Ok(Self { columns, writer })
    }
}

impl<W: Write + Send> Encoder for Csv<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        let split = split(&self.columns, text);
        for cell in &split.cells {
            self.writer.write_field(shown(cell)).map_err(plain)?;
        }
        self.writer.write_field(&split.extra).map_err(plain)?;
        self.writer.write_record(None::<&[u8]>).map_err(plain)?;
        Ok(split.sound)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The system's own error, whose kind says whether the disk is full or the reader gone.
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

/// Numbers with one space between them, where there were commas. Bytes, because these lists are most of a row.
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
    use crate::storage::history::Series;

    #[test]
    fn every_kind_of_cell_has_its_form() {
        let mut bytes = Vec::new();
        let mut rows = Csv::new(Table::Runs(Series::Published), &mut bytes).unwrap();
        let sound = r#"{"_id":"=1","provider":"a,\"b\"","run_ts":"2026-08-01T12:00:00.250Z","temperature":0.1,
            "output_tokens":64,"reasoning_tokens":null,"suspect":false,"times_between_tokens":[0.1, 0.2],
            "adaptations":["one","two"],"misc":{"k":"v"},"unknown":[1]}"#;
        assert!(rows.row(sound).unwrap());
        assert!(!rows.row("no document").unwrap());
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

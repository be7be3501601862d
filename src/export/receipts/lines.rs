//! The file of receipts: a head that says of which export they are, then a line for each run that has an id.

use super::bounded::{is_id, next_line};
use crate::export::ExportFormat;
use crate::export::row::fields;
use crate::measure::receipt;
use crate::measure::receipt_figures::FIGURES;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind, Write};

/// The schema of the head.
pub const RECEIPTS: &str = "llmbench.results.receipts/1";

/// The longest line, bytes: that of 100,000 tokens has half of it.
pub const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// The longest head, bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// The first line: of which export the receipts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsHead {
    pub schema: String,
    /// The name of the export's file.
    pub file: String,
    pub format: ExportFormat,
    /// Program and version that exported.
    pub program: String,
    /// Version of the definitions by which that program computes.
    pub definitions: u32,
    pub series: String,
    /// The window and the models that were asked for; null where all were.
    pub from: Option<String>,
    pub to: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
}

/// A run in the file of receipts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptLine {
    pub id: String,
    /// `None` if the run has none.
    pub receipt: Option<String>,
    /// The figures as they are stored, and nothing else; `None` without a receipt.
    pub figures: Option<Map<String, Value>>,
}

/// What a line in the file of receipts has of a row.
struct RowParts<'a> {
    id: String,
    receipt: Option<String>,
    figures: Vec<(&'static str, Cow<'a, str>)>,
}

/// A row's receipt and its figures as a line with its line break. Numbers keep their digits.
pub struct WrittenLine {
    pub line: String,
    pub receipt: Option<String>,
}

impl WrittenLine {
    /// `None` for a row without a text as its id, or with a longer one than is read.
    pub fn of(row: &str) -> Option<Self> {
        let RowParts { id, receipt, figures } = parts(row)?;
        let bare = |id: &str| format!("{{\"id\":{},\"receipt\":null,\"figures\":null}}\n", Value::from(id));
        let Some(receipt) = receipt else { return Some(Self { line: bare(&id), receipt: None }) };
        let mut line = format!(
            "{{\"id\":{},\"receipt\":{},\"figures\":{{",
            Value::from(id.as_str()),
            Value::from(receipt.as_str())
        );
        for (place, (name, value)) in figures.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            line.push_str(&format!("{comma}\"{name}\":{value}"));
        }
        line.push_str("}}\n");
        // Nobody could read it again.
        if line.len() > LONGEST_LINE {
            return Some(Self { line: bare(&id), receipt: None });
        }
        Some(Self { line, receipt: Some(receipt) })
    }
}

fn parts(row: &str) -> Option<RowParts<'_>> {
    let (mut id, mut receipt) = (None, None);
    let mut figures: Vec<(&'static str, Cow<'_, str>)> = Vec::with_capacity(FIGURES.len());
    let read = fields(row, |name, value| match &*name {
        "_id" => id = serde_json::from_str::<String>(value).ok().filter(|id| is_id(id)),
        receipt::FIELD if value == "null" => receipt = None,
        // One that is no text cannot be read, and whoever checks is told so.
        receipt::FIELD => receipt = Some(serde_json::from_str(value).unwrap_or_else(|_| value.to_owned())),
        name => {
            let known = FIGURES.iter().find(|figure| **figure == name);
            let new = known.filter(|known| figures.iter().all(|(there, _)| there != *known));
            figures.extend(new.map(|known| (*known, on_one_line(value))));
        }
    });
    read.ok()?;
    Some(RowParts { id: id?, receipt, figures })
}

/// JSON may have line breaks between its parts.
fn on_one_line(value: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\n', b'\r', value.as_bytes()).is_none() {
        return value.into();
    }
    serde_json::from_str::<Value>(value).unwrap_or_default().to_string().into()
}

/// Writes the head.
///
/// # Errors
/// The writer's.
pub fn write_head(head: &ReceiptsHead, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, head)?;
    out.write_all(b"\n")
}

/// Why a file of receipts, or a line of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The file cannot be read on.
    #[error(transparent)]
    Io(io::Error),
    /// A newer program wrote the file.
    #[error("it is of the form {0}, which this version does not know: a newer llmbench reads it")]
    Newer(String),
    /// Line number, from 1, and why it is none. Lines after it can be read.
    #[error("line {0} {1}")]
    Line(u64, String),
}

/// Reads a file of receipts line by line.
pub struct LinesReader<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    /// True after an error behind which nothing can be read.
    ended: bool,
}

impl<R: BufRead> LinesReader<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0, ended: false }
    }

    /// Reads the first line.
    ///
    /// # Errors
    /// Any case of [`LinesError`].
    pub fn head(&mut self) -> Result<ReceiptsHead, LinesError> {
        if !self.advance(LONGEST_HEAD)? {
            return Err(LinesError::Line(1, "is missing: the file is empty".to_owned()));
        }
        let head: Result<ReceiptsHead, _> = serde_json::from_slice(&self.line);
        match head {
            Ok(head) if head.schema == RECEIPTS => Ok(head),
            _ => Err(newer(&self.line, RECEIPTS)
                .map_or_else(|| LinesError::Line(1, "is no head of receipts".to_owned()), LinesError::Newer)),
        }
    }

    /// Reads the next run; `None` at the end.
    ///
    /// # Errors
    /// [`LinesError::Line`], after which the next run can be read; [`LinesError::Io`], after which nothing can.
    pub fn next_run(&mut self) -> Option<Result<ReceiptLine, LinesError>> {
        match self.advance(LONGEST_LINE) {
            Err(error) => return Some(Err(error)),
            Ok(false) => return None,
            Ok(true) => {}
        }
        let read = serde_json::from_slice::<ReceiptLine>(&self.line).ok().filter(|line| is_id(&line.id));
        let Some(mut line) = read else {
            return Some(Err(LinesError::Line(self.number, "is no receipt of a run".to_owned())));
        };
        if let Some(figures) = &mut line.figures {
            figures.retain(|name, _| FIGURES.contains(&name.as_str()));
        }
        Some(Ok(line))
    }

    fn advance(&mut self, longest: usize) -> Result<bool, LinesError> {
        if self.ended {
            return Ok(false);
        }
        self.number += 1;
        let number = self.number;
        let read = next_line(&mut self.reader, &mut self.line, longest);
        // Behind a line that is too long, nothing says where the next one begins.
        self.ended = read.is_err();
        read.map_err(|error| match error.kind() {
            kind @ ErrorKind::InvalidData => {
                LinesError::Io(io::Error::new(kind, format!("line {number}: {error}")))
            }
            _ => LinesError::Io(error),
        })
    }

    /// The reader.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

/// The schema of a text that differs from `known` in its version alone.
pub fn newer(text: &[u8], known: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let Schema { schema } = serde_json::from_slice(text).ok()?;
    let (name, version) = schema.rsplit_once('/')?;
    let (known_name, known_version) = known.rsplit_once('/')?;
    let version: u32 = version.parse().ok()?;
    let later = version > known_version.parse::<u32>().ok()?;
    // Spelled anew: a stranger's number may begin with a million zeros.
    (name == known_name && later).then(|| format!("{known_name}/{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn head() -> ReceiptsHead {
        ReceiptsHead {
            schema: RECEIPTS.to_owned(),
            file: "runs.csv".to_owned(),
            format: ExportFormat::Csv,
            program: "llmbench/0.1.0".to_owned(),
            definitions: 2,
            series: "all".to_owned(),
            from: None,
            to: Some("2026-08-01T10:00:00.000Z".to_owned()),
            provider: None,
            model: None,
        }
    }

    fn read(text: &[u8]) -> Vec<Result<ReceiptLine, String>> {
        let mut lines = LinesReader::new(text);
        if let Err(error) = lines.head() {
            return vec![Err(error.to_string())];
        }
        std::iter::from_fn(|| lines.next_run()).map(|line| line.map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn rows_come_back_with_every_digit() {
        let rows = [
            "{\"_id\":\"a\",\"receipt\":\"1.AA\",\"generate_time\":1.50,\"provider\":\"x\",\"times_between_tokens\":[0.1,\n 2]}",
            "{\"_id\":\"b\",\"receipt\":null,\"generate_time\":2}",
            "{\"_id\":\"c\",\"receipt\":7,\"generate_time\":1.5,\"generate_time\":3}",
            "{\"_id\":7,\"receipt\":\"1.AA\"}",
            "{\"provider\":\"x\"}",
            "no document",
        ];
        let mut bytes = Vec::new();
        write_head(&head(), &mut bytes).unwrap();
        let written: Vec<_> = rows.iter().filter_map(|row| WrittenLine::of(row)).collect();
        written.iter().for_each(|line| bytes.extend_from_slice(line.line.as_bytes()));
        assert!(String::from_utf8_lossy(&bytes).contains("\"generate_time\":1.50"));
        let mut lines = LinesReader::new(&bytes[..]);
        assert_eq!(lines.head().unwrap(), head());
        let found = read(&bytes);
        let ids: Vec<_> = found.iter().map(|line| line.as_ref().unwrap().id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        let first = found[0].as_ref().unwrap();
        assert_eq!(first.receipt.as_deref(), Some("1.AA"));
        assert_eq!(first.figures.as_ref().unwrap()["times_between_tokens"], json!([0.1, 2]));
        assert_eq!(
            (&found[1].as_ref().unwrap().receipt, &found[1].as_ref().unwrap().figures),
            (&None, &None)
        );
        let third = found[2].as_ref().unwrap();
        assert_eq!(
            (third.receipt.as_deref(), &third.figures.as_ref().unwrap()["generate_time"]),
            (Some("7"), &json!(1.5))
        );
    }

    #[test]
    fn other_lines_are_told_by_number() {
        let mut bytes = Vec::new();
        write_head(&head(), &mut bytes).unwrap();
        bytes.extend_from_slice(b"nonsense\n{\"id\":\"a\",\"receipt\":null,\"figures\":null}\n{\"id\":\"b\"");
        let found = read(&bytes);
        assert_eq!(found[0], Err("line 2 is no receipt of a run".to_owned()));
        assert!(found[1].is_ok() && found[2].is_err());
        assert_eq!(read(b""), [Err("line 1 is missing: the file is empty".to_owned())]);
        assert_eq!(read(b"{\"schema\":\"x/1\"}"), [Err("line 1 is no head of receipts".to_owned())]);
        let later = read(b"{\"schema\":\"llmbench.results.receipts/2\",\"new\":1}");
        assert!(later[0].as_ref().unwrap_err().contains("a newer llmbench reads it"), "{later:?}");
        let schema = |version: &str| format!("{{\"schema\":\"{RECEIPTS}{version}\"}}");
        assert_eq!(newer(schema("00").as_bytes(), RECEIPTS), Some(format!("{RECEIPTS}00")));
        let zeros = format!("{{\"schema\":\"llmbench.results.receipts/{}2\"}}", "0".repeat(5000));
        assert_eq!(newer(zeros.as_bytes(), RECEIPTS).as_deref(), Some("llmbench.results.receipts/2"));
    }

    #[test]
    fn an_id_is_short_and_figures_have_known_names() {
        let line = |id: &str| {
            format!("{{\"id\":\"{id}\",\"receipt\":null,\"figures\":{{\"generate_time\":1,\"x\":2}}}}\n")
        };
        let mut bytes = Vec::new();
        write_head(&head(), &mut bytes).unwrap();
        for id in ["a", &"x".repeat(1025), ""] {
            bytes.extend_from_slice(line(id).as_bytes());
        }
        let found = read(&bytes);
        assert_eq!(found[0].as_ref().unwrap().figures, json!({"generate_time": 1}).as_object().cloned());
        assert_eq!(found[1], Err("line 3 is no receipt of a run".to_owned()));
        assert!(found[2].is_err());
        assert!(WrittenLine::of(&format!("{{\"_id\":\"{}\"}}", "x".repeat(1025))).is_none());
    }

    #[test]
    fn a_long_head_is_not_read() {
        let long = ReceiptsHead { model: Some("x".repeat(LONGEST_HEAD)), ..head() };
        let mut bytes = Vec::new();
        write_head(&long, &mut bytes).unwrap();
        assert_eq!(read(&bytes), [Err("line 1: a line is longer than 64 KB".to_owned())]);
    }

    #[test]
    fn a_line_without_end_is_not_held_in_memory() {
        let mut bytes = Vec::new();
        write_head(&head(), &mut bytes).unwrap();
        bytes.resize(bytes.len() + LONGEST_LINE + 1, b'x');
        let mut lines = LinesReader::new(&bytes[..]);
        lines.head().unwrap();
        assert!(matches!(lines.next_run(), Some(Err(LinesError::Io(_)))));
        assert!(lines.next_run().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in ".{0,200}") {
            let mut whole = Vec::new();
            write_head(&head(), &mut whole).unwrap();
            whole.extend_from_slice(&bytes);
            prop_assert!(read(&whole).len() <= bytes.len());
            read(&bytes);
            WrittenLine::of(&text);
        }
    }
}

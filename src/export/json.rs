//! Rows as JSON, verbatim: the text that a store keeps is passed through once it is known to be a document.

use super::Encoder;
use super::row::{fields, wrapped};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes one document per line.
pub struct JsonLinesEncoder<W: Write> {
    out: W,
}

impl<W: Write> JsonLinesEncoder<W> {
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + Send> Encoder for JsonLinesEncoder<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        let (line, sound) = line(text);
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(sound)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes one document with all rows in it, one per line. Without its end it is not valid JSON, so a
/// partial file does not look complete.
pub struct JsonDocument<W: Write> {
    out: W,
    first: bool,
}

impl<W: Write> JsonDocument<W> {
    /// Writes the keys of `head`, and the beginning of the rows.
    pub fn new(head: &Map<String, Value>, mut out: W) -> io::Result<Self> {
        out.write_all(b"{")?;
        for (name, value) in head {
            write!(out, "{}:{value},", Value::from(name.as_str()))?;
        }
        out.write_all(b"\"rows\":[")?;
        Ok(Self { out, first: true })
    }
}

impl<W: Write + Send> Encoder for JsonDocument<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        let (line, sound) = line(text);
        self.out.write_all(if std::mem::replace(&mut self.first, false) { b"\n" } else { b",\n" })?;
        self.out.write_all(line.as_bytes())?;
        Ok(sound)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}

/// A row as one line, and whether it was a document.
fn line(text: &str) -> (Cow<'_, str>, bool) {
    match fields(text, |_, _| ()) {
        Err(_) => (wrapped(text).into(), false),
        // JSON may have line breaks between its parts.
        Ok(()) if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() => {
            let written: Option<Value> = serde_json::from_str(text).ok();
            (written.map_or_else(|| wrapped(text), |row| row.to_string()).into(), true)
        }
        Ok(()) => (text.into(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROWS: [&str; 4] = ["{\"b\":1.50,\"a\":[ ]}", "no document", "{\n \"a\": \"x\\ny\"\n}", "[1]"];

    fn written(mut encoder: impl Encoder) -> Vec<bool> {
        let sound = ROWS.map(|row| encoder.row(row).unwrap()).to_vec();
        encoder.finish().unwrap();
        sound
    }

    #[test]
    fn lines_are_the_stored_text_wherever_it_is_a_document() {
        let mut bytes = Vec::new();
        assert_eq!(written(JsonLinesEncoder::new(&mut bytes)), [true, false, true, false]);
        let lines =
            "{\"b\":1.50,\"a\":[ ]}\n{\"doc\":\"no document\"}\n{\"a\":\"x\\ny\"}\n{\"doc\":\"[1]\"}\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), lines);
    }

    #[test]
    fn a_document_is_whole_only_at_its_end() {
        let head: Map<String, Value> = [("schema".to_owned(), json!("x/1"))].into_iter().collect();
        let mut bytes = Vec::new();
        written(JsonDocument::new(&head, &mut bytes).unwrap());
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&document["schema"], document["rows"].as_array().unwrap().len()), (&json!("x/1"), 4));
        assert!(serde_json::from_slice::<Value>(&bytes[..bytes.len() - 4]).is_err());
        let mut bytes = Vec::new();
        JsonDocument::new(&head, &mut bytes).unwrap().finish().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap()["rows"], json!([]));
    }
}

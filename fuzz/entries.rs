//! What is done with one arbitrary input, and what must hold afterwards: shared by the fuzz targets, which need a nightly
//! compiler, and by the stable tests, which replay the seeds and feed generated input.

use bytes::Bytes;
use llmbench::bridge::server::strict_json;
use llmbench::domain::run::{Connection, ConnectionInfo};
use llmbench::export::receipts::lines::LinesReader;
use llmbench::export::receipts::manifest::Manifest;
use llmbench::export::receipts::signature::PublicKey;
use llmbench::export::{ExportFormat, reading};
use llmbench::measure::receipt::Receipt;
use llmbench::providers::protocols::{self, DecodedStream, Dialect, Quirks};
use llmbench::wire::{BodyRead, ExchangeEnd, Marks, Recording, ResponseHead, sse};
use std::time::Duration;

/// Inputs beyond this are cut: the checks below are not linear.
const LONGEST: usize = 16 * 1024;

/// Cuts events twice, here by a plain reading of the standard, and compares.
pub fn events(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    let cut: Vec<_> = sse::events(data).collect();
    let seen: Vec<_> = cut.iter().map(|e| (e.name.as_deref().map(str::to_owned), e.data.to_vec())).collect();
    assert_eq!(seen, events_by_the_book(data));
    assert!(cut.windows(2).all(|pair| pair[0].end < pair[1].end), "ends are not in order");
    for (index, event) in cut.iter().enumerate().take(8) {
        let up_to_its_end = sse::events(&data[..=event.end]);
        assert_eq!(up_to_its_end.last().map(|e| e.data), Some(event.data.clone()), "end of event {index}");
    }
}

/// Decodes a body under several cuts and endings; the words must not depend on the cuts.
pub fn decode(dialect: Dialect, data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    let step = 1 + data.len() % 61;
    let cut =
        dialect.decode(&recording(data, steps(data.len(), step), ExchangeEnd::Complete), &Quirks::default());
    let whole = dialect.decode(&recording(data, vec![data.len()], ExchangeEnd::Complete), &Quirks::default());
    assert_sound(&cut);
    assert_eq!(without_stamps(cut), without_stamps(whole));
    let ending = ExchangeEnd::Cut("reset".into());
    assert_sound(&dialect.decode(&recording(data, steps(data.len(), step), ending), &Quirks::default()));
}

/// Reads an error body, plain or packed.
pub fn error_body(data: &[u8]) {
    let head = |coding: &str| ResponseHead {
        status: 429,
        headers: vec![("content-encoding".to_owned(), coding.to_owned())],
    };
    for coding in ["", "gzip", "deflate"] {
        let plain = protocols::unpacked(&head(coding), data);
        assert!(plain.len() <= data.len().max(1024 * 1024), "{} bytes", plain.len());
        let _ = protocols::error_body(&plain);
    }
}

/// Reads a posted body. What is taken is what any JSON reader reads, and reads the same when it is written again; what is
/// refused is refused in few words.
pub fn ingest_body(data: &[u8]) {
    match strict_json::read(data) {
        Ok(value) => {
            let plain: serde_json::Value = serde_json::from_slice(data).expect("strict JSON is JSON");
            assert_eq!(value, plain);
            assert_eq!(strict_json::read(value.to_string().as_bytes()), Ok(value));
        }
        Err(error) => {
            assert!(error.message.len() <= 200 && !error.message.chars().any(char::is_control), "{error:?}");
            assert!(!error.path.chars().any(char::is_control), "{error:?}");
        }
    }
}

/// Reads a stranger's export, its receipts and its manifest. A manifest has one spelling; a line is one run at most.
pub fn receipts(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    if let Ok(manifest) = Manifest::read(data) {
        assert_eq!(manifest.text().as_bytes(), data);
    }
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut headless = LinesReader::new(data);
    if headless.head().is_err() {
        headless = LinesReader::new(data);
    }
    let runs: Vec<_> = std::iter::from_fn(|| headless.next_run()).collect();
    assert!(runs.len() <= lines);
    for run in runs.into_iter().flatten() {
        if let Some(Ok(receipt)) = run.receipt.as_deref().map(Receipt::read) {
            receipt.recompute();
        }
    }
    for format in [ExportFormat::Csv, ExportFormat::Json, ExportFormat::Ndjson] {
        if let Some(mut rows) = reading::rows(format, data) {
            assert!(std::iter::from_fn(|| rows.next_row()).count() <= lines + 1);
        }
    }
    let _ = PublicKey::from_pem(data);
}

/// What holds for every answer: stamps in order, no empty delta, a label on every count.
pub fn assert_sound(answer: &DecodedStream) {
    assert!(answer.deltas.windows(2).all(|pair| pair[0].at <= pair[1].at), "stamps go back: {answer:?}");
    assert!(answer.deltas.iter().all(|delta| !delta.text.is_empty()), "empty delta: {answer:?}");
    assert!(answer.usage.as_ref().is_none_or(|usage| !usage.source.is_empty()), "no label: {answer:?}");
    assert_eq!(answer.first_event.is_some(), answer.events > 0);
    assert!(answer.deltas.first().is_none_or(|delta| Some(delta.at) >= answer.first_event));
}

/// The same answer with all stamps at zero.
pub fn without_stamps(mut answer: DecodedStream) -> DecodedStream {
    answer.first_event = answer.first_event.map(|_| Duration::ZERO);
    answer.deltas.iter_mut().for_each(|delta| delta.at = Duration::ZERO);
    answer
}

/// Where reads end that bring `step` bytes each.
pub fn steps(length: usize, step: usize) -> Vec<usize> {
    (1..=length.div_ceil(step)).map(|index| (index * step).min(length)).collect()
}

/// A recording of a body whose reads ended at `ends`, the first after 10 ms, each 10 ms after the one before.
pub fn recording(body: &[u8], ends: Vec<usize>, ending: ExchangeEnd) -> Recording {
    let at = |index: usize| Duration::from_millis(10 * (index as u64 + 1));
    let end = at(ends.len());
    let reads = ends
        .into_iter()
        .enumerate()
        .map(|(index, body_end)| BodyRead { body_end, at: at(index), waited: None })
        .collect();
    Recording {
        started_at: Default::default(),
        ended_at: Default::default(),
        connection: Connection::Cold,
        carrier: ConnectionInfo::default(),
        marks: Marks { end, ..Marks::default() },
        head: None,
        body: Bytes::copy_from_slice(body),
        reads,
        ending,
        late_wakes: Vec::new(),
        connect_delay: None,
        dispatch_delay: Duration::ZERO,
    }
}

/// The standard's steps, one after the other, on a copy.
fn events_by_the_book(body: &[u8]) -> Vec<(Option<String>, Vec<u8>)> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let (mut found, mut name, mut data) = (Vec::new(), None, None::<Vec<Vec<u8>>>);
    for line in lines(body) {
        if line.is_empty() {
            let name = name.take();
            found.extend(data.take().map(|data| (name, data.join(&b'\n'))));
            continue;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let field = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = if value.first() == Some(&b' ') { &value[1..] } else { value };
        if field == b"data" {
            data.get_or_insert_default().push(value.to_vec());
        } else if field == b"event" {
            name = Some(String::from_utf8_lossy(value).into_owned()).filter(|name| !name.is_empty());
        }
    }
    found.extend(data.map(|data| (name, data.join(&b'\n'))));
    found
}

fn lines(body: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut before = 0;
    for &byte in body {
        match (before, byte) {
            (b'\r', b'\n') => {}
            (_, b'\n' | b'\r') => lines.push(Vec::new()),
            _ => lines.last_mut().expect("never empty").push(byte),
        }
        before = byte;
    }
    // What follows the last line end is a line only if it has bytes.
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

//! Recordings of streams made by hand, for the tests of dialects.

use super::{ChunkTimes, DialectCollector, MetricDialect};
use crate::domain::ModelRef;
use crate::domain::run::{Connection, ConnectionInfo};
use crate::wire::{BodyRead, ExchangeEnd, Marks, Recording};
use chrono::DateTime;
use std::time::Duration;

/// A role, reasoning, three pieces of text, a token without text, the finish reason, usage, the end: data of each event and its milliseconds.
pub(super) const CHAT: &[(u64, &str)] = &[
    (100, r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#),
    (200, r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#),
    (300, r#"{"choices":[{"delta":{"content":"a"}}]}"#),
    (320, r#"{"choices":[{"delta":{"content":"b"}}]}"#),
    (340, r#"{"choices":[{"delta":{"content":"c"}}]}"#),
    (345, r#"{"choices":[{"delta":{"content":""}}]}"#),
    (350, r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#),
    (360, r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#),
    (400, "[DONE]"),
];

/// A recording of these events, each in a read of its own; it ends with the last one.
pub(super) fn recording(events: &[(u64, &str)]) -> Recording {
    let mut body = Vec::new();
    let mut reads = Vec::new();
    for (at, data) in events {
        body.extend_from_slice(format!("data: {data}\n\n").as_bytes());
        reads.push(BodyRead { body_end: body.len(), at: Duration::from_millis(*at), waited: None });
    }
    let end = reads.last().map_or(Duration::ZERO, |read| read.at);
    Recording {
        started_at: DateTime::UNIX_EPOCH,
        ended_at: DateTime::UNIX_EPOCH,
        connection: Connection::Warm,
        carrier: ConnectionInfo::default(),
        marks: Marks { end, ..Marks::default() },
        head: None,
        body: body.into(),
        reads,
        ending: ExchangeEnd::Complete,
        late_wakes: Vec::new(),
        connect_delay: None,
        dispatch_delay: Duration::ZERO,
    }
}

pub(super) fn milliseconds(times: &[u64]) -> Vec<Duration> {
    times.iter().copied().map(Duration::from_millis).collect()
}

/// Every metric of a run of one request: its name and its values in ascending order.
pub(super) fn figures(dialect: MetricDialect, chunks: &ChunkTimes) -> Vec<(&'static str, Vec<f64>)> {
    let model = ModelRef::new("sim", "steady");
    let mut collector = DialectCollector::expecting(dialect, [&model]);
    collector.add(&model, Some(chunks), None);
    let figures = collector.finish().models.remove(0);
    let named = dialect.definition().metrics.iter().zip(figures.samples);
    named.map(|(metric, samples)| (metric.name, samples.sorted)).collect()
}

//! Formats rows of the outbox for people and programs: a table, single rows with their documents, the number of rows.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{row_fields, text};
use crate::domain::outbox_rows::{OutboxDepth, OutboxRowSummary};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The schema of the list, described by `docs/schema/outbox_list.schema.json`.
pub const SCHEMA: &str = "llmbench.outbox.list/1";
/// The schema of whole rows.
pub const SHOW_SCHEMA: &str = "llmbench.outbox.show/1";
/// The schema of a change.
pub const CHANGED_SCHEMA: &str = "llmbench.outbox.changed/1";

#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRowDetail {
    pub row: OutboxRowSummary,
    /// The document as it is stored.
    pub document: Option<Value>,
    /// The error found in the stored document, if it is damaged.
    pub damage: Option<String>,
}

/// The table, at most as wide as the terminal if stdout is one.
pub fn table(rows: &[OutboxRowSummary], now: DateTime<Utc>, view: &ReportView) -> String {
    let next = |row: &OutboxRowSummary| row.next_at.map_or_else(|| "-".to_owned(), |at| until(at, now));
    let said = |row: &OutboxRowSummary| row.error.as_deref().map_or_else(|| "-".to_owned(), text::one_line);
    let list = ListReport::new(rows)
        .column(Column::number("NO"), |row| row.key.0.to_string())
        .column(Column::new("STATE"), |row| row.state.as_str().to_owned())
        .column(Column::new("MODEL").free(), |row| format!("{}:{}", row.provider, row.model))
        .column(Column::new("KIND").rank(4), |row| row.kind.clone())
        .column(Column::new("MEASURED").rank(2), |row| row_fields::short_time(row.measured_at, view.zone))
        .column(Column::number("TRIES").rank(1), |row| row.attempts.to_string())
        .column(Column::new("NEXT").rank(3), next)
        .column(Column::new("ERROR").free(), said)
        .column(Column::new("ID").rank(5), |row| row.id.clone());
    list.screen(view)
}

/// The time left until `at`: `now`, `in 40 s`, `in 5 min`.
fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (at - now).num_seconds() {
        ..=0 => "now".to_owned(),
        seconds @ 1..=99 => format!("in {seconds} s"),
        seconds => format!("in {} min", seconds / 60),
    }
}

/// The width of the labels of a row, in columns.
const LABELS: usize = 15;

/// One sentence about the number of rows.
pub fn summary(depth: &OutboxDepth, now: DateTime<Utc>) -> String {
    let OutboxDepth { pending, quarantined, delivered, oldest_at, bytes, full, damaged } = depth;
    let mut said = format!("{pending} pending, {quarantined} quarantined, {delivered} delivered and kept");
    if let Some(oldest) = oldest_at {
        let minutes = (now - *oldest).num_minutes();
        said.push_str(&format!("; the oldest pending one was measured {minutes} min ago"));
    }
    said.push_str(&format!("; {:.1} MiB on the disk", *bytes as f64 / 1_048_576.0));
    if *full {
        said.push_str("; FULL: the daemon starts no paid call until there is room");
    }
    if *damaged > 0 {
        said.push_str(&format!("; damaged outboxes set aside beside it: {damaged}"));
    }
    said
}

/// Whole rows, one after the other.
pub fn shown(shown: &[OutboxRowDetail], view: &ReportView) -> String {
    let mut out = String::new();
    for OutboxRowDetail { row, document, damage } in shown {
        let time = |at: DateTime<Utc>| row_fields::short_time(at, view.zone);
        let facts = [
            ("number", Some(row.key.0.to_string())),
            ("id", Some(row.id.clone())),
            ("state", Some(row.state.as_str().to_owned())),
            ("kind", Some(row.kind.clone())),
            ("model", Some(format!("{}:{}", row.provider, row.model))),
            ("measured", Some(time(row.measured_at))),
            ("accepted", Some(time(row.accepted_at))),
            ("tries in vain", Some(row.attempts.to_string())),
            ("next try", row.next_at.map(time)),
            ("delivered", row.delivered_at.map(time)),
            ("said", row.error.clone()),
            ("damage", damage.clone()),
        ];
        for (name, value) in facts {
            if let Some(value) = value {
                for (at, line) in
                    text::wrap(&text::one_line(&value), view.terminal.width, LABELS).iter().enumerate()
                {
                    let label = if at == 0 { name } else { "" };
                    out.push_str(&format!("{label:LABELS$}{}\n", line.trim_start()));
                }
            }
        }
        if let Some(document) = document {
            out.push_str(&text::escape_lines(&format!("{document:#}")));
            out.push('\n');
        }
    }
    out
}

pub fn document(rows: &[OutboxRowSummary], depth: &OutboxDepth) -> Value {
    json!({"schema": SCHEMA, "depth": depth, "rows": rows})
}

pub fn shown_document(shown: &[OutboxRowDetail]) -> Value {
    let one = |one: &OutboxRowDetail| json!({"row": one.row, "document": one.document, "damage": one.damage});
    json!({"schema": SHOW_SCHEMA, "rows": shown.iter().map(one).collect::<Vec<_>>()})
}

pub fn changed_document(rows: u64) -> Value {
    json!({"schema": CHANGED_SCHEMA, "rows": rows})
}

#[cfg(test)]
mod tests {
    use super::super::schema_check::violations;
    use super::super::snapshots::{assert_picture, view};
    use super::*;
    use crate::domain::outbox_rows::{OutboxKey, OutboxRowState};
    use chrono::TimeDelta;

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").unwrap().to_utc()
    }

    fn rows() -> Vec<OutboxRowSummary> {
        let waits = OutboxRowSummary {
            key: OutboxKey(12_345),
            id: "groq/llama-3.3-70b-versatile/cloud-default-v1/main/2026-11-23T11:30:00Z".into(),
            kind: "run".into(),
            provider: "groq".into(),
            model: "llama-3.3-70b-versatile".into(),
            state: OutboxRowState::Pending,
            measured_at: now() - TimeDelta::minutes(12),
            accepted_at: now() - TimeDelta::minutes(11),
            attempts: 3,
            next_at: Some(now() + TimeDelta::seconds(40)),
            delivered_at: None,
            error: Some("mongodb://127.0.0.1:27017/llm-bench cannot be reached: refused".into()),
            bytes: 3_210,
        };
        let aside = OutboxRowSummary {
            key: OutboxKey(7),
            id: "01M843W2EVZHSAJRP6TYV7XVBT".into(),
            kind: "failure".into(),
            model: "forged\nrow \u{1b}[31m\u{202e}".into(),
            state: OutboxRowState::Quarantined,
            next_at: None,
            error: Some("the id `01M8` is stored already\nwith other content".into()),
            ..waits.clone()
        };
        let gone = OutboxRowSummary {
            state: OutboxRowState::Delivered,
            next_at: None,
            error: None,
            attempts: 0,
            delivered_at: Some(now()),
            ..waits.clone()
        };
        vec![aside, waits, gone]
    }

    fn depth() -> OutboxDepth {
        let oldest_at = Some(now() - TimeDelta::minutes(12));
        OutboxDepth {
            pending: 1,
            quarantined: 1,
            delivered: 1,
            oldest_at,
            bytes: 5_000_000,
            full: true,
            damaged: 1,
        }
    }

    fn whole() -> Vec<OutboxRowDetail> {
        let document = json!({"_id": "x", "deep": ["\u{1b}[2J", 1.5]});
        let [aside, waits, _]: [OutboxRowSummary; 3] = rows().try_into().unwrap();
        vec![
            OutboxRowDetail { row: waits, document: Some(document), damage: None },
            OutboxRowDetail { row: aside, document: None, damage: Some("its checksum is wrong".into()) },
        ]
    }

    #[test]
    fn lists_and_rows_at_every_width() {
        for columns in [80, 140] {
            let view = view(columns, false, false);
            let text = table(&rows(), now(), &view) + &summary(&depth(), now());
            assert_picture(&format!("outbox_list_{columns}"), &text);
            assert_picture(&format!("outbox_show_{columns}"), &shown(&whole(), &view));
        }
        assert_picture("outbox_list_wide", &table(&rows(), now(), &view(80, false, true)));
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_or_forges_a_line() {
        for columns in 60..160 {
            let shown = table(&rows(), now(), &view(columns, false, false));
            assert_eq!(shown.lines().count(), rows().len() + 1);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']));
            assert_eq!(shown.lines().find(|line| text::width(line) > columns), None, "at {columns}");
        }
    }

    #[test]
    fn documents_are_as_the_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schema/outbox_list.schema.json")).unwrap();
        let parse = |document: Value| serde_json::from_str::<Value>(&document.to_string()).unwrap();
        assert_eq!(violations(&schema, &parse(document(&rows(), &depth()))), Vec::<String>::new());
        let mut broken = parse(document(&rows(), &OutboxDepth::default()));
        broken["rows"][0]["state"] = json!("lost");
        assert_eq!(violations(&schema, &broken).len(), 1);
    }
}

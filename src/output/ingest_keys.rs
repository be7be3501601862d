//! Formats keys of remote runners for people and programs. The key itself is shown only when it is created.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{json as document, row_fields};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

/// The schema of the list, described by `docs/schema/ingest_key_list.schema.json`.
pub const SCHEMA: &str = "llmbench.ingest.key.list/1";
/// The schema of a new key's document.
pub const NEW_SCHEMA: &str = "llmbench.ingest.key.new/1";

/// A key. The field names are those of the JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct IngestKeyRow {
    pub id: String,
    pub name: String,
    pub state: String,
    /// `None` means all providers.
    pub providers: Option<Vec<String>>,
    pub actions: Vec<String>,
    #[serde(serialize_with = "document::maybe_instant")]
    pub not_before: Option<DateTime<Utc>>,
    #[serde(serialize_with = "document::maybe_instant")]
    pub not_after: Option<DateTime<Utc>>,
    #[serde(serialize_with = "document::instant")]
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    #[serde(serialize_with = "document::maybe_instant")]
    pub revoked_at: Option<DateTime<Utc>>,
    pub revoked_by: Option<String>,
    #[serde(serialize_with = "document::maybe_instant")]
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The table, at most as wide as the terminal if stdout is one.
pub fn table(rows: &[IngestKeyRow], view: &ReportView) -> String {
    list(rows, view).screen(view)
}

fn list<'a>(rows: &'a [IngestKeyRow], view: &'a ReportView) -> ListReport<'a, IngestKeyRow> {
    let time = |at: Option<DateTime<Utc>>, without: &str| {
        at.map_or_else(|| without.to_owned(), |at| row_fields::short_time(at, view.zone))
    };
    let providers =
        |names: &Option<Vec<String>>| names.as_ref().map_or("all".to_owned(), |all| all.join(","));
    ListReport::new(rows)
        .column(Column::new("NAME"), |row| row.name.clone())
        .column(Column::new("ID"), |row| row.id.clone())
        .column(Column::new("STATE"), |row| row.state.clone())
        .column(Column::new("PROVIDERS").free(), move |row| providers(&row.providers))
        .column(Column::new("ALLOWS").rank(3).free(), |row| row.actions.join(","))
        .column(Column::new("USED").rank(1), move |row| time(row.last_used_at, "never"))
        .column(Column::new("ENDS").rank(2), move |row| time(row.revoked_at.or(row.not_after), "-"))
        .column(Column::new("CREATED").rank(4), move |row| time(Some(row.created_at), ""))
        .column(Column::new("BY").rank(5), |row| row.created_by.clone())
}

pub fn document(rows: &[IngestKeyRow]) -> Value {
    json!({"schema": SCHEMA, "keys": rows})
}

/// The document of a new key, the only one that contains the key itself.
pub fn new_document(row: &IngestKeyRow, key: &str) -> Value {
    json!({"schema": NEW_SCHEMA, "key": key, "about": row})
}

#[cfg(test)]
mod tests {
    use super::super::schema_check::violations;
    use super::super::snapshots::{assert_picture, view};
    use super::super::text;
    use super::*;
    use chrono::TimeDelta;

    fn rows() -> Vec<IngestKeyRow> {
        let now = DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").unwrap().to_utc();
        let live = IngestKeyRow {
            id: "3fQx81kZpA".into(),
            name: "aws-frankfurt".into(),
            state: "live".into(),
            providers: Some(vec!["bedrock".into(), "forged\nrow \u{1b}[31m\u{202e}".into()]),
            actions: ["ingest", "error", "catalog", "config"].map(str::to_owned).to_vec(),
            not_before: None,
            not_after: Some(now + TimeDelta::days(90)),
            created_at: now - TimeDelta::days(2),
            created_by: "ann@ops.example".into(),
            revoked_at: None,
            revoked_by: None,
            last_used_at: Some(now - TimeDelta::minutes(3)),
        };
        let revoked = IngestKeyRow {
            id: "Zz09aaBBcc".into(),
            state: "revoked".into(),
            providers: None,
            actions: vec!["config".into()],
            revoked_at: Some(now),
            revoked_by: Some("bob@ops".into()),
            last_used_at: None,
            ..live.clone()
        };
        vec![live, revoked]
    }

    #[test]
    fn keys_at_every_width() {
        for columns in [80, 140] {
            assert_picture(&format!("ingest_keys_{columns}"), &table(&rows(), &view(columns, false, false)));
        }
        for columns in 60..160 {
            let shown = table(&rows(), &view(columns, false, false));
            assert_eq!(shown.lines().count(), 3);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']));
            assert_eq!(shown.lines().find(|line| text::width(line) > columns), None, "at {columns}");
        }
    }

    #[test]
    fn documents_are_as_the_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schema/ingest_key_list.schema.json")).unwrap();
        let parse = |document: Value| serde_json::from_str::<Value>(&document.to_string()).unwrap();
        assert_eq!(violations(&schema, &parse(document(&rows()))), Vec::<String>::new());
        let new = parse(new_document(&rows()[0], "lb_x_y"));
        assert_eq!((&new["schema"], &new["key"]), (&json!(NEW_SCHEMA), &json!("lb_x_y")));
        let about = json!({"schema": SCHEMA, "keys": [new["about"]]});
        assert_eq!(violations(&schema, &about), Vec::<String>::new());
    }
}

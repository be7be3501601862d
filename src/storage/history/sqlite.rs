//! Queries for stored runs and errors. Groups are folded here and not by SQL: rows come newest first from an index, so
//! that the first row of a group has its sample message and nothing is sorted.

use crate::domain::error_cause::cause;
use crate::domain::{ErrorGroup, ModelRef};
use crate::storage::StoreError;
use crate::storage::history::{
    ErrorGranularity, HistoryFilter, HistoryStore, MOST_GROUPS, MOST_ROWS, PublishedSample, RunSeries,
    SAMPLE, StoredRow, Successes,
};
use crate::storage::outcomes::field_types::date_value;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::types::Value as Parameter;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde_json::Value;
use std::collections::HashMap;

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn error_groups(
        &self,
        scope: &HistoryFilter,
        grain: ErrorGranularity,
    ) -> Result<Vec<ErrorGroup>, StoreError> {
        let scope = scope.clone();
        self.ask(move |connection| error_groups(connection, &scope, grain)).await
    }

    async fn successes(
        &self,
        scope: &HistoryFilter,
        by_model: bool,
        series: &[RunSeries],
    ) -> Result<Vec<Successes>, StoreError> {
        let (scope, series) = (scope.clone(), series.to_vec());
        self.ask(move |connection| successes(connection, &scope, by_model, &series)).await
    }

    async fn errors(&self, scope: &HistoryFilter, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let scope = scope.clone();
        self.ask(move |connection| errors(connection, &scope, limit)).await
    }

    async fn runs(
        &self,
        scope: &HistoryFilter,
        series: RunSeries,
        limit: u32,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let scope = scope.clone();
        self.ask(move |connection| runs(connection, &scope, series, limit)).await
    }

    async fn published_samples(
        &self,
        model: &ModelRef,
        since: DateTime<Utc>,
    ) -> Result<Vec<PublishedSample>, StoreError> {
        let model = model.clone();
        self.ask(move |connection| Ok(super::sqlite_times::published_samples(connection, &model, since)?))
            .await
    }

    async fn run(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| run(connection, &id)).await
    }

    async fn error(&self, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| error(connection, &id)).await
    }

    async fn rollups(&self, fingerprint: &str, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.ask(move |connection| rollups(connection, &fingerprint, limit)).await
    }
}

/// The index that counts successes of a window without reading the rows.
pub const INDEXES: &str = "
    CREATE INDEX runs_by_window ON runs (published, run_ts_ms, provider, model_name);
";

/// The most groups that are counted at once: messages that are all different must not fill the memory.
const MOST_COUNTED: usize = 5 * MOST_GROUPS;

/// A condition and its parameters. The text never holds input.
struct SqlCondition {
    text: String,
    parameters: Vec<Parameter>,
}

impl SqlCondition {
    fn new(scope: &HistoryFilter, time: &str) -> Self {
        let mut condition = Self { text: "1".to_owned(), parameters: Vec::new() };
        // If the window has a start, the index on time is the one whose range does not grow with the store: a plus
        // keeps the planner from taking the one that begins with the provider.
        let by_time = scope.model.is_none() && scope.window.from.is_some();
        let provider = if by_time { "+provider = ?" } else { "provider = ?" };
        let text = |value: &Option<String>| value.clone().map(Parameter::Text);
        let at =
            |at: Option<DateTime<_>>| at.map(|at: DateTime<Utc>| Parameter::Integer(at.timestamp_millis()));
        condition.and(provider, text(&scope.provider));
        condition.and("model_name = ?", text(&scope.model));
        condition.and("fingerprint = ?", text(&scope.fingerprint));
        condition.and(&format!("{time} >= ?"), at(scope.window.from));
        condition.and(&format!("{time} < ?"), at(scope.window.to));
        condition
    }

    fn and(&mut self, text: &str, parameter: Option<Parameter>) {
        if let Some(parameter) = parameter {
            self.text.push_str(" AND ");
            self.text.push_str(text);
            self.parameters.push(parameter);
        }
    }
}

/// Errors in groups, the largest first.
pub fn error_groups(
    connection: &mut Connection,
    scope: &HistoryFilter,
    grain: ErrorGranularity,
) -> Result<Vec<ErrorGroup>, SqliteCallError> {
    let mut condition = SqlCondition::new(scope, "ts_ms");
    if scope.published_errors {
        // A plus: the index on time serves the window, and this condition narrows its rows.
        condition.text.push_str(" AND +moves_health = 1");
    }
    let sql = format!(
        "SELECT provider, error_kind, model_name, stage, fingerprint, ts_ms, message FROM errors
        WHERE {} ORDER BY ts_ms DESC",
        condition.text
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(condition.parameters))?;
    let mut groups: HashMap<String, ErrorGroup> = HashMap::new();
    let mut key = String::new();
    while let Some(row) = rows.next()? {
        key.clear();
        for place in 0..columns(grain) {
            key.push_str(&text(row, place));
            key.push('\0');
        }
        if grain == ErrorGranularity::Cause {
            key.push_str(cause(&text(row, 6)));
        }
        let at = DateTime::from_timestamp_millis(row.get(5)?);
        let room = groups.len() < MOST_COUNTED;
        match groups.get_mut(&key) {
            Some(group) => (group.count, group.first) = (group.count + 1, at),
            None if !room => {}
            None => {
                drop(groups.insert(key.clone(), ErrorGroup { first: at, last: at, ..newest(row, grain) }))
            }
        }
    }
    let mut groups: Vec<ErrorGroup> = groups.into_values().collect();
    groups.sort_by(|one, other| other.count.cmp(&one.count).then(other.last.cmp(&one.last)));
    groups.truncate(MOST_GROUPS);
    Ok(groups)
}

/// The number of leading columns of the query that identify a group.
fn columns(grain: ErrorGranularity) -> usize {
    match grain {
        ErrorGranularity::Provider => 2,
        ErrorGranularity::Model | ErrorGranularity::Cause => 3,
        ErrorGranularity::Stage => 4,
        ErrorGranularity::Fingerprint => 5,
    }
}

fn newest(row: &Row<'_>, grain: ErrorGranularity) -> ErrorGroup {
    let field = |place: usize| {
        let value = (place < columns(grain)).then(|| text(row, place).into_owned());
        value.filter(|value| !value.is_empty())
    };
    ErrorGroup {
        provider: field(0),
        kind: field(1),
        cause: (grain == ErrorGranularity::Cause).then(|| cause(&text(row, 6)).to_owned()),
        model: field(2),
        stage: field(3),
        fingerprint: field(4),
        count: 1,
        first: None,
        last: None,
        message: Some(text(row, 6).chars().take(SAMPLE).collect()),
        newest_model: Some(text(row, 2).into_owned()).filter(|name| !name.is_empty()),
    }
}

/// A text column; bytes that are not UTF-8 are replaced.
fn text<'a>(row: &'a Row<'_>, place: usize) -> std::borrow::Cow<'a, str> {
    let bytes = row.get_ref(place).ok().and_then(|value| value.as_bytes_or_null().ok().flatten());
    String::from_utf8_lossy(bytes.unwrap_or_default())
}

/// Successes by provider, or by provider and model.
pub fn successes(
    connection: &mut Connection,
    scope: &HistoryFilter,
    by_model: bool,
    series: &[RunSeries],
) -> Result<Vec<Successes>, SqliteCallError> {
    let condition = SqlCondition::new(&HistoryFilter { fingerprint: None, ..scope.clone() }, "run_ts_ms");
    let published: Vec<&str> = series.iter().map(|series| flag(*series)).collect();
    let (columns, keys) = if by_model {
        ("provider, model_name", "provider, model_name")
    } else {
        ("provider, NULL", "provider")
    };
    let sql = format!(
        "SELECT {columns}, count(*), max(run_ts_ms) FROM runs WHERE published IN ({}) AND {} GROUP BY {keys}",
        published.join(", "),
        condition.text
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(condition.parameters), |row| {
        let count = u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
        let newest = row.get::<_, Option<i64>>(3)?.and_then(DateTime::from_timestamp_millis);
        Ok(Successes { provider: row.get(0)?, model: row.get(1)?, count, newest })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn flag(series: RunSeries) -> &'static str {
    match series {
        RunSeries::Published => "1",
        RunSeries::Probe => "0",
    }
}

/// The newest errors, newest first.
pub fn errors(
    connection: &mut Connection,
    scope: &HistoryFilter,
    limit: u32,
) -> Result<Vec<StoredRow>, SqliteCallError> {
    page(connection, "errors", "ts_ms", SqlCondition::new(scope, "ts_ms"), limit)
}

/// The newest runs, newest first.
pub fn runs(
    connection: &mut Connection,
    scope: &HistoryFilter,
    series: RunSeries,
    limit: u32,
) -> Result<Vec<StoredRow>, SqliteCallError> {
    let mut condition = SqlCondition::new(&HistoryFilter { fingerprint: None, ..scope.clone() }, "run_ts_ms");
    condition.text.push_str(&format!(" AND published = {}", flag(series)));
    page(connection, "runs", "run_ts_ms", condition, limit)
}

/// Reads row numbers first and documents afterwards, so that a sort never carries documents.
fn page(
    connection: &mut Connection,
    table: &str,
    time: &str,
    condition: SqlCondition,
    limit: u32,
) -> Result<Vec<StoredRow>, SqliteCallError> {
    let sql = format!(
        "SELECT doc FROM {table} WHERE rowid IN
            (SELECT rowid FROM {table} WHERE {} ORDER BY {time} DESC LIMIT {})
        ORDER BY {time} DESC, rowid DESC",
        condition.text,
        limit.min(MOST_ROWS)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found =
        statement.query_map(params_from_iter(condition.parameters), |row| Ok(document(&text(row, 0))))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// A row whose text is no document is shown as that text.
fn document(text: &str) -> StoredRow {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        _ => [("doc".to_owned(), Value::String(text.to_owned()))].into_iter().collect(),
    }
}

pub fn run(connection: &mut Connection, id: &str) -> Result<Option<StoredRow>, SqliteCallError> {
    one(connection, "SELECT doc FROM runs WHERE id = ?", id)
}

pub fn error(connection: &mut Connection, id: &str) -> Result<Option<StoredRow>, SqliteCallError> {
    one(connection, "SELECT doc FROM errors WHERE id = ?", id)
}

fn one(connection: &mut Connection, sql: &str, id: &str) -> Result<Option<StoredRow>, SqliteCallError> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([id], |row| Ok(document(&text(row, 0)))).optional()?)
}

/// Rollups whose fingerprint has this prefix.
pub fn rollups(
    connection: &mut Connection,
    fingerprint: &str,
    limit: u32,
) -> Result<Vec<StoredRow>, SqliteCallError> {
    let sql =
        "SELECT fingerprint, provider, model_name, stage, error_kind, count, first_seen_ms, last_seen_ms,
        sample_messages FROM error_rollups WHERE fingerprint >= ?1 AND fingerprint < ?1 || char(0x10ffff)
        ORDER BY fingerprint LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map((fingerprint, limit), |row| Ok(rollup(row)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn rollup(row: &Row<'_>) -> StoredRow {
    let names = ["fingerprint", "provider", "model_name", "stage", "error_kind"];
    let mut fields: StoredRow =
        names.iter().enumerate().map(|(place, name)| ((*name).to_owned(), text(row, place).into())).collect();
    let date = |place| row.get(place).ok().and_then(DateTime::from_timestamp_millis).map(date_value);
    fields.insert("count".to_owned(), row.get::<_, i64>(5).ok().into());
    fields.insert("first_seen".to_owned(), date(6).into());
    fields.insert("last_seen".to_owned(), date(7).into());
    let samples = serde_json::from_str(&text(row, 8)).unwrap_or(Value::Null);
    fields.insert("sample_messages".to_owned(), samples);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Window;
    use crate::storage::sqlite::schema;

    /// SQLite's query plan for the statement.
    fn plan(sql: &str, parameters: Vec<Parameter>) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.query_map(params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
        rows.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ")
    }

    #[test]
    fn every_question_of_a_window_goes_by_an_index_on_time() {
        let from = Some(DateTime::from_timestamp_millis(0).unwrap());
        let window = Window { from, to: from };
        let whole = HistoryFilter { window, ..HistoryFilter::default() };
        let provider = HistoryFilter { provider: Some("groq".to_owned()), ..whole.clone() };
        let model = HistoryFilter { model: Some("m".to_owned()), ..provider.clone() };
        for (scope, index) in [
            (&whole, "errors_by_time (ts_ms>? AND ts_ms<?)"),
            (&provider, "errors_by_time (ts_ms>? AND ts_ms<?)"),
            (&model, "errors_by_model (provider=? AND model_name=? AND ts_ms>? AND ts_ms<?)"),
        ] {
            let condition = SqlCondition::new(scope, "ts_ms");
            let sql = format!("SELECT message FROM errors WHERE {} ORDER BY ts_ms DESC", condition.text);
            let plan = plan(&sql, condition.parameters);
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{scope:?}: {plan}");
        }
        for scope in [&whole, &provider, &model] {
            let condition = SqlCondition::new(scope, "run_ts_ms");
            let sql = format!(
                "SELECT provider, model_name, count(*) FROM runs WHERE published IN (1) AND {} GROUP BY 1, 2",
                condition.text
            );
            let plan = plan(&sql, condition.parameters);
            assert!(plan.contains("COVERING INDEX"), "{scope:?}: {plan}");
        }
    }

    #[test]
    fn documents_that_are_none_are_shown_as_text() {
        assert_eq!(document("{\"a\":1}")["a"], 1);
        assert_eq!(document("nonsense")["doc"], "nonsense");
        assert_eq!(document("[1]")["doc"], "[1]");
    }
}

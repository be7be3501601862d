//! Entries of the catalog as they are, and the figures of their last day.

use crate::domain::ModelRef;
use crate::storage::catalog::{CatalogEntry, Figures, ModelScope, Samples};
use crate::storage::health::model_health::{CLOCK_SLACK, WINDOW};
use crate::storage::outcomes::field_types::date_value;
use crate::storage::sqlite::errors::SqliteCallError;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The first index serves the runs of a window in order of time, the second each model's own runs.
pub const INDEXES: &str = "
    CREATE INDEX runs_of_window ON runs (published, run_ts_ms, provider, model_name, gen_ts_ms, time_to_first_token,
        tokens_per_second, visible_tokens_per_second);
    DROP INDEX runs_by_window;
    CREATE INDEX runs_of_model ON runs (published, provider, model_name, run_ts_ms, gen_ts_ms);
    DROP INDEX runs_with_figures;
";

const COLUMNS: &str = "provider, model_id, display_name, enabled, deprecated, created_at_ms, metadata, doc";

/// Entries of one provider or of all.
pub fn entries(
    connection: &mut Connection,
    provider: Option<&str>,
) -> Result<Vec<CatalogEntry>, SqliteCallError> {
    let sql =
        format!("SELECT {COLUMNS} FROM models WHERE ?1 IS NULL OR provider = ?1 ORDER BY provider, model_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([provider], entry)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The entries that match an SQL condition, converted to `T`, sorted by provider and id.
pub fn those<T: From<CatalogEntry>>(
    connection: &Connection,
    condition: &str,
) -> Result<Vec<T>, SqliteCallError> {
    let sql = format!("SELECT {COLUMNS} FROM models WHERE {condition} ORDER BY provider, model_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([], |row| entry(row).map(T::from))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

pub fn find(connection: &Connection, model: &ModelRef) -> rusqlite::Result<Option<CatalogEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM models WHERE provider = ? AND model_id = ?");
    connection.prepare_cached(&sql)?.query_row([&model.provider, &model.model_id], entry).optional()
}

/// The fields under the names of the data contract: columns first, then the rest of `doc`.
fn entry(row: &Row<'_>) -> rusqlite::Result<CatalogEntry> {
    let (name, metadata): (String, String) = (row.get(2)?, row.get(6)?);
    let mut fields = Map::new();
    fields.insert("provider".to_owned(), json!(row.get::<_, String>(0)?));
    fields.insert("model_id".to_owned(), json!(row.get::<_, String>(1)?));
    if !name.is_empty() {
        fields.insert("display_name".to_owned(), json!(name));
    }
    fields.insert("enabled".to_owned(), json!(row.get::<_, bool>(3)?));
    if row.get(4)? {
        fields.insert("deprecated".to_owned(), json!(true));
    }
    let created = DateTime::from_timestamp_millis(row.get(5)?).map(date_value);
    fields.insert("created_at".to_owned(), json!(created));
    let metadata = object(&metadata);
    if !metadata.is_empty() {
        fields.insert("metadata".to_owned(), Value::Object(metadata));
    }
    fields.extend(object(&row.get::<_, String>(7)?));
    Ok(CatalogEntry::new(fields))
}

/// A document in a column; an empty one if the text is no document.
pub fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The figures of the models in scope.
pub fn figures(
    connection: &mut Connection,
    scope: &ModelScope,
    now: DateTime<Utc>,
) -> Result<HashMap<ModelRef, Figures>, SqliteCallError> {
    let mut all: HashMap<ModelRef, Figures> = HashMap::new();
    let window = DayQuery { connection, scope, now };
    for (model, row) in window.health()? {
        all.entry(model).or_default().read_health(&row);
    }
    for (model, mut samples) in window.samples()? {
        all.entry(model).or_default().read_samples(&mut samples);
    }
    for (model, failures) in window.failures()? {
        all.entry(model).or_default().failures_24h = failures;
    }
    Ok(all)
}

/// Queries for the last day of the models in scope.
struct DayQuery<'a> {
    connection: &'a Connection,
    scope: &'a ModelScope,
    now: DateTime<Utc>,
}

impl DayQuery<'_> {
    fn rows<T>(
        &self,
        sql: &str,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let (provider, model) = match self.scope {
            ModelScope::All => (None, None),
            ModelScope::Provider(name) => (Some(name), None),
            ModelScope::Model(model) => (Some(&model.provider), Some(&model.model_id)),
        };
        let (since, until) = (self.now - WINDOW, self.now + CLOCK_SLACK);
        let bounds: [&dyn ToSql; 4] =
            [&since.timestamp_millis(), &until.timestamp_millis(), &provider, &model];
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_map(params![bounds[0], bounds[1], bounds[2], bounds[3]], &mut each)?.collect()
    }

    fn health(&self) -> rusqlite::Result<Vec<(ModelRef, Map<String, Value>)>> {
        let sql = format!(
            "SELECT provider, model_id, doc FROM model_health WHERE {} AND ?1 < ?2",
            condition(self.scope, "model_id")
        );
        self.rows(&sql, |row| Ok((model(row)?, object(&row.get::<_, String>(2)?))))
    }

    /// The rows of the day, which are adjacent in the index.
    fn samples(&self) -> rusqlite::Result<HashMap<ModelRef, Samples>> {
        let mut all: HashMap<ModelRef, Samples> = HashMap::new();
        self.rows(&samples_sql(self.scope), |row| {
            let samples = all.entry(model(row)?).or_default();
            samples.runs += 1;
            let ended: i64 = row.get(2)?;
            samples.newest = samples.newest.max(DateTime::from_timestamp_millis(ended));
            // A run that was published without a rate is of another profile than the others.
            let rate: f64 = row.get(4)?;
            if rate > 0.0 {
                samples.ttft.extend(row.get::<_, Option<f64>>(3)?.map(|value| (ended, value)));
                samples.rate.push((ended, rate));
                samples.visible_rate.extend(row.get::<_, Option<f64>>(5)?.map(|value| (ended, value)));
            }
            Ok(())
        })?;
        Ok(all)
    }

    fn failures(&self) -> rusqlite::Result<Vec<(ModelRef, u64)>> {
        let sql = format!(
            "SELECT provider, model_name, count(*) FROM errors
                WHERE moves_health = 1 AND ts_ms >= ?1 AND ts_ms <= ?2 AND {} GROUP BY provider, model_name",
            condition(self.scope, "model_name")
        );
        self.rows(&sql, |row| Ok((model(row)?, row.get::<_, i64>(2)?.unsigned_abs())))
    }
}

/// A condition on two columns; `?3` is the provider and `?4` the model. A plus makes the planner use the index on time,
/// whose window does not grow with the store.
fn condition(scope: &ModelScope, model_column: &str) -> String {
    match scope {
        ModelScope::All => "?3 IS NULL AND ?4 IS NULL".to_owned(),
        ModelScope::Provider(_) => "+provider = ?3 AND ?4 IS NULL".to_owned(),
        ModelScope::Model(_) => format!("provider = ?3 AND {model_column} = ?4"),
    }
}

fn samples_sql(scope: &ModelScope) -> String {
    let index = if matches!(scope, ModelScope::Model(_)) { "runs_of_model" } else { "runs_of_window" };
    format!(
        "SELECT provider, model_name, gen_ts_ms, time_to_first_token, tokens_per_second, visible_tokens_per_second
            FROM runs INDEXED BY {index} WHERE published = 1 AND run_ts_ms >= ?1 AND run_ts_ms <= ?2 AND {}",
        condition(scope, "model_name")
    )
}

fn model(row: &Row<'_>) -> rusqlite::Result<ModelRef> {
    Ok(ModelRef { provider: row.get(0)?, model_id: row.get(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema;

    #[test]
    fn the_figures_of_a_day_come_from_one_stretch_of_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let plan = |scope: &ModelScope| {
            let sql = format!("EXPLAIN QUERY PLAN {}", samples_sql(scope));
            let mut statement = connection.prepare(&sql).unwrap();
            let rows = statement.query_map(params![0, 1, "p", "m"], |row| row.get::<_, String>(3)).unwrap();
            rows.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ")
        };
        let window = "COVERING INDEX runs_of_window (published=? AND run_ts_ms>? AND run_ts_ms<?)";
        for scope in [ModelScope::All, ModelScope::Provider("p".to_owned())] {
            assert!(plan(&scope).contains(window), "{scope:?}: {}", plan(&scope));
        }
        let model = plan(&ModelScope::Model(ModelRef::new("p", "m")));
        assert!(
            model.contains("runs_of_model (published=? AND provider=? AND model_name=? AND run_ts_ms>?"),
            "{model}"
        );
    }
}

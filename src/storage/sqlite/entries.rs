//! Entries of the catalogue as they are, and the figures of their last day.

use super::errors::Trouble;
use crate::domain::ModelRef;
use crate::storage::catalogue::{Entry, Figures, Samples, Scope};
use crate::storage::contract::date_value;
use crate::storage::health::{CLOCK_SLACK, WINDOW};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const COLUMNS: &str = "provider, model_id, display_name, enabled, deprecated, created_at_ms, metadata, doc";

/// All entries, of one provider or of all.
pub fn entries(connection: &mut Connection, provider: Option<&str>) -> Result<Vec<Entry>, Trouble> {
    let sql =
        format!("SELECT {COLUMNS} FROM models WHERE ?1 IS NULL OR provider = ?1 ORDER BY provider, model_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([provider], entry)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// One entry.
pub fn find(connection: &Connection, model: &ModelRef) -> rusqlite::Result<Option<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM models WHERE provider = ? AND model_id = ?");
    connection.prepare_cached(&sql)?.query_row([&model.provider, &model.model_id], entry).optional()
}

/// The fields in the words of the data contract: columns first, then what `doc` holds besides.
fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
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
    Ok(Entry::new(fields))
}

/// A document in a column; what is none is an empty one.
pub fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The figures of the models in scope.
pub fn figures(
    connection: &mut Connection,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<HashMap<ModelRef, Figures>, Trouble> {
    let mut all: HashMap<ModelRef, Figures> = HashMap::new();
    let window = Window { connection, scope, now };
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

/// The last day of the models in scope.
struct Window<'a> {
    connection: &'a Connection,
    scope: &'a Scope,
    now: DateTime<Utc>,
}

impl Window<'_> {
    /// A condition on two columns; `?3` is the provider and `?4` the model.
    fn condition(&self, model_column: &str) -> String {
        match self.scope {
            Scope::All => "?3 IS NULL AND ?4 IS NULL".to_owned(),
            Scope::Provider(_) => "provider = ?3 AND ?4 IS NULL".to_owned(),
            Scope::Model(_) => format!("provider = ?3 AND {model_column} = ?4"),
        }
    }

    fn rows<T>(
        &self,
        sql: &str,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let (provider, model) = match self.scope {
            Scope::All => (None, None),
            Scope::Provider(name) => (Some(name), None),
            Scope::Model(model) => (Some(&model.provider), Some(&model.model_id)),
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
            self.condition("model_id")
        );
        self.rows(&sql, |row| Ok((model(row)?, object(&row.get::<_, String>(2)?))))
    }

    /// Model by model, each a short stretch of one index.
    fn samples(&self) -> rusqlite::Result<Vec<(ModelRef, Samples)>> {
        let sql = format!(
            "SELECT runs.provider, runs.model_name, gen_ts_ms, time_to_first_token, tokens_per_second,
                visible_tokens_per_second
                FROM (SELECT provider, model_id FROM models WHERE {}) AS entry CROSS JOIN runs
                ON published = 1 AND runs.provider = entry.provider AND runs.model_name = entry.model_id
                AND run_ts_ms >= ?1 AND run_ts_ms <= ?2",
            self.condition("model_id")
        );
        let mut all: Vec<(ModelRef, Samples)> = Vec::new();
        self.rows(&sql, |row| {
            let same = match all.last() {
                Some((last, _)) => {
                    row.get_ref(1)?.as_str()? == last.model_id && row.get_ref(0)?.as_str()? == last.provider
                }
                None => false,
            };
            if !same {
                all.push((model(row)?, Samples::default()));
            }
            let Some((_, samples)) = all.last_mut() else { return Ok(()) };
            samples.runs += 1;
            samples.newest = samples.newest.max(DateTime::from_timestamp_millis(row.get(2)?));
            samples.ttft.extend(row.get::<_, Option<f64>>(3)?);
            samples.rate.push(row.get(4)?);
            samples.visible_rate.extend(row.get::<_, Option<f64>>(5)?);
            Ok(())
        })?;
        Ok(all)
    }

    fn failures(&self) -> rusqlite::Result<Vec<(ModelRef, u64)>> {
        let sql = format!(
            "SELECT provider, model_name, count(*) FROM errors
                WHERE moves_health = 1 AND ts_ms >= ?1 AND ts_ms <= ?2 AND {} GROUP BY provider, model_name",
            self.condition("model_name")
        );
        self.rows(&sql, |row| Ok((model(row)?, row.get::<_, i64>(2)?.unsigned_abs())))
    }
}

fn model(row: &Row<'_>) -> rusqlite::Result<ModelRef> {
    Ok(ModelRef { provider: row.get(0)?, model_id: row.get(1)? })
}

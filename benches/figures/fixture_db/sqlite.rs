//! A large file. Rows go in while there are no indexes, which are made afterwards as they were.

use super::{DAY, SPAN, Size, error, now};
use crate::Failed;
use crate::subject::{home, llmbench};
use rusqlite::Connection;
use tempfile::TempDir;

/// A file in a home of its own.
pub struct Ground {
    /// The home.
    pub home: TempDir,
    size: Size,
    end: u64,
}

impl Ground {
    /// A file with all rows apart from nine tenths of the errors before the last day.
    pub fn new(size: Size) -> Result<Self, Failed> {
        let ground = Self { home: home()?, size, end: now() };
        let made = llmbench(&ground.home, &["db", "init", "--store", &ground.url()]).output()?;
        if !made.status.success() {
            return Err("llmbench db init failed".into());
        }
        ground.without_indexes(|connection| {
            ground.models(connection)?;
            ground.runs(connection)?;
            ground.errors(connection, "i % 10 = 0 OR i >= newest")
        })?;
        Ok(ground)
    }

    /// Adds the other errors.
    pub fn all_errors(&self) -> Result<(), Failed> {
        self.without_indexes(|connection| self.errors(connection, "i % 10 != 0 AND i < newest"))
    }

    /// What `--store` takes.
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.home.path().join("ground.db").display())
    }

    fn without_indexes(&self, fill: impl Fn(&Connection) -> rusqlite::Result<()>) -> Result<(), Failed> {
        let connection = Connection::open(self.home.path().join("ground.db"))?;
        connection.execute_batch("PRAGMA synchronous = OFF; BEGIN")?;
        let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
            AND tbl_name IN ('runs', 'errors')";
        let indexes: Vec<(String, String)> = connection
            .prepare(sql)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (name, _) in &indexes {
            connection.execute_batch(&format!("DROP INDEX {name}"))?;
        }
        fill(&connection)?;
        for (_, sql) in &indexes {
            connection.execute_batch(sql)?;
        }
        Ok(connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?)
    }

    fn models(&self, connection: &Connection) -> rusqlite::Result<()> {
        let (models, end) = (self.size.models, self.end);
        connection.execute_batch(&format!(
            "{numbers} INSERT INTO models (provider, model_id, display_name, enabled, created_at_ms)
                SELECT 'provider-' || (i % 10), 'vendor/model-' || i, 'Model ' || i, i % 10 < 9, {end} FROM n;
            {numbers} INSERT INTO model_health SELECT 'provider-' || (i % 10) || ':vendor/model-' || i,
                'provider-' || (i % 10), 'vendor/model-' || i, 1, 'fresh', {end}, json_object('cadence_seconds', 1800,
                'last_error_kind', 'timeout', 'last_error_message', 'no first byte within 60 s') FROM n;",
            numbers = numbers(models),
        ))
    }

    /// Without the document of a run beyond what the contract names: nothing measured here reads it.
    fn runs(&self, connection: &Connection) -> rusqlite::Result<()> {
        let (runs, models, start) = (self.size.runs, self.size.models, self.end - SPAN);
        let at = format!("{start} + i * {SPAN} / {runs}");
        connection.execute_batch(&format!(
            "{numbers} INSERT INTO runs SELECT printf('run-%022d', i), 1, 'provider-' || (i % {models} % 10),
                'vendor/model-' || (i % {models}), {at}, {at} + 1333, 'cloud-default-v1', 'published', 40.5 + i % 97,
                38.5 + i % 97, 0.2 + (i % 89) / 500.0, json_object('output_tokens', 64, 'generate_time', 1.333,
                'finish_reason', 'length', 'sample_role', 'published', 'benchmark_profile_id', 'cloud-default-v1') FROM n;",
            numbers = numbers(runs),
        ))
    }

    fn errors(&self, connection: &Connection, those: &str) -> rusqlite::Result<()> {
        let (errors, models, start) = (self.size.errors, self.size.models, self.end - SPAN);
        let newest = errors - errors * DAY / SPAN;
        let those = those.replace("newest", &newest.to_string());
        let document = serde_json::Value::Object(error()).to_string().replace('\'', "''");
        connection.execute_batch(&format!(
            "{numbers} INSERT INTO errors SELECT printf('err-%022d', i), 'provider-' || (i % {models} % 10),
                'vendor/model-' || (i % {models}), {start} + i * {SPAN} / {errors}, 'response',
                CASE i / {models} % 4 WHEN 0 THEN 'rate_limit' WHEN 1 THEN 'hard_model' WHEN 2 THEN 'timeout'
                    ELSE 'transient_provider' END,
                429, 'fp-' || (i % {models}) || '-' || (i / {models} % 4), 1,
                'Error code: 429 - Rate limit reached for model `vendor/model-' || (i % {models}) ||
                    '` in organization on tokens per minute: limit 6000, used ' || i, '{document}'
                FROM n WHERE {those};",
            numbers = numbers(errors),
        ))
    }
}

/// `n`, the whole numbers from 0 below `end`, before a statement that reads them.
fn numbers(end: u64) -> String {
    format!("WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1)", end)
}

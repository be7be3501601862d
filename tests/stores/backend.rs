//! A store under test, and a look into it that does not go through the store.

use crate::support::peers::{Mongod, fresh_name};
use llmbench::storage::{self, CollectionNames, Store, StoreLocation};
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Where a store keeps its rows.
pub enum Backend {
    Sqlite(TempDir),
    Mongo(Database),
}

/// What to look into.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Published,
    Probe,
    Errors,
    Rollups,
    Health,
    Catalog,
    Reads,
    Status,
    Identity,
}

impl Backend {
    pub fn sqlite() -> Self {
        Backend::Sqlite(tempfile::tempdir().unwrap())
    }

    pub async fn mongo() -> Self {
        Backend::Mongo(Mongod::start().database(&fresh_name()).await)
    }

    /// Opens the store; more than once for more than one writer.
    pub async fn open(&self, published_profiles: &[&str]) -> Arc<dyn Store> {
        let profiles: Vec<_> = published_profiles.iter().map(|id| (*id).to_owned()).collect();
        let location = StoreLocation::parse(&self.url()).unwrap();
        storage::open(&location, &CollectionNames::default(), &profiles).await.unwrap()
    }

    /// What `--store` takes.
    pub fn url(&self) -> String {
        match self {
            Backend::Sqlite(directory) => format!("sqlite:{}", file(directory).display()),
            Backend::Mongo(database) => Mongod::start().uri(database.name()),
        }
    }

    /// Every row, as JSON with dates as RFC 3339 and keys as they were sent.
    pub async fn rows(&self, kind: Kind) -> Vec<Map<String, Value>> {
        match self {
            Backend::Sqlite(directory) => sqlite_rows(&Connection::open(file(directory)).unwrap(), kind),
            Backend::Mongo(database) => mongo_rows(database, kind).await,
        }
    }

    /// Puts many enabled models of groq there, each with published runs spread over the last 30 days; not through the
    /// store, because that takes minutes.
    pub async fn fill(&self, models: i64, runs: i64) {
        let (month, now) = (30 * 24 * 3600 * 1000, chrono::Utc::now().timestamp_millis());
        match self {
            Backend::Sqlite(directory) => {
                let connection = Connection::open(file(directory)).unwrap();
                let numbers = |most: i64| {
                    format!(
                        "(WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {most}) SELECT i FROM n)"
                    )
                };
                let sql = format!(
                    "INSERT INTO models (provider, model_id, display_name, enabled, created_at_ms)
                        SELECT 'groq', 'm' || i, 'M', 1, 0 FROM {};
                    INSERT INTO runs (id, published, provider, model_name, run_ts_ms, gen_ts_ms, benchmark_profile_id,
                        sample_role, tokens_per_second, doc)
                        SELECT 'r' || m.i || '-' || r.i, 1, 'groq', 'm' || m.i, {now} - r.i * {month} / {runs},
                        {now} - r.i * {month} / {runs}, 'cloud-default-v1', 'published', 1.0, '{{}}'
                        FROM {} AS m, {} AS r;",
                    numbers(models), numbers(models), numbers(runs)
                );
                connection.execute_batch(&sql).unwrap();
            }
            Backend::Mongo(database) => {
                let at = |run: i64| mongodb::bson::DateTime::from_millis(now - run * month / runs);
                let name = |model: i64| format!("m{model}");
                let entry = |model| doc! { "provider": "groq", "model_id": name(model), "enabled": true };
                database.collection("models").insert_many((0..models).map(entry)).await.unwrap();
                for run in 0..runs {
                    let row =
                        |model| doc! { "provider": "groq", "model_name": name(model), "run_ts": at(run) };
                    let rows = database.collection::<Document>("metrics_cloud_v2");
                    rows.insert_many((0..models).map(row)).await.unwrap();
                }
            }
        }
    }

    /// The row with this value in this field.
    pub async fn row(&self, kind: Kind, field: &str, value: &str) -> Option<Map<String, Value>> {
        let rows = self.rows(kind).await;
        let mut found = rows.into_iter().filter(|row| row.get(field).is_some_and(|there| there == value));
        let first = found.next();
        assert!(found.next().is_none(), "two rows with {field} {value} in {kind:?}");
        first
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("runs.db")
}

fn sqlite_rows(connection: &Connection, kind: Kind) -> Vec<Map<String, Value>> {
    let sql = match kind {
        Kind::Published => "SELECT doc FROM runs WHERE published = 1",
        Kind::Probe => "SELECT doc FROM runs WHERE published = 0",
        Kind::Errors => "SELECT doc FROM errors",
        Kind::Rollups => {
            "SELECT json_object('fingerprint', fingerprint, 'provider', provider, 'model_name', model_name,
                'stage', stage, 'error_kind', error_kind, 'count', count, 'sample_messages', json(sample_messages),
                'first_seen', strftime('%Y-%m-%dT%H:%M:%fZ', first_seen_ms / 1000.0, 'unixepoch'),
                'last_seen', strftime('%Y-%m-%dT%H:%M:%fZ', last_seen_ms / 1000.0, 'unixepoch')) FROM error_rollups"
        }
        Kind::Health => "SELECT doc FROM model_health",
        Kind::Catalog => {
            "SELECT json_object('provider', provider, 'model_id', model_id, 'name', name, 'raw', json(raw),
                'first_seen_at', strftime('%Y-%m-%dT%H:%M:%fZ', first_seen_at_ms / 1000.0, 'unixepoch'),
                'last_seen_at', strftime('%Y-%m-%dT%H:%M:%fZ', last_seen_at_ms / 1000.0, 'unixepoch')) FROM provider_catalog"
        }
        Kind::Reads => {
            "SELECT json_object('provider', provider, 'status', status, 'error', error, 'raw_count', raw_count,
                'started_at', strftime('%Y-%m-%dT%H:%M:%fZ', started_at_ms / 1000.0, 'unixepoch'),
                'finished_at', strftime('%Y-%m-%dT%H:%M:%fZ', finished_at_ms / 1000.0, 'unixepoch'),
                'accepted_count', accepted_count, 'new_count', new_count, 'source_version', source_version,
                'pagination_complete', json(iif(pagination_complete, 'true', 'false'))) FROM discovery_runs"
        }
        Kind::Status => {
            "SELECT json_object('provider', provider, 'model_id', model_id, 'status', status, 'confidence', confidence,
                'computed_at', strftime('%Y-%m-%dT%H:%M:%fZ', computed_at_ms / 1000.0, 'unixepoch'),
                'reasons', json(reasons), 'recommended_actions', json(recommended_actions),
                'catalog_state', catalog_state, 'display_name', display_name, 'metrics', json(metrics)) FROM model_status"
        }
        Kind::Identity => {
            "SELECT json_object('provider', provider, 'model_id', model_id, 'canonical_key', canonical_key,
                'effective_from', strftime('%Y-%m-%dT%H:%M:%fZ', effective_from_ms / 1000.0, 'unixepoch'),
                'policy_version', policy_version, 'resolved', json(iif(resolved, 'true', 'false')))
            FROM bench_model_identity"
        }
    };
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|doc| serde_json::from_str(&doc.unwrap()).unwrap()).collect()
}

async fn mongo_rows(database: &Database, kind: Kind) -> Vec<Map<String, Value>> {
    let name = match kind {
        Kind::Published => "metrics_cloud_v2",
        Kind::Probe => "metrics_cloud_probe",
        Kind::Errors => "errors_cloud",
        Kind::Rollups => "error_rollups",
        Kind::Health => "bench_model_health",
        Kind::Catalog => "provider_catalog",
        Kind::Reads => "bench_discovery_runs",
        Kind::Status => "model_status",
        Kind::Identity => "bench_model_identity",
    };
    let mut cursor = database.collection::<Document>(name).find(doc! {}).await.unwrap();
    let mut rows = Vec::new();
    while cursor.advance().await.unwrap() {
        rows.push(object(cursor.deserialize_current().unwrap()));
    }
    rows
}

fn object(document: Document) -> Map<String, Value> {
    document.into_iter().map(|(key, value)| (unescaped(&key), plain(value))).collect()
}

fn unescaped(key: &str) -> String {
    if key == "%" {
        return String::new();
    }
    key.replace("%24", "$").replace("%2E", ".").replace("%25", "%")
}

fn plain(value: Bson) -> Value {
    match value {
        Bson::Null => Value::Null,
        Bson::Boolean(flag) => json!(flag),
        Bson::Int32(number) => json!(number),
        Bson::Int64(number) => json!(number),
        Bson::Double(number) => json!(number),
        Bson::String(text) => json!(text),
        Bson::Array(items) => items.into_iter().map(plain).collect(),
        Bson::Document(document) => Value::Object(object(document)),
        Bson::DateTime(instant) => {
            let instant = chrono::DateTime::from_timestamp_millis(instant.timestamp_millis()).unwrap();
            json!(instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
        }
        Bson::ObjectId(id) => json!(id.to_hex()),
        other => panic!("no row holds {other:?}"),
    }
}

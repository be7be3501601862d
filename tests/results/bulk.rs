//! Many rows at once, put beside the store's own way of writing: it syncs each of them.

use crate::stores::backend::Backend;
use crate::support::samples::run;
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::row_fields::{FieldType, field_type};
use llmbench::storage::outcomes::field_types::coerce;
use mongodb::bson::{Bson, DateTime as BsonDate, Document};
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

/// A row.
pub type Row = Map<String, Value>;

/// The time of the first row.
pub fn start() -> DateTime<Utc> {
    "2026-08-01T10:00:00Z".parse().unwrap()
}

/// A run that started so many seconds after the first.
pub fn row(id: &str, model: &str, seconds: i64) -> Row {
    let (provider, model) = model.split_once(':').unwrap();
    let mut run = run(id, provider, model);
    run.run_ts = start() + TimeDelta::seconds(seconds);
    run.gen_ts = run.run_ts + TimeDelta::milliseconds(1333);
    let Value::Object(row) = serde_json::to_value(run).unwrap() else { panic!() };
    row.into_iter().map(|(name, value)| (name.clone(), coerce(&name, value).unwrap())).collect()
}

/// Runs of a model, one a minute from `minute` on: every figure is the sample's, times `factor`, and differs a little.
pub fn runs(model: &str, minute: i64, count: i64, factor: f64) -> Vec<Row> {
    let run = |number: i64| {
        let mut row = row(&format!("{model}-{minute}-{number:04}"), model, (minute + number) * 60);
        // The golden ratio spreads evenly.
        let noise = 0.9 + 0.2 * (number as f64 * 0.618_033_988_749_895).fract();
        for (name, value) in [
            ("time_to_first_token", 0.4 * factor * noise),
            ("inter_token_latency", 0.02 * factor * noise),
            ("generate_time", 1.5 * factor * noise),
            ("tokens_per_second", 48.0 / factor / noise),
            ("visible_tokens_per_second", 48.0 / factor / noise),
        ] {
            row[name] = json!(value);
        }
        row
    };
    (0..count).map(run).collect()
}

/// Stores runs.
pub async fn fill(backend: &Backend, rows: &[Row], published: bool) {
    match backend {
        Backend::Sqlite(_) => fill_sqlite(&backend.url(), rows, published),
        Backend::Mongo(database) => {
            let name = if published { "metrics_cloud_v2" } else { "metrics_cloud_probe" };
            let rows: Vec<Document> = rows.iter().map(document).collect();
            database.collection::<Document>(name).insert_many(rows).await.unwrap();
        }
    }
}

fn fill_sqlite(url: &str, rows: &[Row], published: bool) {
    let mut connection = Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
    let transaction = connection.transaction().unwrap();
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let at = |name: &str| text(name).parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        let sql = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, 'p', 'r', ?, ?, ?, ?)";
        let doc = Value::Object(row.clone()).to_string();
        let rate = row["tokens_per_second"].as_f64().unwrap_or(1.0);
        let (provider, model) = (text("provider"), text("model_name"));
        let [visible, ttft] =
            ["visible_tokens_per_second", "time_to_first_token"].map(|name| row[name].as_f64());
        let (begun, ended) = (at("run_ts"), at("gen_ts"));
        let cells = params![text("_id"), published, provider, model, begun, ended, rate, visible, ttft, doc];
        transaction.execute(sql, cells).unwrap();
    }
    transaction.commit().unwrap();
}

fn document(row: &Row) -> Document {
    row.iter().map(|(name, value)| (name.clone(), bson(name, value))).collect()
}

fn bson(name: &str, value: &Value) -> Bson {
    match value {
        Value::String(text) if field_type(name) == Some(FieldType::Date) => {
            Bson::DateTime(BsonDate::from_millis(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis()))
        }
        Value::Null => Bson::Null,
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::String(text) => Bson::String(text.clone()),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Bson::Double(number.as_f64().unwrap()), Bson::Int64)
        }
        Value::Array(items) => Bson::Array(items.iter().map(|item| bson("", item)).collect()),
        Value::Object(fields) => {
            Bson::Document(fields.iter().map(|(name, value)| (name.clone(), bson("", value))).collect())
        }
    }
}

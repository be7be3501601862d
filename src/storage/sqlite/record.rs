//! One outcome, one transaction: the row, then what is derived from rows.

use super::derive;
use super::errors::Trouble;
use crate::domain::ModelRef;
use crate::storage::document::{Place, Row};
use crate::storage::{Recorded, StoreError, contract};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params, params};
use serde_json::{Map, Value};

/// Keeps a row under its id. The derived tables move only with a new row.
pub fn record(connection: &mut Connection, row: &Row) -> Result<Recorded, Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(stored) = stored(&transaction, row.text("_id"))? {
        return same(&stored, row);
    }
    match row.place {
        Place::Published | Place::Probe => insert_run(&transaction, row)?,
        Place::Errors => {
            insert_error(&transaction, row)?;
            derive::rollup(&transaction, row)?;
        }
    }
    if row.moves_health {
        let model = ModelRef::new(row.text("provider"), row.text("model_name"));
        derive::health(&transaction, &model)?;
    }
    transaction.commit()?;
    Ok(Recorded::Stored)
}

/// The document under this id, a run's or an error's.
fn stored(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT doc FROM runs WHERE id = ?1 UNION ALL SELECT doc FROM errors WHERE id = ?1";
    transaction.prepare_cached(sql)?.query_row([id], |found| found.get(0)).optional()
}

fn same(stored: &str, row: &Row) -> Result<Recorded, Trouble> {
    if serde_json::from_str::<Map<String, Value>>(stored).is_ok_and(|fields| fields == row.fields) {
        return Ok(Recorded::Duplicate);
    }
    let id = row.text("_id");
    Err(Trouble::Store(StoreError::Conflict(format!("the id `{id}` is stored already with other content"))))
}

fn insert_run(transaction: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO runs VALUES (:id, :published, :provider, :model, :run_ts, :gen_ts, :profile, :role,
        :rate, :visible_rate, :first_token, :doc)";
    transaction.prepare_cached(sql)?.execute(named_params! {
        ":id": row.text("_id"),
        ":published": row.place == Place::Published,
        ":provider": row.text("provider"),
        ":model": row.text("model_name"),
        ":run_ts": milliseconds(row, "run_ts"),
        ":gen_ts": milliseconds(row, "gen_ts"),
        ":profile": row.text("benchmark_profile_id"),
        ":role": row.text("sample_role"),
        ":rate": number(row, "tokens_per_second"),
        ":visible_rate": number(row, "visible_tokens_per_second"),
        ":first_token": number(row, "time_to_first_token"),
        ":doc": doc(row),
    })?;
    Ok(())
}

fn insert_error(transaction: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    let sql = "INSERT INTO errors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![
        row.text("_id"),
        row.text("provider"),
        row.text("model_name"),
        milliseconds(row, "ts"),
        row.text("stage"),
        row.text("error_kind"),
        row.fields.get("http_status").and_then(Value::as_i64),
        row.text("fingerprint"),
        row.moves_health,
        row.text("message"),
        doc(row),
    ])?;
    Ok(())
}

fn doc(row: &Row) -> String {
    Value::Object(row.fields.clone()).to_string()
}

/// A date field in milliseconds since 1970; `None` where the row has none.
pub fn milliseconds(row: &Row, name: &str) -> Option<i64> {
    contract::parse_date(row.text(name)).map(|instant| instant.timestamp_millis())
}

fn number(row: &Row, name: &str) -> Option<f64> {
    row.fields.get(name).and_then(Value::as_f64)
}

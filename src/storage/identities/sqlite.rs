//! Identities of models in SQLite.

use super::{IdentityStore, ModelIdentity, POLICY_VERSION, check_key, newest};
use crate::domain::ModelRef;
use crate::storage::StoreError;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::column_values::instant;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use rusqlite::{Connection, Row, TransactionBehavior, params};

/// The table, a migration of the schema.
pub const TABLE: &str = "
    CREATE TABLE bench_model_identity (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        canonical_key TEXT NOT NULL,
        effective_from_ms INTEGER NOT NULL,
        policy_version INTEGER NOT NULL,
        resolved INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX bench_model_identity_by_model ON bench_model_identity (provider, model_id, effective_from_ms);
";

#[async_trait]
impl IdentityStore for SqliteStore {
    async fn identities(&self, provider: &str) -> Result<Vec<ModelIdentity>, StoreError> {
        let provider = provider.to_owned();
        self.ask(move |connection| Ok(identities(connection, &provider)?)).await
    }

    async fn append_identity(&self, identity: &ModelIdentity) -> Result<(), StoreError> {
        let identity = identity.clone();
        self.ask(move |connection| append(connection, &identity)).await
    }
}

fn identities(connection: &Connection, provider: &str) -> rusqlite::Result<Vec<ModelIdentity>> {
    let sql =
        "SELECT provider, model_id, canonical_key, effective_from_ms, resolved FROM bench_model_identity
        WHERE provider = ? ORDER BY effective_from_ms, position";
    let read = |row: &Row<'_>| {
        Ok(ModelIdentity {
            model: ModelRef::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?),
            canonical_key: row.get(2)?,
            effective_from: instant(row, 3)?,
            resolved: row.get(4)?,
        })
    };
    let mut statement = connection.prepare_cached(sql)?;
    let words = statement.query_map([provider], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(newest(words))
}

fn append(connection: &mut Connection, identity: &ModelIdentity) -> Result<(), SqliteCallError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if identity.resolved {
        let known = identities(&transaction, &identity.model.provider)?;
        check_key(&known, &identity.model, &identity.canonical_key).map_err(SqliteCallError::Store)?;
    }
    let sql = "INSERT INTO bench_model_identity
        (provider, model_id, canonical_key, effective_from_ms, policy_version, resolved) VALUES (?, ?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![
        identity.model.provider,
        identity.model.model_id,
        identity.canonical_key,
        identity.effective_from.timestamp_millis(),
        POLICY_VERSION,
        identity.resolved,
    ])?;
    Ok(transaction.commit()?)
}

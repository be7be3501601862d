//! Facts about the file: queried from SQLite, or compared with a newly created file.

use crate::domain::run::Tokens;
use crate::domain::{CachedInput, ModelRef};
use crate::storage::StoreError;
use crate::storage::catalog::sqlite::entries;
use crate::storage::inspect::{
    IndexFault, InspectStore, InspectedCollection, MissingRight, NEWEST, ObservedType, OddFieldCounter,
    OddFieldReport, StoreInfo, StoreRights,
};
use crate::storage::sqlite::errors::SqliteCallError;
use crate::storage::sqlite::library_version::OLDEST;
use crate::storage::sqlite::{SqliteStore, schema};
use async_trait::async_trait;
use rusqlite::{Connection, MAIN_DB};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

#[async_trait]
impl InspectStore for SqliteStore {
    async fn facts(&self) -> Result<StoreInfo, StoreError> {
        self.ask(facts).await
    }

    async fn index_faults(&self) -> Result<Vec<IndexFault>, StoreError> {
        self.ask(index_faults).await
    }

    async fn rights(&self) -> Result<StoreRights, StoreError> {
        let path = self.path.clone();
        self.ask(move |connection| rights(connection, &path)).await
    }

    async fn census(&self) -> Result<Vec<OddFieldReport>, StoreError> {
        self.ask(census).await
    }

    async fn cached_input(&self) -> Result<BTreeMap<ModelRef, CachedInput>, StoreError> {
        self.ask(cached_input).await
    }
}

pub fn facts(connection: &mut Connection) -> Result<StoreInfo, SqliteCallError> {
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(StoreInfo {
        product: "SQLite",
        version: rusqlite::version().to_owned(),
        oldest: OLDEST,
        shape: format!("one file, journal {journal}"),
        outdated: schema::outdated(connection)?,
        clock: None,
    })
}

/// Objects that are missing or differ from a new file. Reports tables of an older version as missing, too.
pub fn index_faults(connection: &mut Connection) -> Result<Vec<IndexFault>, SqliteCallError> {
    let mut new = Connection::open_in_memory()?;
    schema::migrate(&mut new)?;
    let (wanted, there) = (objects(&new)?, objects(connection)?);
    let fault = |(name, (table, sql)): (String, (String, String))| {
        let other = match there.get(&name) {
            Some((_, own)) if same(own, &sql) => return None,
            Some((_, own)) => Some((name.clone(), own.split_whitespace().collect::<Vec<_>>().join(" "))),
            None => None,
        };
        Some(IndexFault { collection: table, name, other })
    };
    Ok(wanted.into_iter().filter_map(fault).collect())
}

/// User-created tables and indexes, by name: their table and their definition.
fn objects(connection: &Connection) -> rusqlite::Result<BTreeMap<String, (String, String)>> {
    let sql =
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    found.collect()
}

fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// Tells if the file can be written. Files have no logins.
pub fn rights(connection: &mut Connection, path: &Path) -> Result<StoreRights, SqliteCallError> {
    let lack =
        MissingRight { action: "write", places: vec![path.display().to_string()], for_init_alone: false };
    let lacking = if connection.is_readonly(MAIN_DB)? { vec![lack] } else { Vec::new() };
    Ok(StoreRights { login: None, open_to_all: false, lacking })
}

/// Checks documents of the newest rows. SQLite itself enforces the types of columns.
pub fn census(connection: &mut Connection) -> Result<Vec<OddFieldReport>, SqliteCallError> {
    let mut all = Vec::new();
    for (rows, table, sql) in [
        (InspectedCollection::Published, "runs", "SELECT id, doc FROM runs ORDER BY run_ts_ms DESC LIMIT ?"),
        (InspectedCollection::Errors, "errors", "SELECT id, doc FROM errors ORDER BY ts_ms DESC LIMIT ?"),
        (InspectedCollection::Health, "model_health", "SELECT id, doc FROM model_health ORDER BY id LIMIT ?"),
    ] {
        let mut tally = OddFieldCounter::default();
        let mut statement = connection.prepare(sql)?;
        let mut found = statement.query([NEWEST])?;
        while let Some(row) = found.next()? {
            let (id, document): (String, String) = (row.get(0)?, row.get(1)?);
            look(&mut tally, rows, &id, &entries::object(&document));
        }
        all.push(tally.census(table));
    }
    let mut tally = OddFieldCounter::default();
    for entry in entries::entries(connection, None)?.iter().take(NEWEST as usize) {
        look(&mut tally, InspectedCollection::Models, &entry.model.to_string(), &entry.fields);
    }
    all.push(tally.census("models"));
    Ok(all)
}

/// The newest rows of the published series, from an index by time.
const CACHED: &str =
    "SELECT provider, model_name, doc FROM runs INDEXED BY runs_of_window WHERE published = 1
    ORDER BY run_ts_ms DESC LIMIT ?";

/// Input tokens from prefix caches, by model.
pub fn cached_input(connection: &mut Connection) -> Result<BTreeMap<ModelRef, CachedInput>, SqliteCallError> {
    let mut all: BTreeMap<ModelRef, CachedInput> = BTreeMap::new();
    let mut statement = connection.prepare(CACHED)?;
    let mut rows = statement.query([NEWEST])?;
    while let Some(row) = rows.next()? {
        let fields = entries::object(&row.get::<_, String>(2)?);
        let count = |name: &str| fields.get(name).and_then(Value::as_u64);
        let tokens = Tokens {
            input_tokens: count("input_tokens"),
            cached_input_tokens: count("cached_input_tokens"),
            ..Tokens::default()
        };
        all.entry(ModelRef { provider: row.get(0)?, model_id: row.get(1)? }).or_default().add(&tokens);
    }
    Ok(all)
}

fn look(tally: &mut OddFieldCounter, rows: InspectedCollection, id: &str, fields: &Map<String, Value>) {
    let seen: Vec<(&str, ObservedType)> =
        fields.iter().map(|(name, value)| (name.as_str(), ObservedType::of_json(name, value))).collect();
    tally.look(rows, id, &seen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_rows_come_from_one_end_of_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {CACHED}")).unwrap();
        let rows = statement.query_map([NEWEST], |row| row.get::<_, String>(3)).unwrap();
        let plan = rows.collect::<rusqlite::Result<Vec<_>>>().unwrap();
        assert_eq!(plan, ["SEARCH runs USING INDEX runs_of_window (published=?)"]);
    }
}

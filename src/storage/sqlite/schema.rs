//! Tables, indexes and migrations. Each row keeps its whole document in `doc`; the other columns are those
//! that queries search by.

use super::errors::SqliteCallError;
use crate::storage::catalog::sqlite::entries;
use crate::storage::{
    StoreError, calibrations, claims, endpoints, health, history, identities, lifecycle, listings, notices,
    posts, rankings, series_blocks, series_changes,
};
use rusqlite::{Connection, TransactionBehavior};

/// The migrations from an empty file to the present; `user_version` counts those done. Never change a
/// released one: add another.
const STEPS: &[&str] = &[
    "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        published INTEGER NOT NULL,
        provider TEXT NOT NULL,
        model_name TEXT NOT NULL,
        run_ts_ms INTEGER NOT NULL,
        gen_ts_ms INTEGER NOT NULL,
        benchmark_profile_id TEXT NOT NULL,
        sample_role TEXT NOT NULL,
        tokens_per_second REAL NOT NULL,
        visible_tokens_per_second REAL,
        time_to_first_token REAL,
        doc TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_model ON runs (published, provider, model_name, run_ts_ms);
    CREATE INDEX runs_by_time ON runs (run_ts_ms);

    CREATE TABLE errors (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        model_name TEXT NOT NULL,
        ts_ms INTEGER NOT NULL,
        stage TEXT NOT NULL,
        error_kind TEXT NOT NULL,
        http_status INTEGER,
        fingerprint TEXT NOT NULL,
        moves_health INTEGER NOT NULL,
        message TEXT NOT NULL,
        doc TEXT NOT NULL
    ) STRICT;
    CREATE INDEX errors_by_model ON errors (provider, model_name, ts_ms, error_kind);
    CREATE INDEX errors_by_time ON errors (ts_ms);
    CREATE INDEX errors_by_fingerprint ON errors (fingerprint);

    CREATE TABLE error_rollups (
        fingerprint TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        model_name TEXT NOT NULL,
        stage TEXT NOT NULL,
        error_kind TEXT NOT NULL,
        first_seen_ms INTEGER NOT NULL,
        last_seen_ms INTEGER NOT NULL,
        count INTEGER NOT NULL,
        sample_messages TEXT NOT NULL
    ) STRICT;

    CREATE TABLE models (
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        display_name TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        deprecated INTEGER NOT NULL DEFAULT 0,
        created_at_ms INTEGER NOT NULL,
        metadata TEXT NOT NULL DEFAULT '{}',
        doc TEXT NOT NULL DEFAULT '{}',
        UNIQUE (provider, model_id)
    ) STRICT;
    CREATE UNIQUE INDEX models_enabled_once ON models (lower(provider), lower(model_id)) WHERE enabled = 1;
    CREATE INDEX models_by_id ON models (model_id);

    CREATE TABLE model_health (
        id TEXT PRIMARY KEY,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        freshness_status TEXT NOT NULL,
        updated_at_ms INTEGER NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (provider, model_id)
    ) STRICT;

    CREATE TABLE model_adaptations (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        adaptation TEXT NOT NULL,
        UNIQUE (provider, model_id, adaptation)
    ) STRICT;
",
    "
    CREATE TABLE catalog_batches (
        id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        why TEXT,
        planned INTEGER NOT NULL,
        undoes TEXT,
        undone_by TEXT,
        finished_at_ms INTEGER
    ) STRICT;

    CREATE TABLE catalog_changes (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        batch TEXT NOT NULL,
        provider TEXT NOT NULL,
        model_id TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        before TEXT,
        after TEXT NOT NULL,
        UNIQUE (batch, provider, model_id)
    ) STRICT;
    CREATE INDEX catalog_changes_by_model ON catalog_changes (provider, model_id, position);

    CREATE INDEX runs_with_figures ON runs (published, provider, model_name, run_ts_ms, gen_ts_ms, time_to_first_token,
        tokens_per_second, visible_tokens_per_second);
    DROP INDEX runs_by_model;
    CREATE INDEX errors_of_day ON errors (moves_health, ts_ms, provider, model_name);
",
    history::sqlite::INDEXES,
    listings::sqlite::TABLES,
    notices::sqlite::TABLE,
    claims::sqlite::TABLES,
    entries::INDEXES,
    posts::sqlite::TABLES,
    endpoints::sqlite::TABLE,
    lifecycle::sqlite::TABLES,
    identities::sqlite::TABLE,
    health::sqlite::AUDITS,
    rankings::sqlite::COLUMNS,
    calibrations::sqlite::TABLE,
    series_blocks::sqlite::TABLES,
    series_changes::sqlite::TABLE,
    series_changes::sqlite::NEWEST_FIRST,
    series_blocks::sqlite::JUDGED_DAYS,
];

/// The objects that [`migrate`] creates, for people.
pub fn plan() -> Vec<String> {
    let statements = || STEPS.iter().flat_map(|step| step.split(';')).map(str::trim);
    let dropped: Vec<&str> =
        statements().filter_map(|statement| statement.strip_prefix("DROP INDEX ")).collect();
    let heads = statements().filter_map(|statement| statement.strip_prefix("CREATE "));
    let heads = heads.map(|head| head.split_once(" (").map_or(head, |(name, _)| name));
    let kept = heads.filter(|head| !dropped.iter().any(|name| head.starts_with(&format!("INDEX {name} "))));
    kept.map(spoken).collect()
}

fn spoken(head: &str) -> String {
    match head.split_once(" ON ") {
        Some((index, table)) => format!("{table}: {}", lowered(index)),
        None => lowered(head),
    }
}

/// `TABLE runs` in the form for people: `table runs`.
fn lowered(head: &str) -> String {
    head.replace("TABLE", "table").replace("UNIQUE", "unique").replace("INDEX", "index")
}

/// Applies the migrations that the file lacks, all in one transaction.
pub fn migrate(connection: &mut Connection) -> Result<(), SqliteCallError> {
    if done(connection)? == STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Checked again under the lock: another process may have been faster.
    let done = done(&transaction)?;
    for step in &STEPS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
    Ok(transaction.commit()?)
}

/// The version of the file's tables if it is not that of this program.
///
/// # Errors
/// If the tables are of a newer version.
pub fn outdated(connection: &Connection) -> Result<Option<String>, SqliteCallError> {
    let done = done(connection)?;
    let all = STEPS.len();
    Ok((done < all).then(|| format!("the tables have version {done}, and this program works with {all}")))
}

fn done(connection: &Connection) -> Result<usize, SqliteCallError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(version) {
        Ok(done) if done <= STEPS.len() => Ok(done),
        _ => Err(SqliteCallError::Store(StoreError::Broken(format!(
            "the database has version {version} and this program knows {}: use a newer llmbench, or another file",
            STEPS.len()
        )))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_every_table_and_index() {
        let plan = plan();
        assert!(plan.contains(&"table runs".to_owned()), "{plan:?}");
        assert!(plan.contains(&"models: unique index models_enabled_once".to_owned()), "{plan:?}");
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let sql = "SELECT count(*) FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
        let there: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(plan.len() as i64, there);
    }

    #[test]
    fn a_file_of_every_older_version_becomes_the_present_one() {
        let names = |connection: &Connection| -> Vec<String> {
            let sql = "SELECT name FROM sqlite_master ORDER BY name";
            let mut statement = connection.prepare(sql).unwrap();
            let found = statement.query_map([], |row| row.get(0)).unwrap();
            found.map(Result::unwrap).collect()
        };
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh).unwrap();
        for version in 1..STEPS.len() {
            let mut older = Connection::open_in_memory().unwrap();
            older.execute_batch(&STEPS[..version].concat()).unwrap();
            older.pragma_update(None, "user_version", version as i64).unwrap();
            let row = "INSERT INTO models (provider, model_id, display_name, enabled, created_at_ms)
                VALUES ('groq', 'm', 'M', 1, 0)";
            older.execute_batch(row).unwrap();
            migrate(&mut older).unwrap();
            assert_eq!(names(&older), names(&fresh), "from version {version}");
            let kept: i64 = older.query_row("SELECT count(*) FROM models", [], |row| row.get(0)).unwrap();
            assert_eq!(kept, 1);
        }
    }

    #[test]
    fn migrating_twice_is_once_and_a_newer_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut connection), Err(SqliteCallError::Store(StoreError::Broken(_)))));
    }
}

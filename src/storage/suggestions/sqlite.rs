//! Suggestions for shell completion. The file is opened for reading alone: a missing one is not created, an older
//! one is not migrated.

use crate::storage::StoreError;
use crate::storage::sqlite::errors::{SqliteCallError, explain};
use crate::storage::suggestions::{MOST, NEWEST, Suggestion, SuggestionSource, SuggestionStore, about_model};
use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, Row, ToSql};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time to wait for another process that holds the file; a user at a prompt should not wait longer.
const BUSY: Duration = Duration::from_millis(100);

/// A file that is only read.
pub struct SqliteSuggestions {
    path: PathBuf,
}

impl SqliteSuggestions {
    /// Creates the reader without opening the file.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

#[async_trait]
impl SuggestionStore for SqliteSuggestions {
    async fn suggest(
        &self,
        shelf: &SuggestionSource,
        beginning: &str,
    ) -> Result<Vec<Suggestion>, StoreError> {
        let (path, shelf, beginning) = (self.path.clone(), shelf.clone(), beginning.to_owned());
        let looking = tokio::task::spawn_blocking(move || {
            look(&path, &shelf, &beginning).map_err(|call_error| explain(call_error, &path))
        });
        looking.await.map_err(|error| StoreError::Broken(error.to_string()))?
    }
}

fn look(path: &Path, shelf: &SuggestionSource, beginning: &str) -> Result<Vec<Suggestion>, SqliteCallError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    let (sql, provider) = question(shelf);
    let newest = [SuggestionSource::Runs, SuggestionSource::Batches, SuggestionSource::Changes];
    let limit = if newest.contains(shelf) { NEWEST } else { MOST };
    let all: [(&str, &dyn ToSql); 3] =
        [(":beginning", &beginning), (":limit", &limit), (":provider", &provider)];
    let mut statement = connection.prepare(sql)?;
    // A statement refuses parameters that it does not have.
    let used: Vec<(&str, &dyn ToSql)> = all.into_iter().filter(|(name, _)| sql.contains(name)).collect();
    let found = statement.query_map(used.as_slice(), suggestion)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn suggestion(row: &Row<'_>) -> rusqlite::Result<Suggestion> {
    let enabled: Option<bool> = row.get(2)?;
    let about: String = row.get(1)?;
    Ok(Suggestion { text: row.get(0)?, about: enabled.map_or(about.clone(), |on| about_model(&about, on)) })
}

/// The query: text, description, and for models of the catalog if they are enabled.
fn question(shelf: &SuggestionSource) -> (&'static str, Option<&str>) {
    match shelf {
        SuggestionSource::Catalog(provider) => (
            "SELECT model_id, display_name, enabled AND NOT deprecated FROM models
                WHERE provider = :provider AND substr(model_id, 1, length(:beginning)) = :beginning
                ORDER BY model_id LIMIT :limit",
            Some(provider),
        ),
        SuggestionSource::Listed(provider) => (
            "SELECT model_id, name, NULL FROM provider_catalog AS listed
                WHERE provider = :provider AND substr(model_id, 1, length(:beginning)) = :beginning AND NOT EXISTS
                    (SELECT 1 FROM models WHERE models.provider = listed.provider
                        AND models.model_id = listed.model_id AND enabled)
                ORDER BY model_id LIMIT :limit",
            Some(provider),
        ),
        SuggestionSource::Runs => (
            "SELECT id, provider || ':' || model_name, NULL FROM
                (SELECT id, provider, model_name FROM runs ORDER BY run_ts_ms DESC LIMIT 20 * :limit)
                WHERE substr(id, 1, length(:beginning)) = :beginning LIMIT :limit",
            None,
        ),
        SuggestionSource::Batches => (
            "SELECT id, action || ' by ' || who, NULL FROM catalog_batches
                WHERE substr(id, 1, length(:beginning)) = :beginning ORDER BY id DESC LIMIT :limit",
            None,
        ),
        SuggestionSource::Changes => (
            "SELECT id, doc ->> 'provider' || ':' || (doc ->> 'model') || ', ' ||
                coalesce(doc ->> 'metric', doc ->> 'fact', ''), NULL FROM series_changes
                WHERE substr(id, 1, length(:beginning)) = :beginning ORDER BY began_ms DESC, id LIMIT :limit",
            None,
        ),
        SuggestionSource::Fingerprints => (
            "SELECT fingerprint, error_kind || ' at ' || provider || ':' || model_name, NULL FROM error_rollups
                WHERE fingerprint >= :beginning AND fingerprint < :beginning || char(0x10ffff)
                ORDER BY fingerprint LIMIT :limit",
            None,
        ),
    }
}

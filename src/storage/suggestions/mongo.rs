//! Suggestions for shell completion. One query on one connection, without a check of the server before it,
//! because the user waits.

use crate::storage::mongo::connect;
use crate::storage::mongo::errors::{MongoCallError, explain};
use crate::storage::mongo::to_json::words;
use crate::storage::suggestions::{MOST, NEWEST, Suggestion, SuggestionSource, SuggestionStore, about_model};
use crate::storage::{CollectionNames, MongoUri, StoreError};
use async_trait::async_trait;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use std::collections::HashSet;
use std::time::Duration;

/// The server's time for one query.
const PATIENCE: Duration = Duration::from_millis(200);

/// A server that is only queried.
pub struct MongoSuggestions {
    uri: MongoUri,
    database: Database,
    names: CollectionNames,
}

impl MongoSuggestions {
    /// Creates the client without connecting.
    ///
    /// # Errors
    /// A connection string that cannot work.
    pub async fn open(uri: &MongoUri, names: &CollectionNames) -> Result<Self, StoreError> {
        let database = connect::handle(uri, names.database.as_deref()).await;
        let database = database.map_err(|call_error| explain(call_error, uri))?;
        Ok(Self { uri: uri.clone(), database, names: names.clone() })
    }

    async fn look(
        &self,
        shelf: &SuggestionSource,
        beginning: &str,
    ) -> Result<Vec<Suggestion>, MongoCallError> {
        match shelf {
            SuggestionSource::Catalog(provider) => {
                let fields =
                    doc! { "_id": 0, "model_id": 1, "display_name": 1, "enabled": 1, "deprecated": 1 };
                let rows = self.of_provider(&self.names.models, provider, beginning, fields).await?;
                Ok(rows.iter().filter_map(model).collect())
            }
            SuggestionSource::Listed(provider) => self.listed(provider, beginning).await,
            SuggestionSource::Runs => {
                let mut found = self.runs(&self.names.cloud).await?;
                found.extend(self.runs(&self.names.cloud_probe).await?);
                found.sort_by_key(|row| std::cmp::Reverse(row.get_datetime("run_ts").ok().copied()));
                let runs = found.iter().filter_map(|row| named(row, "_id", of_model(row)));
                Ok(runs.filter(|run| run.text.starts_with(beginning)).take(NEWEST as usize).collect())
            }
            SuggestionSource::Batches => {
                let rows = self.database.collection(&self.names.catalog_batches);
                let find =
                    rows.find(begins("_id", beginning)).sort(doc! { "_id": -1 }).limit(i64::from(NEWEST));
                let rows =
                    gathered(find.projection(doc! { "action": 1, "who": 1 }).max_time(PATIENCE).await?)
                        .await?;
                let about = |row: &Document| format!("{} by {}", shown(row, "action"), shown(row, "who"));
                Ok(rows.iter().filter_map(|row| named(row, "_id", about(row))).collect())
            }
            SuggestionSource::Changes => {
                let rows = self.database.collection(&self.names.series_changes);
                let find = rows.find(begins("_id", beginning)).sort(doc! { "began_at": -1, "_id": 1 });
                let fields = doc! { "provider": 1, "model": 1, "metric": 1, "fact": 1 };
                let find = find.projection(fields).limit(i64::from(NEWEST)).max_time(PATIENCE);
                let rows = gathered(find.await?).await?;
                let about = |row: &Document| {
                    let what = if row.contains_key("metric") { "metric" } else { "fact" };
                    format!("{}:{}, {}", shown(row, "provider"), shown(row, "model"), shown(row, what))
                };
                Ok(rows.iter().filter_map(|row| named(row, "_id", about(row))).collect())
            }
            SuggestionSource::Fingerprints => {
                let rows = self.database.collection(&self.names.error_rollups);
                let find = rows.find(begins("fingerprint", beginning)).sort(doc! { "fingerprint": 1 });
                let fields =
                    doc! { "_id": 0, "fingerprint": 1, "error_kind": 1, "provider": 1, "model_name": 1 };
                let find = find.projection(fields).limit(i64::from(MOST)).max_time(PATIENCE);
                let rows = gathered(find.await?).await?;
                let about = |row: &Document| format!("{} at {}", shown(row, "error_kind"), of_model(row));
                Ok(rows.iter().filter_map(|row| named(row, "fingerprint", about(row))).collect())
            }
        }
    }

    async fn of_provider(
        &self,
        collection: &str,
        provider: &str,
        beginning: &str,
        fields: Document,
    ) -> Result<Vec<Document>, MongoCallError> {
        let rows = self.database.collection(collection);
        let mut filter = begins("model_id", beginning);
        filter.insert("provider", provider);
        let find = rows.find(filter).sort(doc! { "model_id": 1 }).projection(fields);
        gathered(find.limit(i64::from(MOST)).batch_size(MOST).max_time(PATIENCE).await?).await
    }

    async fn listed(&self, provider: &str, beginning: &str) -> Result<Vec<Suggestion>, MongoCallError> {
        let (names, states) =
            (doc! { "_id": 0, "model_id": 1, "name": 1 }, doc! { "_id": 0, "model_id": 1, "enabled": 1 });
        let (listed, known) = tokio::try_join!(
            self.of_provider(&self.names.provider_catalog, provider, beginning, names),
            self.of_provider(&self.names.models, provider, beginning, states),
        )?;
        let enabled = known.iter().filter(|row| row.get_bool("enabled").unwrap_or(false));
        let enabled: HashSet<&str> = enabled.filter_map(|row| row.get_str("model_id").ok()).collect();
        let all = listed.iter().filter_map(|row| named(row, "model_id", shown(row, "name")));
        Ok(all.filter(|one| !enabled.contains(one.text.as_str())).collect())
    }

    async fn runs(&self, collection: &str) -> Result<Vec<Document>, MongoCallError> {
        let rows = self.database.collection(collection);
        let fields = doc! { "run_ts": 1, "provider": 1, "model_name": 1 };
        let find = rows.find(doc! {}).sort(doc! { "run_ts": -1 }).projection(fields);
        gathered(find.limit(i64::from(MOST)).batch_size(MOST).max_time(PATIENCE).await?).await
    }
}

#[async_trait]
impl SuggestionStore for MongoSuggestions {
    async fn suggest(
        &self,
        shelf: &SuggestionSource,
        beginning: &str,
    ) -> Result<Vec<Suggestion>, StoreError> {
        self.look(shelf, beginning).await.map_err(|call_error| explain(call_error, &self.uri))
    }
}

async fn gathered(mut cursor: mongodb::Cursor<Document>) -> Result<Vec<Document>, MongoCallError> {
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// Texts that start like this, as a range of an index.
fn begins(field: &str, beginning: &str) -> Document {
    let mut filter = Document::new();
    filter.insert(field, doc! { "$gte": beginning, "$lt": format!("{beginning}\u{10ffff}") });
    filter
}

fn shown(row: &Document, name: &str) -> String {
    words(row.get(name)).unwrap_or_default()
}

fn of_model(row: &Document) -> String {
    format!("{}:{}", shown(row, "provider"), shown(row, "model_name"))
}

fn named(row: &Document, name: &str, about: String) -> Option<Suggestion> {
    Some(Suggestion { text: words(row.get(name))?, about })
}

fn model(row: &Document) -> Option<Suggestion> {
    let flag = |name: &str| row.get(name) == Some(&Bson::Boolean(true));
    let enabled = flag("enabled") && !flag("deprecated");
    named(row, "model_id", about_model(&shown(row, "display_name"), enabled))
}

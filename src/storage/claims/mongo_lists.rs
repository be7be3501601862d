//! Lists of jobs for single questions: those of models that refuse, and those of other programs.

use super::mongo::{read, rows, those};
use super::{ForeignJob, JobState, id};
use crate::storage::mongo::MongoContext;
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::{instant, words};
use mongodb::bson::{Document, doc};
use std::collections::{BTreeMap, BTreeSet};

/// All jobs of models of which one failed last with one of `kinds`.
pub async fn of_refusing(shared: &MongoContext, kinds: &[String]) -> Result<Vec<JobState>, MongoCallError> {
    let fields = doc! { "provider": 1, "model_id": 1 };
    let refusing = doc! { "last_attempt_error_kind": { "$in": kinds } };
    let mut cursor = rows(shared).find(refusing).projection(fields).await?;
    let mut models: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while cursor.advance().await? {
        let row = cursor.current();
        if let (Ok(provider), Ok(model)) = (row.get_str("provider"), row.get_str("model_id")) {
            models.entry(provider.to_owned()).or_default().insert(model.to_owned());
        }
    }
    let mut found = Vec::new();
    for (provider, models) in models {
        let models: Vec<String> = models.into_iter().collect();
        found.extend(those(shared, doc! { "provider": provider, "model_id": { "$in": models } }).await?);
    }
    found.sort_by_cached_key(|job| id(&job.series));
    Ok(found)
}

/// Queued jobs of other programs that belong to no series, oldest first.
pub async fn foreign(shared: &MongoContext) -> Result<Vec<ForeignJob>, MongoCallError> {
    let mut cursor = rows(shared).find(doc! { "status": "queued" }).sort(doc! { "created_at": 1 }).await?;
    let mut found = Vec::new();
    while cursor.advance().await? {
        let row: Document = cursor.deserialize_current()?;
        let text = words(row.get("_id")).unwrap_or_default();
        let Some(job) = read(&row).filter(|job| text != id(&job.series)) else { continue };
        let kind = row.get_str("job_kind").unwrap_or("unknown").to_owned();
        found.push(ForeignJob {
            id: text,
            model: job.series.model,
            kind,
            created_at: instant(&row, "created_at"),
        });
    }
    Ok(found)
}

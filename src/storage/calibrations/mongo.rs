//! Calibrations in MongoDB. The id is `_id`, and the moment a date; all other fields have the types of their document.

use super::CalibrationStore;
use crate::domain::calibration::KeptCalibration;
use crate::storage::StoreError;
use crate::storage::mongo::bson::{date, fields_of};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::fields;
use crate::storage::mongo::{MongoContext, MongoStore};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::Cursor;
use mongodb::bson::{Document, doc};
use std::sync::Arc;

#[async_trait]
impl CalibrationStore for MongoStore {
    async fn keep_calibration(&self, calibration: &KeptCalibration) -> Result<(), StoreError> {
        let (shared, row, id) = (Arc::clone(&self.shared), row(calibration), calibration.id.clone());
        let keep = async move {
            let calibrations = shared.collection(&shared.names.calibrations);
            let once = doc! { "$setOnInsert": row };
            calibrations.update_one(doc! { "_id": id }, once).upsert(true).await?;
            Ok(())
        };
        self.caller.call(keep).await
    }

    async fn calibrations(&self, host: &str, most: u32) -> Result<Vec<KeptCalibration>, StoreError> {
        let (shared, host) = (Arc::clone(&self.shared), host.to_owned());
        let find = async move {
            let calibrations = shared.collection(&shared.names.calibrations);
            let newest_first = doc! { "at": -1, "_id": -1 };
            found(calibrations.find(doc! { "host": host }).sort(newest_first).limit(most.into()).await?).await
        };
        self.caller.call(find).await
    }

    async fn newest_calibrations(&self, since: DateTime<Utc>) -> Result<Vec<KeptCalibration>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.caller.call(async move { newest(&shared, since).await }).await
    }
}

fn row(calibration: &KeptCalibration) -> Document {
    let mut row = fields_of(&calibration.document);
    row.remove("id");
    row.remove("_id");
    row.insert("at", date(calibration.at));
    row
}

async fn newest(shared: &MongoContext, since: DateTime<Utc>) -> Result<Vec<KeptCalibration>, MongoCallError> {
    let pipeline = [
        doc! { "$match": { "at": { "$gte": date(since) } } },
        doc! { "$sort": { "host": 1, "at": -1, "_id": -1 } },
        // A field that is missing and null are one daemon: none.
        doc! { "$group": {
            "_id": { "host": "$host", "runner": { "$ifNull": ["$runner", null] } },
            "newest": { "$first": "$$ROOT" },
        } },
        doc! { "$replaceRoot": { "newRoot": "$newest" } },
        doc! { "$sort": { "host": 1, "runner": 1 } },
    ];
    found(shared.collection(&shared.names.calibrations).aggregate(pipeline).await?).await
}

/// The calibrations that a query finds; documents of other programs that are none are passed over.
async fn found(mut cursor: Cursor<Document>) -> Result<Vec<KeptCalibration>, MongoCallError> {
    let mut all = Vec::new();
    while cursor.advance().await? {
        let mut document = fields(&cursor.deserialize_current()?);
        if let Some(id) = document.remove("_id") {
            document.insert("id".to_owned(), id);
        }
        all.extend(KeptCalibration::of(document));
    }
    Ok(all)
}

//! Notices in MongoDB. A row's `_id` is destination and fingerprint, so that an item is one row without any index.

use super::record::NoticeRecord;
use crate::domain::ModelRef;
use crate::domain::notice::NoticeItem;
use crate::storage::StoreError;
use crate::storage::listings::mongo::all;
use crate::storage::mongo::bson::{date, natural};
use crate::storage::mongo::errors::MongoCallError;
use crate::storage::mongo::to_json::instant;
use crate::storage::mongo::{MongoContext, MongoStore};
use crate::storage::notices::{ClaimedNotices, Notice, NoticeHold, NoticeStore, SendOutcome};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use serde_json::Value;
use std::sync::Arc;

/// The code of `DuplicateKey`: the item is there already.
const DUPLICATE: i32 = 11000;

#[async_trait]
impl NoticeStore for MongoStore {
    async fn note_items(
        &self,
        destination: &str,
        items: &[NoticeItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let rows: Vec<Document> = items.iter().map(|item| row(destination, item, at)).collect();
        self.caller.call(async move { note(&shared, rows).await }).await
    }

    async fn claim_notices(
        &self,
        destination: &str,
        holder: &NoticeHold,
    ) -> Result<ClaimedNotices, StoreError> {
        let (shared, destination, holder) =
            (Arc::clone(&self.shared), destination.to_owned(), holder.clone());
        self.caller.call(async move { claim(&shared, &destination, &holder).await }).await
    }

    async fn settle_notices(
        &self,
        destination: &str,
        holder: &str,
        at: DateTime<Utc>,
        sending: &SendOutcome,
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let held = doc! { "destination": destination, "holder": holder, "sent_at": null };
        let update = match sending {
            SendOutcome::Taken => doc! {
                "$set": { "sent_at": date(at), "error": null, "holder": null, "held_until": null },
            },
            SendOutcome::Kept(why) => doc! {
                "$set": { "error": why, "holder": null, "held_until": null }, "$inc": { "failures": 1 },
            },
        };
        let settle = async move {
            shared.collection(&shared.names.notices).update_many(held, update).await?;
            Ok(())
        };
        self.caller.call(settle).await
    }

    async fn forget_notices(&self, sent_before: DateTime<Utc>) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        // Null is of another type than a date, and so never before one.
        let sent = doc! { "sent_at": { "$lt": date(sent_before) } };
        let forget = async move {
            shared.collection(&shared.names.notices).delete_many(sent).await?;
            Ok(())
        };
        self.caller.call(forget).await
    }

    async fn notices(&self, destination: &str) -> Result<Vec<Notice>, StoreError> {
        let (shared, filter) = (Arc::clone(&self.shared), doc! { "destination": destination });
        self.caller.call(async move { found(&shared, filter).await?.iter().map(notice).collect() }).await
    }
}

fn row(destination: &str, item: &NoticeItem, at: DateTime<Utc>) -> Document {
    let NoticeRecord { fingerprint, kind, model, at: item_at, fact, from, to } = NoticeRecord::from(item);
    doc! {
        "_id": format!("{destination} {fingerprint}"),
        "destination": destination,
        "fingerprint": fingerprint,
        "kind": kind,
        "provider": model.provider,
        "model_id": model.model_id,
        "at": item_at.map(date),
        "fact": fact,
        "from": natural(&from),
        "to": natural(&to),
        "noted_at": date(at),
        "sent_at": null,
        "failures": 0,
        "error": null,
        "holder": null,
        "held_until": null,
    }
}

async fn note(shared: &MongoContext, rows: Vec<Document>) -> Result<(), MongoCallError> {
    if rows.is_empty() {
        return Ok(());
    }
    let inserted = shared.collection(&shared.names.notices).insert_many(rows).ordered(false).await;
    match inserted {
        Err(error) if !only_duplicates(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// True if every row that was not inserted is there already, and the others are durable.
fn only_duplicates(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(many) => {
            many.write_concern_error.is_none()
                && many
                    .write_errors
                    .as_ref()
                    .is_some_and(|errors| errors.iter().all(|one| one.code == DUPLICATE))
        }
        _ => false,
    }
}

async fn claim(
    shared: &MongoContext,
    destination: &str,
    holder: &NoticeHold,
) -> Result<ClaimedNotices, MongoCallError> {
    let notices = shared.collection(&shared.names.notices);
    let free = doc! {
        "destination": destination,
        "sent_at": null,
        "$or": [{ "holder": null }, { "held_until": { "$lte": date(holder.at) } }],
    };
    let hold = doc! { "$set": { "holder": &holder.id, "held_until": date(holder.until) } };
    notices.update_many(free, hold).await?;
    let pending = |who: Bson| doc! { "destination": destination, "sent_at": null, "holder": who };
    let held = found(shared, pending(holder.id.as_str().into())).await?;
    let others = pending(Bson::Document(doc! { "$nin": [null, &holder.id] }));
    Ok(ClaimedNotices {
        items: held.iter().map(item).collect::<Result<_, _>>()?,
        elsewhere: notices.count_documents(others).await?,
    })
}

async fn found(shared: &MongoContext, filter: Document) -> Result<Vec<Document>, MongoCallError> {
    let notices = shared.collection(&shared.names.notices);
    all(&notices, filter, doc! { "noted_at": 1, "_id": 1 }, doc! {}).await
}

fn notice(row: &Document) -> Result<Notice, MongoCallError> {
    Ok(Notice {
        item: item(row)?,
        noted_at: instant(row, "noted_at").unwrap_or_default(),
        sent_at: instant(row, "sent_at"),
        failures: row.get_i32("failures").ok().and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        error: row.get_str("error").ok().map(str::to_owned),
    })
}

fn item(row: &Document) -> Result<NoticeItem, MongoCallError> {
    let text = |name: &str| row.get_str(name).map(str::to_owned);
    let value = |name: &str| {
        let value = row.get(name).cloned().unwrap_or(Bson::Null);
        bson::deserialize_from_bson::<Value>(value).unwrap_or_default()
    };
    let foreign = |why: String| {
        let id = row.get("_id").map(ToString::to_string).unwrap_or_default();
        StoreError::Broken(format!("the notice {id} cannot be read: {why}"))
    };
    let (Ok(provider), Ok(model_id)) = (text("provider"), text("model_id")) else {
        return Err(foreign("it names no model".to_owned()).into());
    };
    let record = NoticeRecord {
        fingerprint: text("fingerprint").unwrap_or_default(),
        kind: text("kind").unwrap_or_default(),
        model: ModelRef { provider, model_id },
        at: instant(row, "at"),
        fact: text("fact").ok(),
        from: value("from"),
        to: value("to"),
    };
    Ok(record.into_item().map_err(foreign)?)
}

//! The document that a webhook gets about changes. Chats that know only `text` show that; programs read the changes.

use super::lines::Movement;
use crate::domain::change_document::change_document;
use crate::domain::notice::{ChangeMoment, ToldChange};
use serde_json::{Map, Value, json};

pub const SCHEMA: &str = "llmbench.results.changes.notice/1";

/// Most changes in a document.
const IN_DOCUMENT: usize = 50;

/// The longest text in a document, in characters.
const LONGEST: usize = 300;

pub fn document(told: &[ToldChange<'_>], text: &str) -> Value {
    let count = |moment: ChangeMoment| told.iter().filter(|one| one.moment == moment).count();
    let shown: Vec<Value> = told.iter().take(IN_DOCUMENT).map(|told| entry(*told)).collect();
    json!({
        "schema": SCHEMA,
        "text": text,
        "counts": { "began": count(ChangeMoment::Began), "ended": count(ChangeMoment::Ended) },
        "more": told.len() - shown.len(),
        "changes": shown,
    })
}

/// The change as other documents have it, with what is told of it.
fn entry(told: ToldChange<'_>) -> Value {
    let mut fields = change_document(told.change);
    fields.insert("moment".to_owned(), moment(told.moment).into());
    fields.insert("movement".to_owned(), Movement::of(&told.change.level).as_str().into());
    bounded(Value::Object(fields))
}

fn moment(moment: ChangeMoment) -> &'static str {
    match moment {
        ChangeMoment::Began => "began",
        ChangeMoment::Ended => "ended",
    }
}

/// Cuts every text: what a provider says of itself may be long.
fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => text.chars().take(LONGEST).collect::<String>().into(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, bounded(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

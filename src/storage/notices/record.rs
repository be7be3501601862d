//! A notice in the columns that both stores have had since there were findings of lists alone: a change of a series fills
//! `kind`, the model, `at`, `fact` with its id, and `to` with how often it came back, if it did.

use crate::domain::ModelRef;
use crate::domain::notice::{ChangeMoment, ChangeNotice, ListingFinding, NoticeItem, NoticeKind};
use chrono::{DateTime, Utc};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct NoticeRecord {
    pub fingerprint: String,
    pub kind: String,
    pub model: ModelRef,
    pub at: Option<DateTime<Utc>>,
    pub fact: Option<String>,
    pub from: Value,
    pub to: Value,
}

impl From<&NoticeItem> for NoticeRecord {
    fn from(item: &NoticeItem) -> Self {
        let fingerprint = item.fingerprint();
        match item.clone() {
            NoticeItem::Listing(ListingFinding { kind, model, at, fact, from, to }) => {
                Self { fingerprint, kind: kind.as_str().to_owned(), model, at, fact, from, to }
            }
            NoticeItem::Change(ChangeNotice { moment, change_id, model, at, returns }) => Self {
                fingerprint,
                kind: moment.as_str().to_owned(),
                model,
                at: Some(at),
                fact: Some(change_id),
                from: Value::Null,
                to: if returns > 0 { returns.into() } else { Value::Null },
            },
        }
    }
}

impl NoticeRecord {
    /// The item of a stored record.
    ///
    /// # Errors
    /// The record is of no kind that this program knows.
    pub fn into_item(self) -> Result<NoticeItem, String> {
        let Self { kind: word, model, at, fact, from, to, .. } = self;
        if let Some(kind) = NoticeKind::parse(&word) {
            return Ok(NoticeItem::Listing(ListingFinding { kind, model, at, fact, from, to }));
        }
        match (ChangeMoment::parse(&word), fact, at) {
            (Some(moment), Some(change_id), Some(at)) => {
                let returns = to.as_u64().and_then(|times| u32::try_from(times).ok()).unwrap_or(0);
                Ok(NoticeItem::Change(ChangeNotice { moment, change_id, model, at, returns }))
            }
            _ => Err(format!("`{}` is no kind of notice: a newer llmbench wrote it", word.escape_debug())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_are_read_back_and_other_kinds_are_named() {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let model = ModelRef::new("groq", "m");
        let listing = NoticeItem::Listing(ListingFinding {
            kind: NoticeKind::Changed,
            model: model.clone(),
            at: None,
            fact: Some("input_price".to_owned()),
            from: json!(0.5),
            to: Value::Null,
        });
        let change = |moment| {
            let change_id = "3fa9".to_owned();
            NoticeItem::Change(ChangeNotice { moment, change_id, model: model.clone(), at, returns: 0 })
        };
        let NoticeItem::Change(first) = change(ChangeMoment::Began) else { panic!() };
        let back = NoticeItem::Change(ChangeNotice { returns: 2, ..first });
        for item in [listing, change(ChangeMoment::Began), change(ChangeMoment::Ended), back] {
            let record = NoticeRecord::from(&item);
            assert_eq!(record.fingerprint, item.fingerprint());
            assert_eq!(record.into_item(), Ok(item));
        }
        let newer =
            NoticeRecord { kind: "rain".to_owned(), ..NoticeRecord::from(&change(ChangeMoment::Began)) };
        assert!(newer.into_item().unwrap_err().contains("`rain`"));
    }
}

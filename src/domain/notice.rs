//! What is told once: findings about providers' lists, changes of series; and the message that tells several. Pure data;
//! recipients and sending are in `notify`.

use super::digest::sha256_hex;
use super::series_change::SeriesChange;
use crate::domain::ModelRef;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The kinds of findings, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// The model is measured, and its provider does not list it.
    Unlisted,
    /// The provider lists the model for the first time.
    New,
    /// The provider no longer lists the model, and it is not measured.
    Gone,
    /// The provider states another context, price, stage or end.
    Changed,
}

impl NoticeKind {
    pub const ALL: [NoticeKind; 4] =
        [NoticeKind::Unlisted, NoticeKind::New, NoticeKind::Gone, NoticeKind::Changed];

    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Unlisted => "unlisted",
            NoticeKind::New => "new",
            NoticeKind::Gone => "gone",
            NoticeKind::Changed => "changed",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A finding about one listed model.
#[derive(Debug, Clone, PartialEq)]
pub struct ListingFinding {
    pub kind: NoticeKind,
    pub model: ModelRef,
    /// New: the first time the model was listed; changed: the time the change was first read; else the last time it
    /// was listed, if any.
    pub at: Option<DateTime<Utc>>,
    /// The name in [`crate::domain::listing::ModelFacts`] of the fact that changed.
    pub fact: Option<String>,
    /// The old value; null if nothing changed.
    pub from: Value,
    /// The new value; for a new model everything that its provider states.
    pub to: Value,
}

impl ListingFinding {
    /// Equal for equal findings, at any time and from any daemon: made of kind, model, moment, and the fact with its
    /// new value. Facts of a new model are left out: they may differ the next day, and the model is still new only
    /// once. A model that comes back and goes again is another finding, because its moment differs.
    pub fn fingerprint(&self) -> String {
        let value = if self.kind == NoticeKind::Changed { &self.to } else { &Value::Null };
        let ModelRef { provider, model_id } = &self.model;
        let at = self.at.map(|at| at.timestamp_millis());
        sha256_hex(json!([self.kind.as_str(), provider, model_id, at, self.fact, value]).to_string())
    }
}

/// Which end of a change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeMoment {
    Began,
    Ended,
}

impl ChangeMoment {
    pub const ALL: [ChangeMoment; 2] = [ChangeMoment::Began, ChangeMoment::Ended];

    /// The kind of its notice in stores, beside those of [`NoticeKind`].
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeMoment::Began => "change_began",
            ChangeMoment::Ended => "change_ended",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.as_str() == word)
    }
}

/// A change of a series that is told. The change itself stays in its store, so a notice that waited says what is known
/// when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeNotice {
    pub moment: ChangeMoment,
    /// [`SeriesChange::id`].
    pub change_id: String,
    pub model: ModelRef,
    /// When it began, came back or ended, by the estimate of the day on which the notice was recorded.
    pub at: DateTime<Utc>,
    /// How often it had come back: a beginning after that is the last return, an end the end of that.
    pub returns: u32,
}

impl ChangeNotice {
    pub fn began(change: &SeriesChange) -> Self {
        let at = change.returned.map_or(change.began.at, |returned| returned.at);
        Self::of(change, ChangeMoment::Began, at)
    }

    /// `None` while the change is open.
    pub fn ended(change: &SeriesChange) -> Option<Self> {
        change.ended.map(|ended| Self::of(change, ChangeMoment::Ended, ended.at))
    }

    fn of(change: &SeriesChange, moment: ChangeMoment, at: DateTime<Utc>) -> Self {
        let (change_id, model) = (change.id.clone(), change.series.model.clone());
        Self { moment, change_id, model, at, returns: change.returns() }
    }

    /// Sorts the notices of one change by what happened last.
    pub fn order(&self) -> (u32, ChangeMoment) {
        (self.returns, self.moment)
    }
}

/// A change that is told, and which end of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToldChange<'a> {
    pub moment: ChangeMoment,
    pub change: &'a SeriesChange,
}

/// What one notice is about.
#[derive(Debug, Clone, PartialEq)]
pub enum NoticeItem {
    Listing(ListingFinding),
    Change(ChangeNotice),
}

impl NoticeItem {
    /// Equal for equal items, at any time and from any daemon. Of a change its id, its moment and how often it came back
    /// count: estimates of its time and size may still move.
    pub fn fingerprint(&self) -> String {
        match self {
            NoticeItem::Listing(finding) => finding.fingerprint(),
            NoticeItem::Change(ChangeNotice { moment, change_id, returns: 0, .. }) => {
                sha256_hex(json!([moment.as_str(), change_id]).to_string())
            }
            NoticeItem::Change(ChangeNotice { moment, change_id, returns, .. }) => {
                sha256_hex(json!([moment.as_str(), change_id, returns]).to_string())
            }
        }
    }

    pub fn model(&self) -> &ModelRef {
        match self {
            NoticeItem::Listing(finding) => &finding.model,
            NoticeItem::Change(change) => &change.model,
        }
    }

    pub fn listing(&self) -> Option<&ListingFinding> {
        match self {
            NoticeItem::Listing(finding) => Some(finding),
            NoticeItem::Change(_) => None,
        }
    }

    pub fn change(&self) -> Option<&ChangeNotice> {
        match self {
            NoticeItem::Change(change) => Some(change),
            NoticeItem::Listing(_) => None,
        }
    }
}

/// What notices are about. Each topic has its own notices for a destination, so that a sender of one does not hold those
/// of the other, and programs that know one alone never read the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeTopic {
    Listings,
    Changes,
}

impl NoticeTopic {
    /// The name under which stores keep the topic's notices to a destination (`mail:ADDRESS`, `webhook`).
    pub fn place(self, destination: &str) -> String {
        match self {
            // As it was before there were topics.
            NoticeTopic::Listings => destination.to_owned(),
            NoticeTopic::Changes => format!("changes:{destination}"),
        }
    }
}

/// Several findings as they are sent. Text from outside is escaped, except in the values of `document`.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeMessage {
    /// Equal for equal findings, so that a mail server can recognise a repeat.
    pub id: String,
    /// One line of plain text.
    pub subject: String,
    /// The mail's text, lines ending in `\n`.
    pub text: String,
    /// The body of a webhook: an object with `text` and the findings.
    pub document: Value,
}

/// The id of a message about items with these fingerprints, in any order.
pub fn letter_id(fingerprints: impl IntoIterator<Item = String>) -> String {
    let mut prints: Vec<String> = fingerprints.into_iter().collect();
    prints.sort_unstable();
    sha256_hex(prints.concat()).chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: NoticeKind, at: i64, to: Value) -> ListingFinding {
        ListingFinding {
            kind,
            model: ModelRef::new("groq", "m"),
            at: DateTime::from_timestamp_millis(at),
            fact: (kind == NoticeKind::Changed).then(|| "input_price".to_owned()),
            from: Value::Null,
            to,
        }
    }

    #[test]
    fn a_fingerprint_tells_findings_apart_and_nothing_else() {
        let print = |kind, at, to| finding(kind, at, to).fingerprint();
        assert_eq!(print(NoticeKind::New, 1, json!({"a": 1})), print(NoticeKind::New, 1, json!({"a": 2})));
        assert_ne!(print(NoticeKind::Changed, 1, json!(1.5)), print(NoticeKind::Changed, 1, json!(2.5)));
        assert_ne!(print(NoticeKind::Changed, 1, json!(1.5)), print(NoticeKind::Changed, 2, json!(1.5)));
        assert_ne!(print(NoticeKind::Gone, 1, Value::Null), print(NoticeKind::Gone, 2, Value::Null));
        assert_ne!(print(NoticeKind::Gone, 1, Value::Null), print(NoticeKind::Unlisted, 1, Value::Null));
        // Stores remember fingerprints, so this value must never change.
        let known = "7bba233017a2b3e6d1c05abe9af8fe35a4258a7c30fc0c0691946bec2e3eadb8";
        assert_eq!(print(NoticeKind::New, 1, Value::Null), known);
    }

    #[test]
    fn a_letter_has_one_name_in_any_order() {
        let pair = [finding(NoticeKind::New, 1, Value::Null), finding(NoticeKind::Gone, 1, Value::Null)];
        let id = |findings: &[ListingFinding]| letter_id(findings.iter().map(ListingFinding::fingerprint));
        let turned = [pair[1].clone(), pair[0].clone()];
        assert_eq!(id(&pair), id(&turned));
        assert_ne!(id(&pair), id(&pair[..1]));
        assert_eq!(id(&pair).len(), 32);
        // As it was when findings of lists were all that is told: a repeat after an update has its old Message-ID.
        assert_eq!(id(&pair), "44deddde800f072d80ef9ef3caa3b247");
    }

    #[test]
    fn both_ends_of_a_change_are_told_apart_and_estimates_are_not() {
        let returned = |moment, id: &str, at, returns| {
            NoticeItem::Change(ChangeNotice {
                moment,
                change_id: id.to_owned(),
                model: ModelRef::new("groq", "m"),
                at: DateTime::from_timestamp(at, 0).unwrap(),
                returns,
            })
            .fingerprint()
        };
        let notice = |moment, id: &str, at| returned(moment, id, at, 0);
        let (began, ended) = (ChangeMoment::Began, ChangeMoment::Ended);
        assert_eq!(notice(began, "3fa9", 1), notice(began, "3fa9", 2));
        assert_ne!(notice(began, "3fa9", 1), notice(ended, "3fa9", 1));
        assert_ne!(notice(began, "3fa9", 1), notice(began, "3fa8", 1));
        let returns = [0, 1, 2].map(|returns| returned(began, "3fa9", 1, returns));
        assert!(returns[0] != returns[1] && returns[1] != returns[2], "each return is another");
        // Stores remember fingerprints, so these values must never change.
        assert_eq!(returns[0], sha256_hex(r#"["change_began","3fa9"]"#));
        assert_eq!(returns[1], sha256_hex(r#"["change_began","3fa9",1]"#));
    }

    #[test]
    fn listings_keep_the_place_that_they_had() {
        assert_eq!(NoticeTopic::Listings.place("mail:ann@example.com"), "mail:ann@example.com");
        assert_eq!(NoticeTopic::Changes.place("webhook"), "changes:webhook");
    }

    #[test]
    fn words_are_read_back() {
        assert!(NoticeKind::ALL.into_iter().all(|kind| NoticeKind::parse(kind.as_str()) == Some(kind)));
        assert_eq!(NoticeKind::parse("old"), None);
        assert!(ChangeMoment::ALL.into_iter().all(|one| ChangeMoment::parse(one.as_str()) == Some(one)));
    }
}

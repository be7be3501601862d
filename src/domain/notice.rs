//! Findings about providers' lists, each told once, and the message that tells several. Pure data; recipients and
//! sending are in `notify`.

use super::digest::sha256_hex;
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

/// The id of a message with these findings, in any order.
pub fn letter_id(findings: &[ListingFinding]) -> String {
    let mut prints: Vec<String> = findings.iter().map(ListingFinding::fingerprint).collect();
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
        let turned = [pair[1].clone(), pair[0].clone()];
        assert_eq!(letter_id(&pair), letter_id(&turned));
        assert_ne!(letter_id(&pair), letter_id(&pair[..1]));
        assert_eq!(letter_id(&pair).len(), 32);
    }

    #[test]
    fn words_are_read_back() {
        assert!(NoticeKind::ALL.into_iter().all(|kind| NoticeKind::parse(kind.as_str()) == Some(kind)));
        assert_eq!(NoticeKind::parse("old"), None);
    }
}

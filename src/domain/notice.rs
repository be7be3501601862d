//! What there is to tell about providers' lists: a finding, told once, and the letter that tells several. Pure data; who is
//! told, and how, is `notify`.

use crate::domain::ModelRef;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What kind of finding it is. The order is that in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// It is measured, and its provider does not list it (any more).
    Unlisted,
    /// Its provider lists it for the first time.
    New,
    /// Its provider does not list it any more, and nobody measures it.
    Gone,
    /// Its provider states another context, price, stage or end.
    Changed,
}

impl NoticeKind {
    /// All of them, in order.
    pub const ALL: [NoticeKind; 4] =
        [NoticeKind::Unlisted, NoticeKind::New, NoticeKind::Gone, NoticeKind::Changed];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Unlisted => "unlisted",
            NoticeKind::New => "new",
            NoticeKind::Gone => "gone",
            NoticeKind::Changed => "changed",
        }
    }

    /// The kind of a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that is worth telling.
#[derive(Debug, Clone, PartialEq)]
pub struct ListingFinding {
    /// What kind of thing.
    pub kind: NoticeKind,
    /// Of which model.
    pub model: ModelRef,
    /// New: when it was first listed; changed: when that was first read; else: when it was last listed, if it ever was.
    pub at: Option<DateTime<Utc>>,
    /// The fact that changed, by its name in [`crate::domain::listing::ModelFacts`].
    pub fact: Option<String>,
    /// What it was; null where nothing changed.
    pub from: Value,
    /// What it is; of a new model all that its provider states.
    pub to: Value,
}

impl ListingFinding {
    /// The same for the same finding, whenever and by whomever it is found: kind, model, moment, and the fact with its new
    /// value. What a provider states about a new model is left out: it may be another the next day, and the model is
    /// still new once. A model that comes back and goes again is another finding, because its moment is another.
    pub fn fingerprint(&self) -> String {
        let value = if self.kind == NoticeKind::Changed { &self.to } else { &Value::Null };
        let ModelRef { provider, model_id } = &self.model;
        let at = self.at.map(|at| at.timestamp_millis());
        hex(&json!([self.kind.as_str(), provider, model_id, at, self.fact, value]).to_string())
    }
}

/// Several findings as they are sent. Nothing in it comes from outside unescaped but the values of `document`.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeMessage {
    /// The same for the same findings: a mail server may recognise a repeat by it.
    pub id: String,
    /// One line of plain text.
    pub subject: String,
    /// The mail's text, lines ending in `\n`.
    pub text: String,
    /// What a webhook gets: an object with `text` and the findings.
    pub document: Value,
}

/// The name of a letter on these findings, in whatever order they come.
pub fn letter_id(findings: &[ListingFinding]) -> String {
    let mut prints: Vec<String> = findings.iter().map(ListingFinding::fingerprint).collect();
    prints.sort_unstable();
    hex(&prints.concat()).chars().take(32).collect()
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
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
        // It stays what it is: stores remember it.
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

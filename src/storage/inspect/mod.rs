//! Facts about a store itself for checks: version, shape, clock, indexes, rights, and rows that break the data
//! contract. Reading them changes nothing and is bounded. `commands::doctor` judges the facts.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::clock_offset::ClockOffset;
use crate::domain::row_fields::{FieldType, field_type};
use crate::domain::{CachedInput, ModelRef};
use crate::storage::StoreError;
use crate::storage::outcomes::field_types::parse_date;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;

/// The newest rows of a collection that are checked.
pub const NEWEST: u32 = 1000;

/// Additional rows from the other end of an index by time, which holds values that are no dates.
pub const OTHER_END: u32 = 100;

/// Product, version and state of a store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreInfo {
    /// `SQLite` or `MongoDB`, as shown.
    pub product: &'static str,
    pub version: String,
    /// The oldest version that works.
    pub oldest: &'static str,
    /// One file, one server, or several, in words.
    pub shape: String,
    /// The version of its tables if it is not that of this program.
    pub outdated: Option<String>,
    /// Its clock against ours; `None` if it has none of its own.
    pub clock: Option<ClockOffset>,
}

/// An index that is missing or differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFault {
    /// The index's collection or table.
    pub collection: String,
    pub name: String,
    /// `None` if it is missing; else the difference, and the name under which it exists.
    pub other: Option<(String, String)>,
}

/// The permissions of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRights {
    /// The user that is logged in; `None` without a login.
    pub login: Option<String>,
    /// True if anybody may do anything.
    pub open_to_all: bool,
    /// Permissions that are needed but missing.
    pub lacking: Vec<MissingRight>,
}

/// A missing permission: an action and its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRight {
    /// One of `find`, `insert`, `update`, `createIndex`; `write` for a file.
    pub action: &'static str,
    /// Collections, or the file.
    pub places: Vec<String>,
    /// True if only `db init` needs it.
    pub for_init_alone: bool,
}

/// The odd rows among the checked ones of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OddFieldReport {
    /// The collection or table.
    pub collection: String,
    /// The number of checked rows.
    pub looked_at: u64,
    /// The reason why the rows could not be read.
    pub trouble: Option<String>,
    pub odd: Vec<OddField>,
}

/// A field that is missing or of a wrong type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddField {
    pub field: String,
    /// For example `missing` or `a string`.
    pub is: &'static str,
    /// Number of checked rows with this oddity.
    pub rows: u64,
    /// The id of one such row.
    pub example: String,
}

/// Queries about the store itself. None changes anything.
#[async_trait]
pub trait InspectStore: Send + Sync {
    /// Version, shape and clock of the store.
    async fn facts(&self) -> Result<StoreInfo, StoreError>;

    /// The indexes that are missing or differ from those of [`super::Store::init`].
    async fn index_faults(&self) -> Result<Vec<IndexFault>, StoreError>;

    /// The needed permissions that the login has and lacks.
    async fn rights(&self) -> Result<StoreRights, StoreError>;

    /// Rows with missing or odd-typed fields, collection by collection, among the newest [`NEWEST`].
    async fn census(&self) -> Result<Vec<OddFieldReport>, StoreError>;

    /// Input tokens from prefix caches, by model, among the newest [`NEWEST`] rows of the published series.
    async fn cached_input(&self) -> Result<BTreeMap<ModelRef, CachedInput>, StoreError>;
}

/// A collection whose rows are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InspectedCollection {
    Published,
    Probe,
    Errors,
    Models,
    Health,
}

impl InspectedCollection {
    pub const ALL: [InspectedCollection; 5] = [
        InspectedCollection::Published,
        InspectedCollection::Probe,
        InspectedCollection::Errors,
        InspectedCollection::Models,
        InspectedCollection::Health,
    ];

    /// The fields that every row needs to be readable and to belong to a model.
    pub fn required(self) -> &'static [&'static str] {
        match self {
            InspectedCollection::Published | InspectedCollection::Probe => {
                &["provider", "model_name", "run_ts", "gen_ts", "tokens_per_second", "generate_time"]
            }
            InspectedCollection::Errors => {
                &["provider", "model_name", "ts", "stage", "error_kind", "fingerprint"]
            }
            InspectedCollection::Models => &["provider", "model_id", "enabled"],
            InspectedCollection::Health => &["provider", "model_id", "freshness_status"],
        }
    }
}

/// The type of a value, as far as checks distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservedType {
    Null,
    /// A text, and its blankness.
    Text {
        /// True if the text is empty or white space alone.
        blank: bool,
    },
    Date,
    /// A finite number, integral or not.
    Number {
        /// True if there is no fraction.
        whole: bool,
    },
    /// NaN or an infinite number.
    NotFinite,
    /// A decimal, which readers cannot compute with.
    Decimal,
    Flag,
    Object,
    List,
    Other,
}

impl ObservedType {
    /// The type of a JSON value, in which dates are texts.
    pub fn of_json(name: &str, value: &Value) -> Self {
        match value {
            Value::Null => ObservedType::Null,
            Value::Bool(_) => ObservedType::Flag,
            Value::Number(number) => {
                ObservedType::Number { whole: number.as_f64().is_some_and(|number| number.fract() == 0.0) }
            }
            Value::String(text)
                if field_type(name) == Some(FieldType::Date) && parse_date(text).is_some() =>
            {
                ObservedType::Date
            }
            Value::String(text) => ObservedType::Text { blank: text.trim().is_empty() },
            Value::Array(_) => ObservedType::List,
            Value::Object(_) => ObservedType::Object,
        }
    }

    fn fits(self, wanted: FieldType) -> bool {
        match wanted {
            FieldType::Text => matches!(self, ObservedType::Text { .. }),
            FieldType::Date => self == ObservedType::Date,
            FieldType::Double => matches!(self, ObservedType::Number { .. }),
            FieldType::Integer => self == ObservedType::Number { whole: true },
            FieldType::Flag => self == ObservedType::Flag,
            FieldType::Object => self == ObservedType::Object,
            FieldType::DoubleList | FieldType::TextList => self == ObservedType::List,
        }
    }

    fn spoken(self) -> &'static str {
        match self {
            ObservedType::Null => "null",
            ObservedType::Text { blank: true } => "an empty text",
            ObservedType::Text { blank: false } => "a text",
            ObservedType::Date => "a date",
            ObservedType::Number { whole: true } => "a number",
            ObservedType::Number { whole: false } => "a fraction",
            ObservedType::NotFinite => "NaN or infinite",
            ObservedType::Decimal => "a decimal",
            ObservedType::Flag => "true or false",
            ObservedType::Object => "an object",
            ObservedType::List => "a list",
            ObservedType::Other => "of another type",
        }
    }
}

/// The oddity of a field of a row; `None` if it is as expected. Null counts as missing if the field is required.
pub fn oddity(name: &str, seen: Option<ObservedType>, required: bool) -> Option<&'static str> {
    match seen {
        None => required.then_some("missing"),
        Some(ObservedType::Null) => required.then_some("null"),
        Some(blank @ ObservedType::Text { blank: true }) if required => Some(blank.spoken()),
        // `enabled` and similar fields have their types in the table, all other fields may have any.
        Some(seen) => field_type(name).is_some_and(|wanted| !seen.fits(wanted)).then(|| seen.spoken()),
    }
}

/// Counts odd fields row by row.
#[derive(Debug, Default)]
pub struct OddFieldCounter {
    looked_at: u64,
    odd: BTreeMap<(String, &'static str), (u64, String)>,
}

impl OddFieldCounter {
    /// Checks one row: its fields, and its id for people.
    pub fn look(&mut self, rows: InspectedCollection, id: &str, fields: &[(&str, ObservedType)]) {
        self.looked_at += 1;
        let required = rows.required();
        let absent = required.iter().filter(|name| fields.iter().all(|(there, _)| there != *name));
        let absent = absent.map(|name| (*name, None));
        let there = fields.iter().map(|(name, seen)| (*name, Some(*seen)));
        for (name, seen) in absent.chain(there) {
            if let Some(is) = oddity(name, seen, required.contains(&name)) {
                let entry = self.odd.entry((name.to_owned(), is));
                entry.or_insert_with(|| (0, id.to_owned())).0 += 1;
            }
        }
    }

    /// Returns the report for the collection.
    pub fn census(self, collection: &str) -> OddFieldReport {
        let odd = |((field, is), (rows, example))| OddField { field, is, rows, example };
        OddFieldReport {
            collection: collection.to_owned(),
            looked_at: self.looked_at,
            trouble: None,
            odd: self.odd.into_iter().map(odd).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_breaks_readers_is_odd() {
        let seen = |name: &str, value: Value| Some(ObservedType::of_json(name, &value));
        assert_eq!(oddity("provider", None, true), Some("missing"));
        assert_eq!(oddity("provider", seen("provider", json!(" ")), true), Some("an empty text"));
        assert_eq!(oddity("run_ts", seen("run_ts", json!("yesterday")), true), Some("a text"));
        assert_eq!(oddity("run_ts", seen("run_ts", json!("2026-08-01T12:00:00Z")), true), None);
        assert_eq!(oddity("tokens_per_second", Some(ObservedType::NotFinite), true), Some("NaN or infinite"));
        assert_eq!(oddity("tokens_per_second", Some(ObservedType::Decimal), true), Some("a decimal"));
        assert_eq!(oddity("tokens_per_second", seen("x", json!(3)), true), None);
        assert_eq!(oddity("time_to_first_token", seen("x", Value::Null), false), None);
        assert_eq!(oddity("output_tokens", seen("x", json!(1.5)), false), Some("a fraction"));
        assert_eq!(oddity("nobody_knows", seen("x", json!({})), false), None);
    }

    #[test]
    fn rows_are_counted_by_field_and_kind() {
        let mut tally = OddFieldCounter::default();
        for id in ["a", "b"] {
            tally.look(
                InspectedCollection::Models,
                id,
                &[("provider", ObservedType::Number { whole: true }), ("enabled", ObservedType::Flag)],
            );
        }
        let census = tally.census("models");
        let told: Vec<_> = census
            .odd
            .iter()
            .map(|odd| (odd.field.as_str(), odd.is, odd.rows, odd.example.as_str()))
            .collect();
        assert_eq!(told, [("model_id", "missing", 2, "a"), ("provider", "a number", 2, "a")]);
        assert_eq!(census.looked_at, 2);
    }
}

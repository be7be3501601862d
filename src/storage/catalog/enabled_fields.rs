//! The values of a catalogue entry that is switched on or off: the same whether a person does it or a daemon.

use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::outcomes::field_types::date_value;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// When a model that a daemon set aside is asked again.
pub const RECHECK_AT: &str = "disabled_recheck_at";

/// Why, of which kind, by whom and until when a model is off.
pub struct DisableDetails<'a> {
    /// In words.
    pub reason: &'a str,
    /// In one word.
    pub class: &'a str,
    /// `user@host`, `daemon VANTAGE`.
    pub who: &'a str,
    /// Until when it is meant to be off.
    pub until: Option<DateTime<Utc>>,
    /// When a daemon asks it again, where a daemon set it aside.
    pub recheck_at: Option<DateTime<Utc>>,
}

/// The fields that say why a model is off, by the data contract and, for who and until when, beside it.
const OFF: [&str; 6] =
    ["disabled_reason", "disabled_class", "disabled_at", "disabled_by", "disabled_until", RECHECK_AT];

/// The values of a model that is off.
pub fn off(off: &DisableDetails<'_>) -> Map<String, Value> {
    let values = [
        json!(off.reason),
        json!(off.class),
        date_value(Utc::now()),
        json!(off.who),
        off.until.map_or(Value::Null, date_value),
        off.recheck_at.map_or(Value::Null, date_value),
    ];
    let fields = OFF.iter().map(|name| (*name).to_owned()).zip(values);
    std::iter::once(("enabled".to_owned(), Value::Bool(false))).chain(fields).collect()
}

/// The values of a model that is on, whatever kept it off before.
pub fn on(entry: Option<&CatalogEntry>) -> Map<String, Value> {
    let mut set = Map::from_iter([("enabled".to_owned(), Value::Bool(true))]);
    let Some(entry) = entry else { return set };
    set.extend(OFF.iter().map(|name| ((*name).to_owned(), Value::Null)));
    if entry.flag("deprecated") {
        set.insert("deprecated".to_owned(), Value::Bool(false));
    }
    if entry.text("status").as_deref() == Some(PROBING) {
        set.insert("status".to_owned(), Value::Null);
    }
    set
}

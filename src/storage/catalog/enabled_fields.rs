//! The values of a catalog entry that is enabled or disabled, the same for people and daemons.

use crate::storage::catalog::{CatalogEntry, PROBING};
use crate::storage::outcomes::field_types::date_value;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The time at which a daemon rechecks a model that it set aside.
pub const RECHECK_AT: &str = "disabled_recheck_at";

/// Reason, class, author and end of a model's disabling.
pub struct DisableDetails<'a> {
    /// The reason as a sentence.
    pub reason: &'a str,
    /// The class as one word.
    pub class: &'a str,
    /// The author: `user@host` or `daemon VANTAGE`.
    pub who: &'a str,
    /// The planned end, if there is one.
    pub until: Option<DateTime<Utc>>,
    /// The time of the daemon's recheck, if a daemon set the model aside.
    pub recheck_at: Option<DateTime<Utc>>,
}

/// The fields that explain a disabled model, from the data contract and, for author and end, beyond it.
const OFF: [&str; 6] =
    ["disabled_reason", "disabled_class", "disabled_at", "disabled_by", "disabled_until", RECHECK_AT];

/// The values of a disabled model.
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

/// The values of an enabled model; clears every field that kept it disabled.
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

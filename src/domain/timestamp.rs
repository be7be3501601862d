//! Instants in the format of all JSON: RFC 3339 in UTC, to the millisecond.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// Formats an instant: `2026-08-01T12:00:00.123Z`.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Serialises a field in this format.
///
/// # Errors
/// Those of the serialiser.
pub fn instant<S: Serializer>(at: &DateTime<Utc>, out: S) -> Result<S::Ok, S::Error> {
    time(*at).serialize(out)
}

/// The same for an optional field; `None` becomes `null`.
///
/// # Errors
/// Those of the serialiser.
pub fn maybe_instant<S: Serializer>(at: &Option<DateTime<Utc>>, out: S) -> Result<S::Ok, S::Error> {
    at.map(time).serialize(out)
}

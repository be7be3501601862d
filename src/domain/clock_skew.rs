//! The tolerated difference between clocks, and the rule for moments that lie in the future. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// The step of a clock, or difference between two, that does no harm: a lease outlasts its measurement by this.
pub const BEARABLE: TimeDelta = TimeDelta::seconds(60);

/// True if something recorded as finished lies in the future: the clock that dated it was ahead, so nothing that
/// follows from its date can be believed.
pub fn is_ahead(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at - now > BEARABLE
}

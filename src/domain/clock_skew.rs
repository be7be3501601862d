//! How far clocks may differ before somebody has to know, and what is to be thought of moments that lie ahead. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// How far a clock may step, or two clocks may differ, without any harm: a lease outlasts its measurement by this.
pub const BEARABLE: TimeDelta = TimeDelta::seconds(60);

/// Whether something that was written down as over lies in the future: the clock that dated it was ahead, and nothing
/// that follows from its date can be believed.
pub fn is_ahead(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at - now > BEARABLE
}

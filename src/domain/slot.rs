//! A slot: one turn of one model under one profile, from one vantage, in one stretch of time. At most one
//! counted row exists for a slot, however often it is measured, because the slot names the row. The daemon
//! decides which slots are due.

use crate::domain::ModelRef;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// The vantage if none is set.
pub const DEFAULT_VANTAGE: &str = "main";

/// The role of a success whose slot has another counted row: it is kept and counted nowhere.
pub const SUPERSEDED: &str = "superseded";

/// A sequence of repeated measurements: a model under a profile, from one vantage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series {
    pub model: ModelRef,
    /// The profile's id, for example `cloud-default-v1`.
    pub profile_id: String,
    /// Names the place of measurement; daemons that share a catalog and a vantage take turns.
    pub vantage: String,
}

/// One turn of a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    pub series: Series,
    /// Start of the turn, UTC: a multiple of the cadence since 1970.
    pub starts_at: DateTime<Utc>,
}

impl Series {
    /// The turn that contains `now`. `cadence_seconds` is at least 1.
    pub fn slot_at(&self, now: DateTime<Utc>, cadence_seconds: u32) -> Slot {
        Slot { series: self.clone(), starts_at: starts_at(now, cadence_seconds) }
    }
}

/// Start of the turn that contains `now`, for any series of this cadence, which is at least 1 second.
pub fn starts_at(now: DateTime<Utc>, cadence_seconds: u32) -> DateTime<Utc> {
    let cadence = i64::from(cadence_seconds.max(1));
    let into = now.timestamp().rem_euclid(cadence);
    now - TimeDelta::seconds(into) - TimeDelta::nanoseconds(now.timestamp_subsec_nanos().into())
}

/// Spells the start of a turn as both ids and the field `slot_at` do, so that one is part of the other.
pub fn spelt(starts_at: DateTime<Utc>) -> String {
    starts_at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Slot {
    /// The id of the slot's one counted row: readable, the same on every daemon, never parsed.
    pub fn id(&self) -> String {
        let Series { model: ModelRef { provider, model_id }, profile_id, vantage } = &self.series;
        let at = spelt(self.starts_at);
        format!("{provider}/{model_id}/{profile_id}/{vantage}/{at}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series() -> Series {
        Series {
            model: ModelRef::new("groq", "meta/llama-3"),
            profile_id: "cloud-default-v1".to_owned(),
            vantage: DEFAULT_VANTAGE.to_owned(),
        }
    }

    #[test]
    fn a_slot_begins_at_a_multiple_of_its_cadence() {
        let now: DateTime<Utc> = "2026-11-01T10:44:59.999Z".parse().unwrap();
        let slot = series().slot_at(now, 1800);
        assert_eq!(slot.id(), "groq/meta/llama-3/cloud-default-v1/main/2026-11-01T10:30:00Z");
        assert_eq!(series().slot_at(slot.starts_at, 1800), slot);
        assert_ne!(series().slot_at(slot.starts_at + TimeDelta::seconds(1800), 1800), slot);
    }

    #[test]
    fn before_1970_slots_begin_before_their_moment_too() {
        let now: DateTime<Utc> = "1969-12-31T23:59:59.5Z".parse().unwrap();
        assert_eq!(series().slot_at(now, 60).starts_at.timestamp(), -60);
    }

    proptest! {
        /// Every moment belongs to exactly one slot, whoever asks and whatever the clock showed before.
        #[test]
        fn slots_lie_end_to_end(milliseconds in -4_000_000_000_000_i64..4_000_000_000_000, cadence in 1_u32..200_000) {
            let now = DateTime::from_timestamp_millis(milliseconds).unwrap();
            let (begins, ends) = (starts_at(now, cadence), starts_at(now, cadence) + TimeDelta::seconds(cadence.into()));
            prop_assert!(begins <= now && now < ends);
            prop_assert_eq!(starts_at(begins, cadence), begins);
            prop_assert_eq!(starts_at(ends - TimeDelta::milliseconds(1), cadence), begins);
            prop_assert_eq!(starts_at(ends, cadence), ends);
            let (this, next) = (series().slot_at(now, cadence).id(), series().slot_at(ends, cadence).id());
            prop_assert_ne!(this, next);
        }
    }
}

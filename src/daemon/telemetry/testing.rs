//! Events for tests of telemetry.

use crate::daemon::event::DaemonEvent;
use crate::domain::slot::DEFAULT_VANTAGE;
use crate::domain::{Failure, ModelRef, Outcome, Run, Series, Slot};
use std::sync::Arc;
use std::time::Duration;

fn slot(provider: &str) -> Slot {
    let series = Series {
        model: ModelRef::new(provider, "m"),
        profile_id: "cloud-default-v1".to_owned(),
        vantage: DEFAULT_VANTAGE.to_owned(),
    };
    series.slot_at(chrono::Utc::now(), 1800)
}

/// A measurement that succeeded.
pub fn finished(provider: &str, ttft: f64, suspect: bool) -> DaemonEvent {
    let mut run: Run = serde_json::from_str(include_str!("../../../tests/data/run.json")).unwrap();
    run.speeds.time_to_first_token = Some(ttft);
    run.quality.suspect = suspect;
    let outcome = Arc::new(Outcome::Success(Box::new(run)));
    DaemonEvent::Finished { slot: slot(provider), outcome, took: Duration::from_secs(2) }
}

/// A measurement that met a rate limit.
pub fn failed(provider: &str) -> DaemonEvent {
    let mut failure: Failure =
        serde_json::from_str(include_str!("../../../tests/data/failure.json")).unwrap();
    failure.error_kind = crate::domain::FailureKind::RateLimit;
    let outcome = Arc::new(Outcome::Failure(Box::new(failure)));
    DaemonEvent::Finished { slot: slot(provider), outcome, took: Duration::from_secs(1) }
}

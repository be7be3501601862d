//! The self-checks over a real store: what they find is kept, and what they cannot look at is said.

use crate::stores::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::samples;
use chrono::{TimeDelta, Utc};
use llmbench::daemon::telemetry::invariants;
use llmbench::domain::{ModelRef, Series};
use llmbench::storage::Store;
use llmbench::storage::claims::{ClaimResult, SlotClaim};
use llmbench::storage::health::{Cadences, SelfCheckRun};
use std::sync::Arc;
use std::time::Duration;

fn violated(run: &SelfCheckRun) -> Vec<(&str, String)> {
    let bad = run.results.iter().filter(|result| !result.ok);
    bad.map(|result| (result.name.as_str(), result.subjects.join(","))).collect()
}

async fn filled(backend: &Backend) -> Arc<dyn Store> {
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    for (model, enabled) in [("groq:well", true), ("groq:off", false)] {
        put_model(&*store, &model.parse().unwrap(), "Name", enabled).await.unwrap();
    }
    store.record(&samples::success(&samples::run("1", "groq", "well"))).await.unwrap();
    store
}

#[tokio::test]
async fn sqlite_is_checked() {
    tell(&Backend::sqlite()).await;
}

#[tokio::test]
async fn mongodb_is_checked() {
    tell(&Backend::mongo().await).await;
}

async fn tell(backend: &Backend) {
    let store = filled(backend).await;
    let run = invariants::run(&*store, &Cadences::default(), true).await.unwrap();
    // No list was ever read, and nothing is measured for long enough to miss one.
    assert_eq!(violated(&run), []);
    assert!(run.results.iter().all(|result| result.evaluated));
    assert_eq!(store.latest_check_run().await.unwrap().as_ref(), Some(&run));
    assert_eq!(run.baseline.as_ref().unwrap().models, 1);

    let series = Series {
        model: ModelRef::new("groq", "off"),
        profile_id: "cloud-default-v1".to_owned(),
        vantage: "main".to_owned(),
    };
    let claim = SlotClaim {
        slot: series.slot_at(Utc::now() - TimeDelta::hours(1), 1800),
        owner: "one".to_owned(),
        ttl: Duration::from_secs(60),
        max_attempts: 1,
        deadline_seconds: 60,
    };
    assert!(matches!(store.claim(&claim).await.unwrap(), ClaimResult::Granted(_)));
    let run = invariants::run(&*store, &Cadences::default(), true).await.unwrap();
    assert!(violated(&run).contains(&("no_work_for_disabled_models", "groq:off".to_owned())), "{run:?}");
}

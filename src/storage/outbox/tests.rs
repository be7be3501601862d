use super::*;
use crate::domain::{ModelRef, Series};
use crate::storage::samples;
use chrono::TimeDelta;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Little of everything, so that limits are met soon.
const SMALL: Capacity = Capacity {
    max_bytes: 2 * 1024 * 1024,
    ballast_bytes: 64 * 1024,
    low_water: 256 * 1024,
    archive_days: 7,
    archive_bytes: 512 * 1024,
};

async fn open(directory: &Path) -> (Outbox, Opening) {
    Outbox::open(directory, SMALL).await.unwrap()
}

async fn fresh() -> (TempDir, Outbox) {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, opening) = open(directory.path()).await;
    assert_eq!(opening, Opening::default());
    (directory, outbox)
}

fn intent(id: &str) -> Intent {
    let model = ModelRef::new("groq", "m");
    let series = Series { model, profile_id: "cloud-default-v1".into(), vantage: "main".into() };
    let at = rows::moment(1_795_000_000_000);
    let reserve = Spend { runs: 1, tokens: 100, micro_dollars: 9 };
    Intent { id: id.into(), series, slot_at: Some(at), at, reserve, stamps: Default::default() }
}

fn outcome(id: &str) -> Outcome {
    Outcome::Success(Box::new(samples::run(id, "groq", "m")))
}

/// Takes a row in as the daemon does.
async fn take(outbox: &Outbox, id: &str) {
    outbox.intend(&intent(id)).await.unwrap();
    outbox.accept(id, &[outcome(id)], Spend { runs: 1, tokens: 7, micro_dollars: 1 }).await.unwrap();
}

async fn due(outbox: &Outbox) -> Vec<Parcel> {
    outbox.due(Utc::now() + TimeDelta::seconds(1), 1_000, u64::MAX).await.unwrap()
}

fn ids(parcels: &[Parcel]) -> Vec<&str> {
    parcels.iter().map(|parcel| parcel.outcome.id()).collect()
}

#[tokio::test]
async fn a_row_travels() {
    let (_directory, outbox) = fresh().await;
    take(&outbox, "a").await;
    let parcels = due(&outbox).await;
    assert_eq!(parcels[0].outcome, outcome("a"));
    assert_eq!(outbox.depth().await.unwrap().pending, 1);
    assert_eq!(outbox.confirm(&[parcels[0].key]).await.unwrap(), 1);
    assert_eq!(outbox.confirm(&[parcels[0].key]).await.unwrap(), 0);
    assert!(due(&outbox).await.is_empty());
    let depth = outbox.depth().await.unwrap();
    assert_eq!((depth.pending, depth.delivered, depth.full), (0, 1, false));
    assert_eq!(outbox.replay(Window::default()).await.unwrap(), 1);
    assert_eq!(ids(&due(&outbox).await), ["a"]);
}

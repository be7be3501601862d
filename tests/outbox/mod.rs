//! The durable outbox: what a kill leaves, what reaches a store that comes and goes, and the commands.

mod backlog;
mod commands;
mod crash;
mod full_disk;
mod sending;

use crate::support::samples::{run, success};
use llmbench::domain::{ModelRef, Outcome, Series};
use llmbench::outbox::{CallIntent, Outbox, OutboxCapacity, OutboxError, Spend};
use std::path::Path;
use std::time::{Duration, Instant};

/// What a call costs here.
const COST: Spend = Spend { runs: 1, tokens: 9, micro_dollars: 3 };

fn intent(id: &str) -> CallIntent {
    let model = ModelRef::new("groq", "m");
    let series = Series { model, profile_id: "cloud-default-v1".into(), vantage: "main".into() };
    let reserve = Spend { tokens: 100, ..COST };
    CallIntent {
        id: id.into(),
        series,
        slot_at: None,
        at: chrono::Utc::now(),
        reserve,
        stamps: Default::default(),
    }
}

fn outcome(id: &str) -> Outcome {
    success(&run(id, "groq", "m"))
}

async fn open(directory: &Path) -> Outbox {
    // A process that another test starts at this moment has all files of this one open, until it is another program.
    let begun = Instant::now();
    loop {
        match Outbox::open(directory, OutboxCapacity::default()).await {
            Err(OutboxError::Locked { .. }) if begun.elapsed() < Duration::from_secs(5) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened => return opened.unwrap().0,
        }
    }
}

/// Takes a row in as the daemon does.
async fn take(outbox: &Outbox, outcome: Outcome) {
    let id = format!("intent-{}", outcome.id());
    outbox.intend(&intent(&id)).await.unwrap();
    outbox.accept(&id, &[outcome], COST).await.unwrap();
}

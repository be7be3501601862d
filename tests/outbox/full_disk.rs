//! A disk that is really full, which needs a small one: see the command at the test. What a full outbox does on a disk with
//! room is a unit test that runs everywhere.

use super::{COST, intent, outcome};
use crate::support::small_disk;
use chrono::Utc;
use llmbench::outbox::{Outbox, OutboxCapacity, OutboxError, OutboxKey, OutboxRowState};
use std::path::Path;

const SMALL: OutboxCapacity = OutboxCapacity {
    max_bytes: 1 << 30,
    ballast_bytes: 8 << 20,
    low_water: 4 << 20,
    archive_days: 7,
    archive_bytes: 1 << 30,
};

async fn open(directory: &Path) -> Outbox {
    Outbox::open(&directory.join("outbox"), SMALL).await.unwrap().0
}

/// mount -t tmpfs -o size=40m none /mnt/small
/// LLMBENCH_TEST_SMALL_DISK=/mnt/small cargo test --test it outbox::full_disk -- --ignored
#[tokio::test]
#[ignore = "wants a small, empty disk of its own: see its comment"]
async fn a_full_disk_stops_paid_calls_loses_nothing_and_empties() {
    let disk = small_disk::asked();
    let outbox = open(&disk).await;
    let mut taken = 0_usize;
    let refused = loop {
        let id = format!("r{taken}");
        match outbox.intend(&intent(&id)).await {
            Err(error) => break error,
            Ok(()) => drop(outbox.accept(&id, &[outcome(&id)], COST).await.unwrap()),
        }
        taken += 1;
    };
    assert!(matches!(refused, OutboxError::Full { .. }), "{refused}");
    small_disk::fill(&disk);
    // What was under way still finds room, in the ballast's place.
    for late in 0..100 {
        outbox.accept("late", &[outcome(&format!("late{late}"))], COST).await.unwrap();
    }
    taken += 100;
    let full = loop {
        match outbox.accept("last", &[outcome(&format!("last{taken}"))], COST).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, OutboxError::Full { .. }), "{full}");
    assert!(outbox.depth().await.unwrap().full);
    let mut sent = 0;
    while let parcels @ [_, ..] = &outbox.due(Utc::now(), 50, u64::MAX).await.unwrap()[..] {
        let keys: Vec<OutboxKey> = parcels.iter().map(|parcel| parcel.key).collect();
        sent += outbox.confirm(&keys).await.unwrap();
    }
    assert_eq!(sent, taken);
    outbox.close().await.unwrap();
    // It opens on the full disk, and works again when there is room.
    let outbox = open(&disk).await;
    assert_eq!(outbox.depth().await.unwrap().pending, 0);
    outbox.close().await.unwrap();
    small_disk::free(&disk);
    let outbox = open(&disk).await;
    outbox.intend(&intent("after")).await.unwrap();
    outbox.accept("after", &[outcome("after")], COST).await.unwrap();
    assert_eq!(outbox.list(OutboxRowState::Pending, 9).await.unwrap().len(), 1);
}

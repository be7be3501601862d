//! Tests of the outbox as a whole: rows, spending, room, damage. `machine` tests any order of
//! actions, `content` any content.

mod content;
mod damage;
mod machine;

use super::*;
use crate::domain::PublishedProfiles;
use crate::domain::{FailureKind, ModelRef, Series};
use crate::storage::fixtures;
use chrono::TimeDelta;
use rusqlite::Connection;
use serde_json::json;
use std::fs;
use tempfile::TempDir;

/// Small limits, which are soon reached.
pub(super) const SMALL: OutboxCapacity = OutboxCapacity {
    max_bytes: 2 * 1024 * 1024,
    ballast_bytes: 64 * 1024,
    low_water: 256 * 1024,
    archive_days: 7,
    archive_bytes: 512 * 1024,
};

/// Maximum size of SQLite's log beside the database.
const LOG: u64 = 6 * 1024 * 1024;

async fn open(directory: &Path) -> (Outbox, OpenReport) {
    Outbox::open(directory, SMALL).await.unwrap()
}

pub(super) async fn fresh() -> (TempDir, Outbox) {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, opening) = open(directory.path()).await;
    assert_eq!(opening, OpenReport::default());
    (directory, outbox)
}

fn intent(id: &str) -> CallIntent {
    let model = ModelRef::new("groq", "m");
    let series = Series { model, profile_id: "cloud-default-v1".into(), vantage: "main".into() };
    let at = rows::moment(1_795_000_000_000);
    let reserve = Spend { runs: 1, tokens: 100, micro_dollars: 9 };
    let stamps =
        json!({"sample_role": "published", "route_endpoint_tag": "groq/direct"}).as_object().unwrap().clone();
    CallIntent { id: id.into(), series, slot_at: Some(at), at, reserve, stamps }
}

pub(super) fn outcome(id: &str) -> Outcome {
    Outcome::Success(Box::new(fixtures::run(id, "groq", "m")))
}

const COST: Spend = Spend { runs: 1, tokens: 7, micro_dollars: 1 };

/// Accepts a row as the daemon does.
pub(super) async fn take(outbox: &Outbox, id: &str) -> Result<(), OutboxError> {
    outbox.intend(&intent(id)).await?;
    outbox.accept(id, &[outcome(id)], COST).await.map(drop)
}

async fn due(outbox: &Outbox) -> Vec<QueuedRow> {
    outbox.due(Utc::now() + TimeDelta::seconds(1), 1_000, u64::MAX).await.unwrap()
}

fn ids(queued_rows: &[QueuedRow]) -> Vec<&str> {
    queued_rows.iter().map(|queued| queued.id.as_str()).collect()
}

/// Copies the directory in the state that a kill would leave now.
fn killed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[tokio::test]
async fn a_row_travels() {
    let (_directory, outbox) = fresh().await;
    take(&outbox, "a").await.unwrap();
    let queued_rows = due(&outbox).await;
    assert_eq!(queued_rows[0].payload.outcome().unwrap(), outcome("a"));
    assert_eq!(outbox.depth().await.unwrap().pending, 1);
    assert_eq!(outbox.confirm(&[queued_rows[0].key]).await.unwrap(), 1);
    assert_eq!(outbox.confirm(&[queued_rows[0].key]).await.unwrap(), 0);
    assert!(due(&outbox).await.is_empty());
    let depth = outbox.depth().await.unwrap();
    assert_eq!((depth.pending, depth.delivered, depth.full), (0, 1, false));
    assert_eq!(outbox.replay(Window::default()).await.unwrap(), 1);
    assert_eq!(ids(&due(&outbox).await), ["a"]);
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once_and_other_content_is_another_row() {
    let (_directory, outbox) = fresh().await;
    take(&outbox, "a").await.unwrap();
    take(&outbox, "a").await.unwrap();
    assert_eq!(due(&outbox).await.len(), 1);
    let other = Outcome::Success(Box::new(fixtures::run("a", "groq", "another")));
    outbox.accept("b", &[other], COST).await.unwrap();
    assert_eq!(ids(&due(&outbox).await), ["a", "a"]);
    let shown = outbox.show("a").await.unwrap();
    assert_eq!((shown.len(), &shown[0].1.as_ref().unwrap()["_id"]), (2, &json!("a")));
}

#[tokio::test]
async fn money_is_reserved_settled_and_never_forgotten() {
    let (directory, outbox) = fresh().await;
    let day = intent("a").at.date_naive();
    take(&outbox, "a").await.unwrap();
    outbox.accept("a", &[], COST).await.unwrap();
    assert_eq!(outbox.spent(day).await.unwrap()["groq"], COST);
    outbox.intend(&intent("b")).await.unwrap();
    outbox.intend(&intent("b")).await.unwrap();
    let reserved = Spend { runs: 2, tokens: 107, micro_dollars: 10 };
    assert_eq!(outbox.spent(day).await.unwrap()["groq"], reserved);
    assert_eq!(outbox.open_intents().await.unwrap(), [intent("b")]);

    let copy = killed(directory.path());
    let (after, opening) = open(copy.path()).await;
    assert!(opening.unclean);
    assert_eq!(opening.interrupted, [intent("b")]);
    assert_eq!(after.spent(day).await.unwrap()["groq"], reserved);
    assert!(after.open_intents().await.unwrap().is_empty());

    // The call was not made: nothing was spent.
    outbox.accept("b", &[], Spend::default()).await.unwrap();
    assert_eq!(outbox.spent(day).await.unwrap()["groq"], COST);
}

#[tokio::test]
async fn a_call_whose_process_died_is_a_failure_without_figures() {
    let (directory, outbox) = fresh().await;
    outbox.intend(&intent("01A")).await.unwrap();
    let copy = killed(directory.path());
    for opened in 0..2 {
        let (after, opening) = open(copy.path()).await;
        assert_eq!(opening.interrupted.len(), 1 - opened);
        let queued_rows = due(&after).await;
        let [QueuedRow { payload, .. }] = &queued_rows[..] else { panic!() };
        let Ok(Outcome::Failure(failure)) = payload.outcome() else { panic!() };
        assert_eq!((failure.error_kind, failure.id.as_str()), (FailureKind::Interrupted, "interrupted-01A"));
        assert_eq!((failure.ts, &failure.extra["sample_role"]), (intent("").at, &json!("published")));
        assert_eq!(failure.extra["route_endpoint_tag"], "groq/direct", "that of the call");
        assert!(
            crate::storage::outcomes::document::row_of(
                &queued_rows[0].payload,
                &PublishedProfiles::default()
            )
            .is_ok()
        );
        after.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_it_and_a_closed_one_says_so() {
    let (directory, outbox) = fresh().await;
    let second = Outbox::open(directory.path(), SMALL).await.err().unwrap();
    let said = second.to_string();
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    outbox.close().await.unwrap();
    assert!(outbox.depth().await.unwrap_err().is_fatal());
    assert_eq!(open(directory.path()).await.1, OpenReport::default());
}

#[tokio::test]
async fn rows_that_were_tried_wait_and_the_others_pass() {
    let (_directory, outbox) = fresh().await;
    for id in ["a", "b", "c"] {
        take(&outbox, id).await.unwrap();
    }
    let keys: Vec<OutboxKey> = due(&outbox).await.iter().map(|queued| queued.key).collect();
    let later = Utc::now() + TimeDelta::minutes(5);
    outbox.postpone(&keys[..1], later, "later").await.unwrap();
    outbox.quarantine(keys[1], "never").await.unwrap();
    assert_eq!(ids(&due(&outbox).await), ["c"]);
    let queued_rows = outbox.due(later, 10, u64::MAX).await.unwrap();
    assert_eq!((ids(&queued_rows), queued_rows[1].attempts), (vec!["c", "a"], 1));
    // The clock was set back after the row was postponed.
    let queued_rows = outbox.due(later - TimeDelta::hours(1), 10, u64::MAX).await.unwrap();
    assert!(ids(&queued_rows).contains(&"a"));
    let aside = outbox.list(OutboxRowState::Quarantined, 10).await.unwrap();
    assert_eq!((aside[0].id.as_str(), aside[0].error.as_deref()), ("b", Some("never")));
    assert_eq!(outbox.retry(None).await.unwrap(), 1);
    assert_eq!(outbox.retry(Some(&["a".into(), "x".into()])).await.unwrap(), 1);
    assert_eq!(due(&outbox).await.len(), 3);
}

#[tokio::test]
async fn batches_are_bounded_by_rows_and_bytes() {
    let (_directory, outbox) = fresh().await;
    for number in 0..5 {
        take(&outbox, &format!("r{number}")).await.unwrap();
    }
    let count = async |rows, bytes| outbox.due(Utc::now(), rows, bytes).await.unwrap().len();
    let one = due(&outbox).await[0].bytes;
    assert_eq!((count(2, u64::MAX).await, count(9, 2 * one).await, count(9, 1).await), (2, 2, 1));
}

#[tokio::test]
async fn a_full_outbox_takes_no_intent_and_empties() {
    let (_directory, outbox) = fresh().await;
    let mut taken = 0;
    let full = loop {
        match take(&outbox, &format!("r{taken}")).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&full, OutboxError::Full { why, .. } if why.contains("its own limit")), "{full}");
    assert!(outbox.depth().await.unwrap().full);
    // Results of running calls still find room, because the low-water mark reserves it; after that there is none.
    let mut late = 0;
    while outbox.accept("x", &[outcome(&format!("late{late}"))], COST).await.is_ok() {
        late += 1;
    }
    assert!(taken > 100 && late > 20, "{taken} and {late}");
    let mut sent = 0;
    while let queued_rows @ [_, ..] = &outbox.due(Utc::now(), 50, u64::MAX).await.unwrap()[..] {
        let keys: Vec<OutboxKey> = queued_rows.iter().map(|queued| queued.key).collect();
        sent += outbox.confirm(&keys).await.unwrap();
    }
    assert_eq!(sent, taken + late);
    let depth = outbox.depth().await.unwrap();
    assert!(depth.delivered > 0 && depth.bytes < SMALL.max_bytes + LOG, "{depth:?}");
    take(&outbox, "afterwards").await.unwrap();
    assert!(!outbox.depth().await.unwrap().full);
}

#[tokio::test]
async fn the_archive_keeps_within_its_days_and_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let none = OutboxCapacity { archive_days: 0, ..SMALL };
    let (outbox, _) = Outbox::open(directory.path(), none).await.unwrap();
    take(&outbox, "a").await.unwrap();
    outbox.confirm(&[due(&outbox).await[0].key]).await.unwrap();
    assert_eq!(outbox.depth().await.unwrap().delivered, 0);
    outbox.close().await.unwrap();
    let (outbox, _) = open(directory.path()).await;
    for number in 0..400 {
        take(&outbox, &format!("r{number}")).await.unwrap();
        outbox.confirm(&[due(&outbox).await[0].key]).await.unwrap();
    }
    let kept = outbox.list(OutboxRowState::Delivered, 1_000).await.unwrap();
    let bytes: u64 = kept.iter().map(|item| item.bytes).sum();
    assert!(bytes <= SMALL.archive_bytes && bytes > SMALL.archive_bytes / 4, "{bytes}");
    assert_eq!(kept[0].id, "r399");
}

#[tokio::test]
async fn without_its_ballast_no_intent_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let more_than_any_disk = OutboxCapacity { low_water: u64::MAX / 4, ..SMALL };
    let (outbox, _) = Outbox::open(directory.path(), more_than_any_disk).await.unwrap();
    assert!(matches!(outbox.intend(&intent("a")).await, Err(OutboxError::Full { .. })));
    assert!(outbox.depth().await.unwrap().full);
    outbox.accept("a", &[outcome("a")], COST).await.unwrap();
}

/// Overwrites part of a closed database, and makes its process look killed.
#[tokio::test]
async fn what_is_due_goes_on_behind_a_turn() {
    let (_directory, outbox) = fresh().await;
    for id in ["a", "b", "c", "d", "e"] {
        take(&outbox, id).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut turn = None;
    loop {
        let queued_rows = outbox.due_behind(turn, Utc::now(), 2, u64::MAX).await.unwrap();
        let Some(last) = queued_rows.last() else { break };
        turn = Some(last.turn);
        seen.extend(ids(&queued_rows).into_iter().map(str::to_owned));
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_payload_that_changed_on_the_disk_is_never_sent_and_blocks_nobody() {
    let (directory, outbox) = fresh().await;
    for id in ["a", "b", "c"] {
        take(&outbox, id).await.unwrap();
    }
    outbox.close().await.unwrap();
    let other = rusqlite::Connection::open(directory.path().join("outbox.db")).unwrap();
    let change = "UPDATE payloads SET body = CAST(replace(body, 'groq', 'grok') AS BLOB) WHERE seq = 1";
    assert_eq!(other.execute(change, []).unwrap(), 1);
    other.execute("DELETE FROM payloads WHERE seq = 2", []).unwrap();
    drop(other);
    let (outbox, _) = open(directory.path()).await;
    assert_eq!(ids(&due(&outbox).await), ["c"]);
    let aside = outbox.list(OutboxRowState::Quarantined, 9).await.unwrap();
    let why: Vec<_> = aside.iter().map(|item| item.error.as_deref().unwrap()).collect();
    assert_eq!(why, ["its payload is gone", "its checksum is wrong"]);
    assert_eq!(outbox.show("a").await.unwrap()[0].1, Err("its checksum is wrong".to_owned()));
}

#[tokio::test]
async fn a_newer_file_is_left_alone_and_a_nan_is_set_aside() {
    let (directory, outbox) = fresh().await;
    let mut run = fixtures::run("a", "groq", "m");
    run.speeds.generate_time = f64::NAN;
    let aside = outbox.accept("i", &[Outcome::Success(Box::new(run))], COST).await.unwrap();
    assert_eq!(aside, [SetAsideRow { id: "a".to_owned(), why: "JSON cannot hold this outcome".to_owned() }]);
    let (item, document) = outbox.show("a").await.unwrap().remove(0);
    assert_eq!((item.state, item.error), (OutboxRowState::Quarantined, Some(aside[0].why.clone())));
    assert_eq!(document.unwrap()["generate_time"], json!(null));
    outbox.close().await.unwrap();
    let other = rusqlite::Connection::open(directory.path().join("outbox.db")).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    let said = Outbox::open(directory.path(), SMALL).await.err().unwrap().to_string();
    assert!(said.contains("newer llmbench"), "{said}");
}

#[tokio::test]
async fn no_sum_is_too_large_and_a_file_that_holds_the_largest_opens() {
    let (directory, outbox) = fresh().await;
    let day = intent("a").at.date_naive();
    let absurd = Spend { runs: 1, tokens: u64::MAX, micro_dollars: 1 << 62 };
    for id in ["a", "b", "c"] {
        outbox.intend(&CallIntent { reserve: absurd, ..intent(id) }).await.unwrap();
        outbox.accept(id, &[outcome(id)], absurd).await.unwrap();
    }
    outbox.intend(&intent("d")).await.unwrap();
    let most = i64::MAX as u64;
    let copy = killed(directory.path());
    let (after, opening) = open(copy.path()).await;
    assert_eq!(opening.interrupted.len(), 1);
    let spent = after.spent(day).await.unwrap()["groq"];
    assert_eq!((spent.tokens, spent.micro_dollars), (most, most));
    take(&after, "e").await.unwrap();
    assert_eq!(due(&after).await.len(), 5);
}

fn run_async<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

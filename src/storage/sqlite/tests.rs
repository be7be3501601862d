//! Tests that need the connection itself: a full database, and the settings that durability depends on.

use super::*;
use crate::domain::Outcome;
use crate::domain::PublishedProfiles;
use crate::storage::fixtures;
use crate::storage::{OutcomeSink, RecordOutcome};

async fn store(directory: &Path) -> SqliteStore {
    SqliteStore::open(&directory.join("runs.db"), PublishedProfiles::from(&["cloud-default-v1".to_owned()]))
        .await
        .unwrap()
}

fn success(number: usize) -> Outcome {
    Outcome::Success(Box::new(fixtures::run(&format!("{number:05}"), "groq", "m")))
}

/// Lets the file grow by so many pages. SQLite reports a full disk beyond them, and rolls back as it does there.
async fn room(store: &SqliteStore, more_pages: i64) {
    let limit = move |connection: &mut rusqlite::Connection| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let set = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        connection.pragma_update_and_check(None, "max_page_count", pages + more_pages, set)?;
        Ok(())
    };
    store.ask(limit).await.unwrap();
}

async fn rows(store: &SqliteStore) -> i64 {
    let count = |connection: &mut rusqlite::Connection| {
        Ok(connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))?)
    };
    store.ask(count).await.unwrap()
}

#[tokio::test]
async fn a_full_disk_is_named_loses_nothing_and_heals() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    room(&store, 8).await;
    let mut kept = 0;
    let error = loop {
        match store.record(&success(kept)).await {
            Ok(recorded) => assert_eq!(recorded, RecordOutcome::Stored),
            Err(error) => break error,
        }
        kept += 1;
        assert!(kept < 1000, "the limit was never reached");
    };
    assert!(matches!(&error, StoreError::Broken(text) if text.contains("the disk is full")), "{error}");
    assert_eq!(rows(&store).await, i64::try_from(kept).unwrap());
    room(&store, 1000).await;
    assert_eq!(store.record(&success(kept)).await.unwrap(), RecordOutcome::Stored);
    assert_eq!(store.record(&success(0)).await.unwrap(), RecordOutcome::Duplicate);
}

#[tokio::test]
async fn every_commit_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let settings = |connection: &mut rusqlite::Connection| {
        let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok((synchronous, journal))
    };
    let store = store(directory.path()).await;
    assert_eq!(store.ask(settings).await.unwrap(), (2, "wal".to_owned()));
}

#[tokio::test]
async fn whoever_stops_waiting_does_not_stop_the_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    let outcome = success(1);
    let mut waiting = store.record(&outcome);
    let once = |context: &mut std::task::Context<'_>| {
        let _not_awaited = waiting.as_mut().poll(context);
        std::task::Poll::Ready(())
    };
    std::future::poll_fn(once).await;
    drop(waiting);
    assert_eq!(rows(&store).await, 1);
}

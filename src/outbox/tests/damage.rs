//! Tests of damaged or lost files: setting aside, reporting, recovery.

use super::*;

fn spoil(directory: &Path, from: usize) {
    let path = directory.join("outbox.db");
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(from).take(30_000) {
        *byte ^= 0x5a;
    }
    fs::write(&path, bytes).unwrap();
    fs::write(directory.join("outbox.lock"), "1").unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside_and_work_goes_on() {
    for from in [0, 9_000] {
        let (directory, outbox) = fresh().await;
        for number in 0..40 {
            take(&outbox, &format!("r{number}")).await.unwrap();
        }
        outbox.close().await.unwrap();
        let size = fs::metadata(directory.path().join("outbox.db")).unwrap().len();
        spoil(directory.path(), from);
        let (outbox, opening) = open(directory.path()).await;
        let [aside] = &opening.damaged[..] else { panic!("{opening:?}") };
        assert_eq!(fs::metadata(aside).unwrap().len(), size);
        assert_eq!(outbox.depth().await.unwrap().pending, 0);
        take(&outbox, "new").await.unwrap();
        outbox.close().await.unwrap();
        // It is reported until someone has moved it away.
        assert_eq!(open(directory.path()).await.1.damaged, opening.damaged);
    }
}

/// Overwrites the pages that contain these words, as if the process had been killed.
fn spoil_pages(directory: &Path, words: &str) {
    let path = directory.join("outbox.db");
    let mut bytes = fs::read(&path).unwrap();
    let holds = |page: &&mut [u8]| page.windows(words.len()).any(|window| window == words.as_bytes());
    let spoilt = bytes.chunks_mut(8192).skip(1).filter(holds).map(|page| page[..8].fill(0x5a)).count();
    assert!(spoilt > 0);
    fs::write(&path, bytes).unwrap();
    fs::write(directory.join("outbox.lock"), "1").unwrap();
}

#[tokio::test]
async fn damage_among_payloads_is_met_by_who_reads_them_and_the_next_start_sets_the_file_aside() {
    let (directory, outbox) = fresh().await;
    for number in 0..40 {
        take(&outbox, &format!("r{number}")).await.unwrap();
    }
    outbox.close().await.unwrap();
    spoil_pages(directory.path(), "\"times_between_tokens\"");
    let (outbox, opening) = open(directory.path()).await;
    assert!(opening.unclean && opening.damaged.is_empty(), "{opening:?}");
    assert_eq!(outbox.depth().await.unwrap().pending, 40);
    let met = outbox.due(Utc::now(), 100, u64::MAX).await.unwrap_err();
    assert!(matches!(met, OutboxError::Damaged { .. }), "{met}");
    assert_eq!(outbox.close().await, Err(met));
    let (_, opening) = open(directory.path()).await;
    assert_eq!(opening.damaged.len(), 1);
}

#[tokio::test]
async fn a_start_after_a_kill_looks_at_the_ends_of_a_long_backlog_and_whoever_reads_the_rest_at_that() {
    for (id, at_once) in [("r-20000", false), ("r-40000", true)] {
        let (directory, outbox) = fresh().await;
        take(&outbox, "r").await.unwrap();
        outbox.close().await.unwrap();
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
            INSERT INTO items (id, sha256, kind, provider, model, measured_at_ms, accepted_at_ms, bytes, state,
                next_at_ms) SELECT id || '-' || i, '', kind, provider, model, i, i, bytes, state,
                next_at_ms + i FROM items, n";
        Connection::open(directory.path().join("outbox.db")).unwrap().execute_batch(sql).unwrap();
        spoil_pages(directory.path(), id);
        let (outbox, opening) = open(directory.path()).await;
        assert_eq!(opening.damaged.len(), usize::from(at_once));
        if !at_once {
            assert_eq!(outbox.depth().await.unwrap().pending, 40_001);
            let met = outbox.list(OutboxRowState::Pending, 40_001).await.unwrap_err();
            assert!(matches!(met, OutboxError::Damaged { .. }), "{met}");
            assert_eq!(outbox.close().await, Err(met));
            assert_eq!(open(directory.path()).await.1.damaged.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_database_that_was_lost_is_told_and_read_back_from_its_log() {
    for emptied in [true, false] {
        let (directory, outbox) = fresh().await;
        for id in ["a", "b"] {
            take(&outbox, id).await.unwrap();
        }
        let copy = killed(directory.path());
        let database = copy.path().join("outbox.db");
        if emptied {
            fs::write(&database, "").unwrap()
        } else {
            fs::remove_file(&database).unwrap()
        }
        let (after, opening) = open(copy.path()).await;
        assert_eq!(ids(&due(&after).await), ["a", "b"]);
        assert_eq!((opening.damaged.len(), after.depth().await.unwrap().damaged), (1, 1));
        assert!(opening.notes[0].contains("2 rows were read back from its log"), "{:?}", opening.notes);
        after.close().await.unwrap();

        // After a proper close there is no log; the lock file and the ballast show that there was a database.
        fs::remove_file(&database).unwrap();
        let (after, opening) = open(copy.path()).await;
        assert_eq!((opening.damaged.len(), due(&after).await.len()), (2, 0));
        assert!(opening.notes[0].contains("0 rows were read back"), "{:?}", opening.notes);
        take(&after, "c").await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_is_not_all_of_a_lost_database_is_set_aside() {
    let (directory, outbox) = fresh().await;
    take(&outbox, "a").await.unwrap();
    // A close writes the log back and starts a new one.
    outbox.close().await.unwrap();
    let (outbox, _) = open(directory.path()).await;
    take(&outbox, "b").await.unwrap();
    let copy = killed(directory.path());
    fs::write(copy.path().join("outbox.db"), "").unwrap();
    let (after, opening) = open(copy.path()).await;
    assert_eq!((opening.damaged.len(), due(&after).await.len()), (1, 0));
    let log = format!("{}-wal", opening.damaged[0].display());
    assert!(fs::metadata(log).unwrap().len() > 0);
    take(&after, "c").await.unwrap();
    assert_eq!(ids(&due(&after).await), ["c"]);
}

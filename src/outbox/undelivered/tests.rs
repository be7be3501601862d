//! Tests that stored outcomes are read back unchanged, go only to their store, and are never lost.

use super::*;
use crate::domain::ModelRef;
use crate::storage::{OutcomeSink, WorkItem, fixtures};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Mutex;

/// A store that returns prepared answers and remembers the outcomes it was given.
struct Answers {
    next: Mutex<Vec<Result<RecordOutcome, StoreError>>>,
    asked: Mutex<Vec<Outcome>>,
}

impl Answers {
    fn new(mut answers: Vec<Result<RecordOutcome, StoreError>>) -> Self {
        answers.reverse();
        Self { next: Mutex::new(answers), asked: Mutex::default() }
    }
}

#[async_trait::async_trait]
impl OutcomeSink for Answers {
    async fn work_list(&self, _: Option<&str>) -> Result<Vec<WorkItem>, StoreError> {
        Ok(Vec::new())
    }
    async fn record(&self, outcome: &Outcome) -> Result<RecordOutcome, StoreError> {
        self.asked.lock().unwrap().push(outcome.clone());
        self.next.lock().unwrap().pop().expect("asked more often than the test expects")
    }
    async fn learned(&self, _: &ModelRef) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
    async fn learn(&self, _: &ModelRef, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
    fn describe(&self) -> String {
        "sqlite:/here.db".to_owned()
    }
}

fn success(id: &str) -> Outcome {
    Outcome::Success(Box::new(fixtures::run(id, "groq", "m")))
}

fn undelivered() -> (tempfile::TempDir, UndeliveredDir) {
    let home = tempfile::tempdir().unwrap();
    let undelivered = UndeliveredDir::in_state_dir(home.path());
    (home, undelivered)
}

#[tokio::test]
async fn delivers_in_order_and_deletes_after_the_confirmation() {
    let (_home, undelivered) = undelivered();
    let failure = Outcome::Failure(Box::new(fixtures::failure("02", "groq", "m")));
    undelivered.keep("sqlite:/here.db", &failure).unwrap();
    undelivered.keep("sqlite:/here.db", &success("01")).unwrap();
    undelivered.keep("sqlite:/here.db", &success("01")).unwrap();
    undelivered.keep("mongodb://there/db", &success("03")).unwrap();
    let store = Answers::new(vec![Ok(RecordOutcome::Stored), Ok(RecordOutcome::Duplicate)]);
    let delivered = undelivered.deliver(&store).await.unwrap();
    assert_eq!((delivered.stored, delivered.duplicate, delivered.elsewhere), (1, 1, 1));
    assert_eq!(*store.asked.lock().unwrap(), [success("01"), failure]);
    let (left, _) = undelivered.pending().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].store.as_str(), &left[0].outcome), ("mongodb://there/db", &success("03")));
}

#[tokio::test]
async fn a_store_that_is_down_keeps_everything() {
    let (_home, undelivered) = undelivered();
    for id in ["01", "02", "03"] {
        undelivered.keep("sqlite:/here.db", &success(id)).unwrap();
    }
    let store = Answers::new(vec![Ok(RecordOutcome::Stored), Err(StoreError::Unavailable("down".into()))]);
    let delivered = undelivered.deliver(&store).await.unwrap();
    assert_eq!((delivered.stored, delivered.kept.len()), (1, 2));
    assert!(matches!(delivered.stopped, Some(StoreError::Unavailable(_))));
    assert_eq!(undelivered.pending().unwrap().0.len(), 2);
}

#[tokio::test]
async fn what_is_damaged_or_refused_is_set_aside() {
    let (_home, undelivered) = undelivered();
    let damaged = undelivered.keep("sqlite:/here.db", &success("01")).unwrap();
    let text = fs::read_to_string(&damaged).unwrap();
    fs::write(&damaged, text.replace("48.0", "84.0")).unwrap();
    undelivered.keep("sqlite:/here.db", &success("02")).unwrap();
    let store = Answers::new(vec![Err(StoreError::Conflict("other content".into()))]);
    let delivered = undelivered.deliver(&store).await.unwrap();
    let reasons: Vec<_> = delivered.bad.iter().map(|bad| bad.why.as_str()).collect();
    assert_eq!(reasons, ["its checksum is wrong", "other content"]);
    assert!(delivered.bad.iter().all(|bad| bad.path.is_file()));
    assert!(!damaged.exists());
    let again = undelivered.deliver(&Answers::new(vec![])).await.unwrap();
    assert!(again.bad.is_empty() && again.stopped.is_none());
}

#[test]
fn a_cut_file_is_found_at_every_length() {
    let content = UndeliveredFile::of("sqlite:/here.db", &success("01")).unwrap().to_text();
    assert!(UndeliveredFile::read(&content).is_ok());
    for length in (0..content.len()).filter(|length| content.is_char_boundary(*length)) {
        assert!(UndeliveredFile::read(&content[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_nan_is_no_outcome_that_a_file_can_hold() {
    let (_home, undelivered) = undelivered();
    let mut run = fixtures::run("01", "groq", "m");
    run.speeds.tokens_per_second = f64::NAN;
    let error = undelivered.keep("sqlite:/here.db", &Outcome::Success(Box::new(run))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(undelivered.pending().unwrap().0.is_empty());
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_kept_outcome() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, undelivered) = undelivered();
    let path = undelivered.keep("sqlite:/here.db", &success("../../etc/passwd")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(path.parent(), Some(undelivered.directory.as_path()));
}

proptest! {
    #[test]
    fn outcomes_come_back_as_they_went(rate in 1e-300..1e300_f64, text: String, whole: u64, gaps: Vec<u32>) {
        let mut run = fixtures::run("01", "groq", &text);
        run.speeds.tokens_per_second = rate;
        run.speeds.times_between_tokens = gaps.iter().map(|gap| f64::from(*gap) / 3e6).collect();
        run.extra.insert(format!("x{text}"), json!({ "deep": [whole, rate, null, text] }));
        let outcome = Outcome::Success(Box::new(run));
        let text = UndeliveredFile::of("s", &outcome).unwrap().to_text();
        prop_assert_eq!(UndeliveredFile::read(&text), Ok(("s".to_owned(), outcome)));
    }

    #[test]
    fn no_text_breaks_the_reader(text: String) {
        prop_assert!(UndeliveredFile::read(&text).is_err());
    }
}

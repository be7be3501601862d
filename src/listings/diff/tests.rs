//! Tests lists whose models appear, flicker, disappear and change.

use super::*;
use crate::domain::ModelRef;
use crate::domain::listing::ModelFacts;
use chrono::TimeDelta;
use proptest::prelude::*;

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

/// A read that took a minute.
fn read(provider: &str, hour: i64, complete: bool) -> ReadRow {
    let error = (!complete).then(|| "page 2: HTTP 500".to_owned());
    let finished_at = at(hour) + TimeDelta::minutes(1);
    ReadRow { provider: provider.to_owned(), started_at: at(hour), finished_at, complete, error }
}

/// A model that was first and last listed by the reads of these hours.
fn row(provider: &str, model_id: &str, first: i64, last: i64) -> CatalogRow {
    CatalogRow {
        provider: provider.to_owned(),
        model_id: model_id.to_owned(),
        name: model_id.to_owned(),
        first_seen_at: Some(at(first) + TimeDelta::minutes(1)),
        last_seen_at: Some(at(last) + TimeDelta::minutes(1)),
        facts: ModelFacts::default(),
        changes: Vec::new(),
    }
}

fn model(provider: &str, model_id: &str, measured: bool) -> MeasuredModel {
    MeasuredModel { model: ModelRef::new(provider, model_id), display_name: String::new(), measured }
}

fn compare(rows: &[CatalogRow], reads: &[ReadRow], measured: &[MeasuredModel], since: i64) -> ListingDiff {
    diff(&DiffInput { rows, reads, measured, since: at(since), absent_reads: ABSENT_READS })
}

fn ids(rows: &[CatalogRow]) -> Vec<&str> {
    rows.iter().map(|row| row.model_id.as_str()).collect()
}

#[test]
fn the_first_complete_read_is_where_comparing_begins() {
    let rows = [row("groq", "a", 0, 2), row("groq", "b", 2, 2)];
    let reads = [read("groq", 0, true), read("groq", 2, true)];
    assert_eq!(ids(&compare(&rows, &reads, &[], 0).new), ["b"]);
    assert_eq!(ids(&compare(&rows, &reads, &[], 3).new), Vec::<&str>::new());
    assert_eq!(ids(&compare(&rows[..1], &reads[..1], &[], -5).new), Vec::<&str>::new());
}

#[test]
fn gone_takes_three_complete_reads_and_is_told_once() {
    let rows = [row("groq", "a", 0, 0), row("groq", "b", 0, 9)];
    let complete =
        |hours: &[i64]| -> Vec<ReadRow> { hours.iter().map(|hour| read("groq", *hour, true)).collect() };
    assert_eq!(compare(&rows, &complete(&[0, 1, 2]), &[], 0).gone, []);
    let reads = complete(&[0, 1, 2, 3, 4]);
    let gone = compare(&rows, &reads, &[], 0).gone;
    assert_eq!((gone.len(), gone[0].row.model_id.as_str(), gone[0].gone_at), (1, "a", reads[3].finished_at));
    let later = compare(&rows, &reads, &[], 4);
    assert_eq!((later.gone.len(), later.providers["groq"].gone, later.providers["groq"].listed), (0, 1, 1));
}

#[test]
fn partial_reads_make_nothing_look_gone() {
    let rows = [row("groq", "a", 0, 0)];
    let mut reads = vec![read("groq", 0, true)];
    reads.extend((1..20).map(|hour| read("groq", hour, false)));
    let measured = [model("groq", "a", true)];
    let found = compare(&rows, &reads, &measured, 0);
    assert!(found.is_same(), "{found:?}");
    let state = &found.providers["groq"];
    assert_eq!(
        (state.complete_at, state.error.as_deref()),
        (Some(reads[0].finished_at), Some("page 2: HTTP 500"))
    );
}

#[test]
fn lists_against_what_is_measured() {
    let rows = [
        row("groq", "known", 0, 5),
        row("groq", "off", 0, 5),
        row("groq", "unknown", 0, 5),
        row("groq", "went", 0, 0),
    ];
    let reads: Vec<ReadRow> = [0, 3, 4, 5].map(|hour| read("groq", hour, true)).into();
    let measured = [
        model("groq", "known", true),
        model("groq", "never", true),
        model("groq", "off", false),
        model("groq", "went", true),
        model("openai", "unread", true),
    ];
    let found = compare(&rows, &reads, &measured, 9);
    assert_eq!((ids(&found.not_measured), found.decided), (vec!["unknown"], 1));
    let unlisted: Vec<_> =
        found.not_listed.iter().map(|one| (one.model.model.model_id.as_str(), one.last_seen_at)).collect();
    assert_eq!(unlisted, [("never", None), ("went", rows[3].last_seen_at)]);
    assert_eq!((found.providers["groq"].measured, found.providers["openai"].measured), (3, 1));
    assert!(found.has_ground() && found.gone.is_empty());
}

#[test]
fn measured_ids_have_forms_that_no_list_knows() {
    let rows = [row("vertex", "claude-x", 0, 0), row("openrouter", "a/b", 0, 0)];
    let reads = [read("vertex", 0, true), read("openrouter", 0, true)];
    let measured = [model("vertex", "claude-x@20260101", true), model("openrouter", "a/b:nitro", true)];
    assert!(compare(&rows, &reads, &measured, 0).is_same());
}

#[test]
fn changes_count_since_then() {
    let mut changed = row("groq", "a", 0, 9);
    let change =
        |hour| FactChange { at: at(hour), fact: "context_length".into(), from: 1.into(), to: 2.into() };
    changed.changes = vec![change(1), change(5)];
    let found = compare(&[changed], &[read("groq", 0, true)], &[model("groq", "a", true)], 5);
    assert_eq!((found.changed.len(), found.changed[0].changes.len(), found.is_same()), (1, 1, false));
}

#[test]
fn nothing_read_is_no_ground() {
    assert!(!compare(&[], &[read("groq", 0, false)], &[], 0).has_ground());
}

proptest! {
    /// A model that the newest complete read listed is never gone, whatever was read before.
    #[test]
    fn what_was_just_listed_is_there(reads in prop::collection::vec((0..50_i64, any::<bool>()), 1..30), since in 0..50_i64) {
        let mut reads: Vec<ReadRow> = reads.iter().map(|(hour, complete)| read("groq", *hour, *complete)).collect();
        reads.sort_by_key(|read| read.started_at);
        let last = reads.iter().rev().find(|read| read.complete).map_or(0, |read| (read.started_at - at(0)).num_hours());
        let rows = [row("groq", "a", 0, last)];
        prop_assert!(compare(&rows, &reads, &[], since).gone.is_empty());
    }
}

//! Tests that any outcome is read back unchanged, also after a kill, and that no provider's text stops the outbox.

use super::*;
use crate::domain::{Failure, Run};
use crate::outbox::sender::OutboxSender;
use crate::storage::{CollectionNames, OutcomeSink, StoreLocation};
use proptest::prelude::*;
use serde_json::Map;
use std::sync::Arc;
use std::time::Duration;

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        proptest::num::f64::NORMAL.prop_map(|number| json!(number)),
        proptest::num::f64::SUBNORMAL.prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("[a-z$.\\PC]{1,6}", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

fn extra() -> impl Strategy<Value = Map<String, serde_json::Value>> {
    // None of our fields has such a name.
    prop::collection::btree_map("x_\\PC{0,8}", value(), 0..6).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_comes_out_is_what_went_in(
        (extra, rate, gaps) in (extra(), proptest::num::f64::NORMAL, prop::collection::vec(proptest::num::f64::NORMAL, 0..9)),
    ) {
        let mut run = Run { extra: extra.clone(), ..fixtures::run("r", "groq", "m") };
        (run.speeds.tokens_per_second, run.speeds.times_between_tokens) = (rate, gaps);
        let failure = Failure { extra, ..fixtures::failure("f", "groq", "m") };
        let outcomes = [Outcome::Success(Box::new(run)), Outcome::Failure(Box::new(failure))];
        let found: Vec<Outcome> = run_async(async {
            let (directory, outbox) = fresh().await;
            outbox.accept("i", &outcomes, COST).await.unwrap();
            let copy = killed(directory.path());
            let (after, _) = open(copy.path()).await;
            due(&after).await.into_iter().map(|queued| queued.payload.outcome().unwrap()).collect()
        });
        prop_assert_eq!(&found[..], &outcomes[..]);
    }
}

/// Fields with any names, including ours.
fn any_extra() -> impl Strategy<Value = Map<String, serde_json::Value>> {
    let name = prop_oneof![
        any::<String>(),
        Just("_id".to_owned()),
        Just("suspect".to_owned()),
        Just("ts".to_owned())
    ];
    prop::collection::btree_map(name, value(), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn count() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![any::<u64>(), Just(u64::MAX), Just(1 << 62), 0..100_u64])
}

/// Any time within the calendar.
fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    let (first, last) = (DateTime::<Utc>::MIN_UTC.timestamp(), DateTime::<Utc>::MAX_UTC.timestamp());
    (first..=last).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

prop_compose! {
    fn any_run()(
        (id, provider, model) in (any::<String>(), any::<String>(), any::<String>()),
        extra in any_extra(),
        counts in prop::array::uniform6(count()),
        floats in prop::array::uniform6(proptest::num::f64::ANY),
        gaps in prop::collection::vec(proptest::num::f64::ANY, 0..4),
        at in moment(),
    ) -> Run {
        let mut run = Run { extra, ..fixtures::run(&id, &provider, &model) };
        let (tokens, speeds) = (&mut run.tokens, &mut run.speeds);
        [tokens.output_tokens, tokens.visible_output_tokens, tokens.reasoning_tokens, tokens.input_tokens,
            tokens.cached_input_tokens, tokens.total_tokens] = counts;
        (speeds.tokens_per_second, speeds.generate_time, speeds.times_between_tokens) = (floats[0], floats[1], gaps);
        (speeds.time_to_first_token, run.temperature) = (Some(floats[2]), Some(floats[3]));
        (run.phases.connect_seconds, run.quality.loop_lag_seconds) = (Some(floats[4]), floats[5]);
        run.run_ts = at;
        run
    }
}

prop_compose! {
    fn any_failure()(
        (id, provider, model, message) in (any::<String>(), any::<String>(), any::<String>(), any::<String>()),
        extra in any_extra(),
        status in any::<Option<u16>>(),
        ts in moment(),
    ) -> Failure {
        Failure { extra, message, ts, http_status: status, ..fixtures::failure(&id, &provider, &model) }
    }
}

/// A store with its tables.
async fn store(home: &Path) -> Arc<dyn OutcomeSink> {
    let location = StoreLocation::parse(&format!("sqlite:{}", home.join("runs.db").display())).unwrap();
    let store =
        crate::storage::open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()])
            .await
            .unwrap();
    store.init().await.unwrap();
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each outcome is in the store or set aside, none is lost on the way, and the next start finds all of them.
    #[test]
    fn any_outcome_is_stored_or_set_aside_and_the_outbox_goes_on(
        (run, failure, spent) in (any_run(), any_failure(), prop::array::uniform3(any::<u64>())),
    ) {
        let outcomes = [Outcome::Success(Box::new(run)), Outcome::Failure(Box::new(failure))];
        let spent = Spend { runs: spent[0], tokens: spent[1], micro_dollars: spent[2] };
        let (before, after, next) = run_async(async {
            let (directory, outbox) = fresh().await;
            let sink = store(directory.path()).await;
            for id in ["i", "j"] {
                outbox.intend(&CallIntent { reserve: spent, ..intent(id) }).await.unwrap();
                outbox.accept(id, &outcomes, spent).await.unwrap();
            }
            let before = outbox.depth().await.unwrap();
            let (mut sender, _) = OutboxSender::new(outbox.clone(), sink, "sqlite".to_owned());
            sender.flush_once(Duration::from_secs(60)).await.unwrap();
            let after = outbox.depth().await.unwrap();
            take(&outbox, "sound").await.unwrap();
            let copy = killed(directory.path());
            let (next, opening) = open(copy.path()).await;
            assert!(opening.damaged.is_empty());
            (before, after, next.depth().await.unwrap())
        });
        let settled = after.delivered + after.quarantined;
        prop_assert_eq!((before.pending + before.quarantined, settled, after.pending), (2, 2, 0));
        prop_assert_eq!((next.pending, next.delivered + next.quarantined), (1, 2));
    }
}

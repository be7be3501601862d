//! Whatever an outcome holds comes out as it went in, also after a kill.

use super::*;
use crate::domain::{Failure, Run};
use proptest::prelude::*;
use serde_json::Map;

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
    // No field of ours has such a name.
    prop::collection::btree_map("x_\\PC{0,8}", value(), 0..6).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_comes_out_is_what_went_in(
        (extra, rate, gaps) in (extra(), proptest::num::f64::NORMAL, prop::collection::vec(proptest::num::f64::NORMAL, 0..9)),
    ) {
        let mut run = Run { extra: extra.clone(), ..samples::run("r", "groq", "m") };
        (run.speeds.tokens_per_second, run.speeds.times_between_tokens) = (rate, gaps);
        let failure = Failure { extra, ..samples::failure("f", "groq", "m") };
        let outcomes = [Outcome::Success(Box::new(run)), Outcome::Failure(Box::new(failure))];
        let found: Vec<Outcome> = run_async(async {
            let (directory, outbox) = fresh().await;
            outbox.accept("i", &outcomes, COST).await.unwrap();
            let copy = killed(directory.path());
            let (after, _) = open(copy.path()).await;
            due(&after).await.into_iter().map(|parcel| parcel.payload.outcome().unwrap()).collect()
        });
        prop_assert_eq!(&found[..], &outcomes[..]);
    }
}

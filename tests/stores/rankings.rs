//! Lanes of rankings, on every store: counted from rows, moved hour by hour as they would be counted anew, kept beside the
//! status of their models, and gone with a model that is switched off.

use super::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::samples::{self, now};
use chrono::{DateTime, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::publication::{LaneRanking, RankingPlace};
use llmbench::storage::Store;
use llmbench::storage::lifecycle::{self, AttemptWindows};
use llmbench::storage::rankings::{self, LaneHalfHour, RankingWindows};
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeSet;
use std::time::Instant;

const PUBLISHED: &[&str] = &["cloud-default-v1"];

async fn row(store: &dyn Store, id: &str, model: &str, tag: Option<&str>, at: DateTime<Utc>) {
    let mut run = samples::run(id, "groq", model);
    (run.run_ts, run.gen_ts) = (at, at + TimeDelta::milliseconds(1333));
    run.route_endpoint_tag = tag.map(str::to_owned);
    run.quantization = tag.and(Some("fp8".to_owned()));
    store.record(&samples::success(&run)).await.unwrap();
}

async fn opened(backend: &Backend) -> std::sync::Arc<dyn Store> {
    let store = backend.open(PUBLISHED).await;
    store.init().await.unwrap();
    for (model, enabled) in [("full", true), ("unnamed", true), ("new", true), ("off", false)] {
        put_model(&*store, &ModelRef::new("groq", model), "M", enabled).await.unwrap();
    }
    store
}

async fn counted(store: &dyn Store, windows: &mut RankingWindows, at: DateTime<Utc>) -> Vec<LaneRanking> {
    rankings::refresh(store, windows, at).await.unwrap();
    store.rankings().await.unwrap().into_iter().flat_map(Vec::<LaneRanking>::from).collect()
}

#[tokio::test]
async fn lanes_are_counted_kept_and_told() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let store = &*store;
        let half_hour = (now() - TimeDelta::hours(1)).timestamp().div_euclid(1800);
        let begun = DateTime::from_timestamp(half_hour * 1800 + 60, 0).unwrap();
        for number in 0..42 {
            let at = begun - TimeDelta::hours(4 * number);
            row(store, &format!("a{number}"), "full", Some("groq/direct"), at).await;
            // The second of a half hour counts no more.
            row(store, &format!("b{number}"), "full", Some("groq/direct"), at + TimeDelta::seconds(1)).await;
            row(store, &format!("c{number}"), "unnamed", None, at).await;
        }
        row(store, "old", "full", Some("groq/old"), now() - TimeDelta::days(8)).await;
        row(store, "off", "off", Some("groq/direct"), begun).await;
        // Without a status of its model a ranking has no place to be kept.
        assert_eq!(counted(store, &mut RankingWindows::default(), now()).await, []);
        lifecycle::refresh(store, &mut AttemptWindows::default(), now()).await.unwrap();
        let lanes = counted(store, &mut RankingWindows::default(), now()).await;
        let told: Vec<_> = lanes
            .iter()
            .map(|lane| (lane.model.model_id.as_str(), lane.coverage.samples, lane.place()))
            .collect();
        let expected = [("full", 42, Some(RankingPlace::Official)), ("new", 0, None), ("unnamed", 42, None)];
        assert_eq!(told, expected);
        assert_eq!(lanes[0].missing(), [""; 0]);
        let kept = store.rankings().await.unwrap();
        assert_eq!(kept[0].lanes[0].block_days, [7; 6]);
        // A model that is switched off is told no more, at once.
        let full = ModelRef::new("groq", "full");
        put_model(store, &full, "M", false).await.unwrap();
        lifecycle::refresh_models(store, &[full], None, now()).await.unwrap();
        let left = store.rankings().await.unwrap();
        assert_eq!(
            left.iter().map(|one| one.model.model_id.as_str()).collect::<Vec<_>>(),
            ["new", "unnamed"]
        );
        if let Backend::Mongo(database) = &backend {
            types(database).await;
        }
    }
}

/// The field beside the others of `model_status`, of which its readers know nothing.
async fn types(database: &mongodb::Database) {
    let rows = database.collection::<Document>("model_status");
    let row = rows.find_one(doc! { "model_id": "unnamed" }).await.unwrap().unwrap();
    let ranking = row.get_document("ranking").unwrap();
    assert!(ranking.get_datetime("counted_at").is_ok());
    let lane = ranking.get_array("lanes").unwrap()[0].as_document().unwrap();
    assert_eq!((lane.get("endpoint_tag"), lane.get("quantization")), (Some(&Bson::Null), Some(&Bson::Null)));
    for name in ["samples", "span_seconds", "dates", "blocks"] {
        assert!(matches!(lane.get(name), Some(Bson::Int32(1..))), "{name}: {lane}");
    }
    assert!(row.get_str("status").is_ok() && row.get_datetime("computed_at").is_ok());
}

/// Rows that arrive while hours pass: what is moved says what is counted anew.
#[tokio::test]
async fn moved_lanes_agree_with_counted_ones() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let store = &*store;
        lifecycle::refresh(store, &mut AttemptWindows::default(), now()).await.unwrap();
        let begun = now() - TimeDelta::days(9);
        let mut moved = RankingWindows::default();
        for step in 0..36 {
            let at = begun + TimeDelta::hours(5 * step);
            for number in 0..3 {
                let tag = if number == 2 { Some("groq/eu") } else { Some("groq/direct") };
                let model = if step % 2 == 0 { "full" } else { "unnamed" };
                row(store, &format!("r{step}-{number}"), model, tag, at - TimeDelta::minutes(40 * number))
                    .await;
            }
            let told = counted(store, &mut moved, at).await;
            let anew = counted(store, &mut RankingWindows::default(), at).await;
            assert_eq!(told, anew, "at step {step}");
        }
    }
}

/// Half hours are each lane's own, and once.
#[tokio::test]
async fn half_hours_are_told_once() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = opened(&backend).await;
        let at = DateTime::from_timestamp(1_795_000_000 / 1800 * 1800, 0).unwrap();
        for (id, tag, seconds) in
            [("1", Some("x"), 0), ("2", Some("x"), 1799), ("3", None, 5), ("4", Some("x"), 1800)]
        {
            row(&*store, id, "full", tag, at + TimeDelta::seconds(seconds)).await;
        }
        let found = store.half_hours(at, at + TimeDelta::seconds(1801)).await.unwrap();
        let told: BTreeSet<(Option<String>, i64)> = found
            .iter()
            .map(|LaneHalfHour { lane: (tag, _), number, .. }| (tag.clone(), number - at.timestamp() / 1800))
            .collect();
        let x = || Some("x".to_owned());
        assert_eq!((told, found.len()), (BTreeSet::from([(x(), 0), (None, 0), (x(), 1)]), 3));
    }
}

/// How long 5,000 models take: `cargo test --test it -- --ignored --nocapture lanes_of_five_thousand`.
#[tokio::test]
#[ignore = "a measurement, not a promise of every machine"]
async fn lanes_of_five_thousand_models_are_counted() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(PUBLISHED).await;
        store.init().await.unwrap();
        backend.fill(5000, 60).await;
        lifecycle::refresh(&*store, &mut AttemptWindows::default(), now()).await.unwrap();
        let (mut windows, begun) = (RankingWindows::default(), Instant::now());
        rankings::refresh(&*store, &mut windows, now()).await.unwrap();
        let first = begun.elapsed();
        let begun = Instant::now();
        rankings::refresh(&*store, &mut windows, now() + TimeDelta::hours(1)).await.unwrap();
        let moved = begun.elapsed();
        let begun = Instant::now();
        let lanes = store.rankings().await.unwrap().len();
        println!("{lanes} lanes: {first:?} counted, {moved:?} moved by an hour, {:?} read", begun.elapsed());
    }
}

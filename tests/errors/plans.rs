//! No question reads a whole collection: asked of a server that writes down how it answered.

use super::world::{at, worlds};
use crate::stores::backend::Backend;
use llmbench::domain::Window;
use llmbench::storage::history::{ErrorGranularity, HistoryFilter, RunSeries};
use mongodb::bson::{Document, doc};

#[tokio::test]
async fn every_question_has_its_index() {
    let [_, world] = worlds().await;
    let Backend::Mongo(database) = &world.backend else { panic!("the second world is on MongoDB") };
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    let window = Window { from: Some(at(0)), to: Some(at(1440)) };
    let whole = HistoryFilter { window, ..HistoryFilter::default() };
    let provider = HistoryFilter { provider: Some("groq".to_owned()), ..whole.clone() };
    let model = HistoryFilter { model: Some("llama".to_owned()), ..provider.clone() };
    let ever = HistoryFilter { window: Window::default(), ..model.clone() };
    let fingerprint = HistoryFilter { fingerprint: Some("ab".to_owned()), ..HistoryFilter::default() };
    let store = &world.store;
    for scope in [&whole, &provider, &model, &ever] {
        for grain in [
            ErrorGranularity::Provider,
            ErrorGranularity::Model,
            ErrorGranularity::Stage,
            ErrorGranularity::Fingerprint,
        ] {
            store.error_groups(scope, grain).await.unwrap();
        }
        store.successes(scope, true, &[RunSeries::Published, RunSeries::Probe]).await.unwrap();
        store.successes(scope, false, &[RunSeries::Published]).await.unwrap();
        store.errors(scope, 10).await.unwrap();
        store.runs(scope, RunSeries::Published, 10).await.unwrap();
        store.runs(scope, RunSeries::Probe, 10).await.unwrap();
    }
    for series in [RunSeries::Published, RunSeries::Probe] {
        store.runs(&HistoryFilter::default(), series, 10).await.unwrap();
    }
    store.errors(&HistoryFilter::default(), 10).await.unwrap();
    store.errors(&fingerprint, 10).await.unwrap();
    store.error_groups(&fingerprint, ErrorGranularity::Fingerprint).await.unwrap();
    store.rollups("ab", 5).await.unwrap();
    store.run("run-0").await.unwrap().unwrap();
    store.error("e1").await.unwrap().unwrap();
    database.run_command(doc! { "profile": 0 }).await.unwrap();

    let asked = doc! { "$or": [{ "command.find": { "$exists": true } }, { "command.aggregate": { "$exists": true } }] };
    let mut profile = database.collection::<Document>("system.profile").find(asked).await.unwrap();
    let mut questions = 0;
    while profile.advance().await.unwrap() {
        let question: Document = profile.deserialize_current().unwrap();
        let plan = question.get_str("planSummary").unwrap_or_default();
        assert!(plan.starts_with("IXSCAN") || plan.starts_with("IDHACK"), "{plan}: {question}");
        let wrote = question.get_bool("usedDisk").unwrap_or(false);
        assert!(!wrote, "{question}");
        let limit = question.get_document("command").unwrap().get("maxTimeMS");
        assert!(limit.is_some(), "no limit in time: {question}");
        questions += 1;
    }
    assert!(questions >= 40, "{questions} questions were written down");
}

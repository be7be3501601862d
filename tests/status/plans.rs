//! No look at everything reads history: asked of a server that writes down how it answered.

use super::world::worlds;
use crate::stores::backend::Backend;
use chrono::{TimeDelta, Utc};
use mongodb::bson::{Bson, Document, doc};

#[tokio::test]
async fn runs_and_errors_are_found_by_time_and_runs_are_not_even_read() {
    let [_, world] = worlds().await;
    let Backend::Mongo(database) = &world.backend else { panic!("the second world is on MongoDB") };
    world.enable("groq:a").await;
    for minutes in [1, 9000, 9001, 9002] {
        world.succeed("groq:a", minutes).await;
        world.fail("groq:a", minutes).await;
    }
    let check = database.collection::<Document>("bench_check_runs");
    check.insert_many([doc! { "checked_at": 1 }, doc! { "checked_at": 2 }]).await.unwrap();
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    let fleet = world.store.overview(Utc::now() - TimeDelta::days(1), Utc::now()).await.unwrap();
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    assert_eq!((fleet.providers[0].successes, fleet.providers[0].failures), (1, 1));
    assert_eq!(fleet.check.unwrap()["checked_at"], 2);

    let of = |collection: &str| format!("{}.{collection}", database.name());
    let mut profile = database.collection::<Document>("system.profile").find(doc! {}).await.unwrap();
    let mut seen = 0;
    while profile.advance().await.unwrap() {
        let question: Document = profile.deserialize_current().unwrap();
        let place = question.get_str("ns").unwrap_or_default();
        let read = match question.get("docsExamined") {
            Some(Bson::Int32(number)) => i64::from(*number),
            Some(Bson::Int64(number)) => *number,
            _ => 0,
        };
        let most = [("metrics_cloud_v2", 0), ("errors_cloud", 1), ("bench_check_runs", 1)];
        if let Some((_, most)) = most.iter().find(|(collection, _)| place == of(collection)) {
            assert!(question.get_str("planSummary").unwrap().starts_with("IXSCAN"), "{question}");
            assert!(read <= *most, "{read} read: {question}");
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

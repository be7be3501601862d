//! What the commands ask a server, as its profiler writes it down: by an index, and no row outside the window is looked at.

use super::world::World;
use chrono::{TimeDelta, Utc};
use mongodb::bson::{DateTime, Document, doc};

/// The profiler's rows about a collection while a command was carried out.
async fn asked(world: &World, command: &[&str], collection: &str) -> Vec<Document> {
    let database = &world.database;
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    database.collection::<Document>("system.profile").drop().await.unwrap();
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    world.done(command);
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    let filter = doc! { "ns": format!("{}.{collection}", database.name()), "appName": "llmbench" };
    let mut rows = database.collection::<Document>("system.profile").find(filter).await.unwrap();
    let mut found = Vec::new();
    while rows.advance().await.unwrap() {
        found.push(rows.deserialize_current().unwrap());
    }
    found
}

fn whole(row: &Document, name: &str) -> i64 {
    row.get_i32(name).map(i64::from).or_else(|_| row.get_i64(name)).unwrap_or(0)
}

#[tokio::test]
async fn questions_of_a_day_look_at_the_rows_of_that_day_alone() {
    let world = World::new().await;
    for (collection, time) in [("errors_cloud", "ts"), ("metrics_cloud_v2", "run_ts")] {
        let rows = world.database.collection::<Document>(collection);
        let day = DateTime::from_millis((Utc::now() - TimeDelta::hours(24)).timestamp_millis());
        let mut window = Document::new();
        window.insert(time, doc! { "$gte": day });
        let lately = i64::try_from(rows.count_documents(window).await.unwrap()).unwrap();
        let ever = i64::try_from(rows.count_documents(doc! {}).await.unwrap()).unwrap();
        assert!(lately > 10 && ever > 2 * lately, "{collection}: {lately} of {ever} are of the last day");
        for command in [
            &["errors", "summary", "--since", "24h"][..],
            &["errors", "summary", "--since", "24h", "--by", "model"],
            &["errors", "summary", "--since", "24h", "--by", "cause"],
            &["errors", "summary", "--only-failing"],
            &["models", "list"],
        ] {
            let questions = asked(&world, command, collection).await;
            assert!(!questions.is_empty(), "{command:?} asked nothing about {collection}");
            for question in questions {
                let plan = question.get_str("planSummary").unwrap_or_default();
                assert!(plan.starts_with("IXSCAN"), "{command:?}: {plan}: {question}");
                // One more key tells where the window ends.
                let (keys, rows) = (whole(&question, "keysExamined"), whole(&question, "docsExamined"));
                assert!(
                    keys <= lately + 1 && rows <= lately,
                    "{command:?}: {keys} keys, {rows} rows: {question}"
                );
            }
        }
    }
}

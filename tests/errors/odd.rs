//! Rows of the Python runner and rows that nobody should have written: shown as they are, never a crash, and nothing in them
//! moves a cursor.

use super::world::{World, at, errors, text, worlds};
use crate::stores::backend::Backend;
use crate::support::python_runner::documents;
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::json;

pub const ODD_NAME: &str = "ev\nil\u{1b}[2J\u{202e}";

pub async fn insert(database: &Database, collection: &str, rows: Vec<Document>) {
    database.collection::<Document>(collection).insert_many(rows).await.unwrap();
}

#[tokio::test]
async fn the_python_runners_rows_are_ours_to_read() {
    let [_, world] = worlds().await;
    let Backend::Mongo(database) = &world.backend else { panic!("the second world is on MongoDB") };
    for collection in ["errors_cloud", "error_rollups", "metrics_cloud_v2", "metrics_cloud_probe"] {
        insert(database, collection, documents(collection)).await;
    }
    // The samples are of one evening.
    let evening = ["--from", "2026-11-23", "--to", "2026-11-24"];
    let summary = world.document(&[
        "errors", "summary", "--json", "--by", "model", evening[0], evening[1], evening[2], evening[3],
    ]);
    assert_eq!(summary["errors"], json!(documents("errors_cloud").len()));
    let story = world.told(&["errors", "show", "0348d71847c2", "--since", "2026-11-01"]);
    assert!(story.contains("cerebras:fake-ttft50-gap2-n30-stop (not enabled)"), "{story}");
    assert!(story.contains("output_tokens 30 not within 10% of requested 64"), "{story}");
    let list = world.document(&["results", "list", "--json", "-n", "2"]);
    assert_eq!(list["runs"][0]["_id"], "6b0400c4eeadc70d91e81514");
    let published = world.document(&["results", "list", "--json", "-n", "2", "--published"]);
    assert_eq!(published["runs"][0]["_id"], "6b040062b5337a1e58dfb4d4");
    let run = world.told(&["results", "show", "6b040062b5337a1e58dfb4d4"]);
    assert!(run.contains("openai:gpt-5-fake") && run.contains("first visible text    1.55 s"), "{run}");
    let probe = world.told(&["results", "show", "6b0400c4eeadc70d91e81514"]);
    assert!(probe.contains("role shadow"), "{probe}");
}

/// Rows with fields missing, odd, or made to harm.
pub async fn spoil(world: &World) {
    match &world.backend {
        Backend::Mongo(database) => {
            let ts = DateTime::from_millis(at(100).timestamp_millis());
            let errors = vec![
                doc! { "_id": "odd-1", "ts": ts },
                doc! { "_id": 7, "ts": ts, "provider": 7, "model_name": ["x"], "error_kind": {"a": 1},
                "stage": f64::NAN, "message": {"deep": [1, 2]}, "fingerprint": Bson::Null },
                doc! { "_id": "odd-3", "ts": ts, "provider": ODD_NAME, "model_name": ODD_NAME, "error_kind": ODD_NAME,
                "stage": ODD_NAME, "message": ODD_NAME, "fingerprint": ODD_NAME, "http_status": ODD_NAME },
                doc! { "_id": "odd-4", "ts": "2026-08-01 10:00", "provider": "groq", "model_name": "gone" },
            ];
            insert(database, "errors_cloud", errors).await;
            let runs = vec![
                doc! { "_id": "run-odd-1" },
                doc! { "_id": "run-odd-2", "run_ts": "2026-08-01", "provider": 1, "tokens_per_second": "fast",
                "time_to_first_token": -1, "generate_time": f64::INFINITY, "times_between_tokens": "none" },
                doc! { "_id": "run-odd-3", "run_ts": DateTime::MAX, "provider": ODD_NAME, "model_name": ODD_NAME,
                "generate_time": 0.0, "times_between_tokens": [f64::NAN, "x", -1.0], "finish_reason": ODD_NAME },
            ];
            insert(database, "metrics_cloud_v2", runs).await;
        }
        Backend::Sqlite(_) => {
            let path = world.backend.url();
            let connection = rusqlite::Connection::open(path.strip_prefix("sqlite:").unwrap()).unwrap();
            let error = "INSERT INTO errors VALUES (?, ?2, ?2, ?3, ?2, ?2, NULL, ?2, 0, ?2, ?4)";
            let ms = at(100).timestamp_millis();
            let harm =
                json!({ "_id": "odd-3", "provider": ODD_NAME, "message": [1], "ts": ODD_NAME }).to_string();
            for (id, name, doc) in
                [("odd-1", "", "{}"), ("7", "", "no document"), ("odd-3", ODD_NAME, harm.as_str())]
            {
                connection.execute(error, rusqlite::params![id, name, ms, doc]).unwrap();
            }
            let run = "INSERT INTO runs VALUES (?, 1, ?2, ?2, ?3, ?3, '', '', 0.0, NULL, NULL, ?4)";
            let doc = json!({ "run_ts": 7, "tokens_per_second": "fast", "times_between_tokens": [null, "x"],
                "generate_time": 1e300, "time_to_first_token": 1e-300, "finish_reason": ODD_NAME });
            for (id, name, doc) in [
                ("run-odd-1", "", "{}".to_owned()),
                ("run-odd-2", ODD_NAME, doc.to_string()),
                ("run-odd-3", "", "[]".to_owned()),
            ] {
                connection.execute(run, rusqlite::params![id, name, ms, doc]).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn odd_rows_are_shown_and_forge_nothing() {
    for world in worlds().await {
        spoil(&world).await;
        let since = ["--since", "2026-08-01"];
        let mut questions: Vec<Vec<&str>> = ["provider", "model", "kind", "stage", "fingerprint"]
            .iter()
            .map(|by| vec!["errors", "summary", "--by", by, since[0], since[1]])
            .collect();
        for id in ["run-odd-1", "run-odd-2", "run-odd-3", "odd-1", "odd-3"] {
            questions.push(vec!["results", "show", id]);
            questions.push(vec!["results", "show", id, "--verbose"]);
        }
        questions.push(vec!["results", "list", "-n", "100"]);
        questions.push(vec!["results", "list", "-n", "100", "--wide"]);
        questions.push(vec!["errors", "show", "groq:gone"]);
        for question in questions {
            for columns in [0, 60, 140] {
                let output = world.at_columns(columns, &question);
                assert_eq!(output.status.code(), Some(0), "{question:?}: {}", errors(&output));
                let shown = text(&output) + &errors(&output);
                let unsafe_ones =
                    shown.chars().filter(|ch| (ch.is_control() && *ch != '\n') || *ch == '\u{202e}');
                assert_eq!(unsafe_ones.count(), 0, "{question:?}: {shown}");
                assert!(!shown.lines().any(|line| line.starts_with("il")), "{question:?}: {shown}");
            }
        }
        let summary =
            world.document(&["errors", "summary", "--json", "--by", "model", "--since", "2026-08-01"]);
        let odd: u64 = summary["groups"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|group| !["groq", "vertex"].contains(&group["provider"].as_str().unwrap_or_default()))
            .map(|group| group["errors"].as_u64().unwrap())
            .sum();
        assert_eq!(odd, 3);
        let list = world.told(&["results", "list", "-n", "100"]);
        assert!(list.contains("fast"), "{list}");
    }
}

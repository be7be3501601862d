//! The Python runner against this bridge, unchanged: its bytes, its answers, each trap of its contract. On a real
//! mongod, and what was stored is read with the driver.

use super::served::{Answer, CONFIG_TOKEN, DAY, INGEST_KEY, Served, answer, failure, request, result, with};
use crate::support::peers::{self, Mongod};
use crate::support::{Home, PATIENCE};
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::{Value, json};
use std::io::Write;

/// A bridge on a database of its own, and that database.
async fn on_mongod(arguments: &[&str]) -> (Served, Database) {
    let name = peers::fresh_name();
    let mongod = Mongod::start();
    let served = Served::on(Home::new(), mongod.uri(&name), arguments).await;
    (served, mongod.database(&name).await)
}

async fn one(database: &Database, collection: &str, filter: Document) -> Document {
    let found = database.collection::<Document>(collection).find_one(filter).await.unwrap();
    found.unwrap_or_else(|| panic!("nothing in {collection}"))
}

async fn count(database: &Database, collection: &str) -> u64 {
    database.collection::<Document>(collection).count_documents(doc! {}).await.unwrap()
}

fn date(text: &str) -> Bson {
    Bson::DateTime(DateTime::parse_rfc3339_str(text).unwrap())
}

/// The bytes that the Python runner's client writes, as they were recorded: header names and order, compact body.
fn recorded(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bridge:8787\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\
         Connection: keep-alive\r\nUser-Agent: python-httpx/0.28.1\r\nX-API-Key: {INGEST_KEY}\r\n\
         Content-Length: {}\r\nContent-Type: application/json\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_result_is_stored_as_the_direct_writer_stores_it() {
    let (served, database) = on_mongod(&[]).await;
    let body = with(result(), "somebody_elses_field", json!({"kept": [1, null, "ü"]}));
    let told = served.send(&recorded("/ingest", &body.to_string()));
    assert_eq!(told.status, 200, "{told:?}");
    told.sound();
    assert_eq!(told.json()["status"], "accepted");
    let row = one(&database, "metrics_cloud_v2", doc! {}).await;
    assert_eq!(row.get("run_ts"), Some(&date(&format!("{}T08:52:02Z", *DAY))));
    assert_eq!(row.get("gen_ts"), Some(&date(&format!("{}T08:52:04Z", *DAY))));
    assert_eq!(row.get("model_name"), Some(&Bson::from("amazon.nova-pro-v1:0")));
    assert_eq!(row.get("generate_time"), Some(&Bson::Double(1.812_345_678_901_234_5)));
    assert_eq!(row.get("temperature"), Some(&Bson::Double(0.1)));
    assert!(matches!(row.get("output_tokens"), Some(Bson::Int32(60) | Bson::Int64(60))));
    // Null is not absent.
    assert_eq!(row.get("time_to_first_token"), Some(&Bson::Null));
    assert_eq!(row.get("reasoning_tokens"), Some(&Bson::Null));
    assert_eq!(row.get("finish_reason"), None);
    assert_eq!(row.get("times_between_tokens"), Some(&Bson::Array(Vec::new())));
    let kept = row.get_document("somebody_elses_field").unwrap().get_array("kept").unwrap();
    assert_eq!((kept.len(), &kept[1], &kept[2]), (3, &Bson::Null, &Bson::from("ü")));
    assert_eq!(row.get_str("key_id").unwrap(), "INGEST_API_KEY");
    assert!(row.get_datetime("received_at").is_ok());
    let health = one(&database, "bench_model_health", doc! {}).await;
    assert_eq!(health.get_str("model_id").unwrap(), "amazon.nova-pro-v1:0");
    assert!(health.get_datetime("last_success_at").is_ok());
}

#[tokio::test]
async fn a_whole_number_in_a_field_of_doubles_is_a_double() {
    let (served, database) = on_mongod(&[]).await;
    let body = with(with(result(), "temperature", json!(0)), "times_between_tokens", json!([1, 0.5]));
    assert_eq!(served.post("/ingest", &body).status, 200);
    let row = one(&database, "metrics_cloud_v2", doc! {}).await;
    assert_eq!(row.get("temperature"), Some(&Bson::Double(0.0)));
    assert_eq!(
        row.get("times_between_tokens"),
        Some(&Bson::Array(vec![Bson::Double(1.0), Bson::Double(0.5)]))
    );
}

#[tokio::test]
async fn trap_1_no_redirect_and_always_an_object() {
    let (served, database) = on_mongod(&[]).await;
    for path in ["/ingest", "/ingest/"] {
        let told = served.send(&recorded(path, &result().to_string()));
        assert_eq!((told.status, told.json()["status"].as_str()), (200, Some("accepted")));
    }
    assert_eq!(served.send(&recorded("/ingest/batch", "[]")).json()["results"], json!([]));
    // Twice the same post is one row, and the second answer is as friendly.
    assert_eq!(count(&database, "metrics_cloud_v2").await, 1);
    let third = served.post("/ingest", &result());
    assert_eq!((third.status, third.json()["duplicate"].as_bool()), (200, Some(true)));
}

#[tokio::test]
async fn traps_2_and_5_and_9_models_that_are_not_enabled() {
    let (served, database) = on_mongod(&[]).await;
    let unknown = with(result(), "model_name", json!("gone"));
    let told = served.post("/ingest", &unknown);
    let rejected = json!({"status": "rejected", "reason": "model is not enabled in catalog"});
    assert_eq!((told.status, told.json()), (202, rejected));
    // `model_id` is not the name on the wire.
    let mut misnamed = result();
    misnamed["model_id"] = misnamed["model_name"].take();
    misnamed.as_object_mut().unwrap().remove("model_name");
    assert_eq!(served.post("/ingest", &misnamed).json()["error"]["field"], "$.model_name");
    assert_eq!(count(&database, "metrics_cloud_v2").await, 0);
    // The runner then reports an error for the same model, which nobody refuses; nor one of a provider nobody knows.
    let report = with(with(failure(), "stage", json!("ingest")), "model_name", json!("gone"));
    assert_eq!(served.post("/ingest/error", &report).status, 200);
    assert_eq!(served.post("/ingest/error", &with(failure(), "provider", json!("nosuch"))).status, 200);
    assert_eq!(count(&database, "errors_cloud").await, 2);
}

#[tokio::test]
async fn trap_3_times_without_a_zone_are_utc() {
    let (served, database) = on_mongod(&[]).await;
    for (run_ts, stored) in [
        (" 03:52:02", "T03:52:02Z"),
        ("T04:52:02", "T04:52:02Z"),
        ("T05:52:02.250Z", "T05:52:02.250Z"),
        ("T06:52:02+01:00", "T05:52:02Z"),
    ] {
        let (run_ts, stored) = (format!("{}{run_ts}", *DAY), format!("{}{stored}", *DAY));
        assert_eq!(served.post("/ingest", &with(result(), "run_ts", json!(run_ts))).status, 200);
        one(&database, "metrics_cloud_v2", doc! { "run_ts": date(&stored) }).await;
    }
    assert_eq!(served.post("/ingest/error", &failure()).status, 200);
    one(&database, "errors_cloud", doc! { "ts": date(&format!("{}T08:52:17Z", *DAY)) }).await;
    assert_eq!(served.post("/ingest/error", &with(failure(), "ts", Value::Null)).status, 200);
}

#[tokio::test]
async fn an_error_is_taken_as_it_is_classified() {
    let (served, database) = on_mongod(&[]).await;
    let odd = with(failure(), "error_kind", json!("a_kind_of_tomorrow"));
    assert_eq!(served.send(&recorded("/ingest/error", &odd.to_string())).status, 200);
    let row = one(&database, "errors_cloud", doc! {}).await;
    assert_eq!(row.get_str("error_kind").unwrap(), "a_kind_of_tomorrow");
    assert_eq!(row.get_str("exc_type").unwrap(), "NotFoundError");
    assert_eq!(row.get_str("fingerprint").unwrap().len(), 64);
    assert_eq!(count(&database, "error_rollups").await, 1);
}

#[tokio::test]
async fn a_list_is_kept_and_enables_nothing() {
    let (served, database) = on_mongod(&[]).await;
    let model = json!({"model_id": "amazon.new-v1:0", "name": "New", "raw": {
        "providerName": "Amazon", "outputModalities": ["TEXT"], "inferenceTypesSupported": null,
        "modelLifecycle": {"status": "ACTIVE"}}});
    let list = json!({"provider": "bedrock", "pagination_complete": true,
        "started_at": format!("{} 08:54:59", *DAY), "models": [model]});
    let told = served.send(&recorded("/ingest/catalog", &list.to_string()));
    assert_eq!((told.status, told.json()["models"].as_u64()), (200, Some(1)));
    let row = one(&database, "provider_catalog", doc! {}).await;
    assert_eq!(row.get_str("model_id").unwrap(), "amazon.new-v1:0");
    assert_eq!(row.get_document("raw").unwrap().get("inferenceTypesSupported"), Some(&Bson::Null));
    let read = one(&database, "bench_discovery_runs", doc! {}).await;
    assert_eq!(
        (read.get_str("status").unwrap(), read.get_bool("pagination_complete").unwrap()),
        ("completed", true)
    );
    let partial = with(list, "pagination_complete", json!(false));
    assert_eq!(served.post("/ingest/catalog", &partial).json()["complete"], false);
    let reads = database.collection::<Document>("bench_discovery_runs");
    let complete = reads.count_documents(doc! { "pagination_complete": true }).await.unwrap();
    assert_eq!((complete, count(&database, "bench_discovery_runs").await), (1, 2));
    assert_eq!(served.config("bedrock").json()["models"], json!(["amazon.nova-pro-v1:0"]));
}

#[tokio::test]
async fn traps_6_and_7_the_work_list() {
    let (served, database) = on_mongod(&["--rate", "1", "--interval", "45"]).await;
    let told = served.config("bedrock");
    assert_eq!(told.status, 200);
    told.sound();
    // Not 45.0: the runner wants an integer.
    assert!(String::from_utf8_lossy(&told.body).contains("\"interval_minutes\":45,"), "{told:?}");
    let document = told.json();
    assert_eq!((&document["schema_version"], &document["provider"]), (&json!(1), &json!("bedrock")));
    assert_eq!(document["models"], json!(["amazon.nova-pro-v1:0"]));
    assert!(document["model_metadata"].is_object());
    // 503 with a time to wait, and never 429.
    let rest: Vec<Answer> = (0..5).map(|_| served.config("bedrock")).collect();
    assert!(rest.iter().any(|answer| answer.status == 503 && answer.code() == "rate_limited"));
    assert!(rest.iter().all(|answer| matches!(answer.status, 200 | 503)));
    drop(database);
}

#[tokio::test]
async fn a_change_of_the_catalog_is_in_force_within_seconds() {
    let (served, database) = on_mongod(&[]).await;
    let models = database.collection::<Document>("models");
    let metadata = doc! { "omit_temperature": true };
    let update = doc! { "$set": { "enabled": false, "metadata": metadata } };
    assert_eq!(served.post("/ingest", &result()).status, 200);
    models.update_many(doc! {}, update).await.unwrap();
    let start = std::time::Instant::now();
    while served.post("/ingest", &with(result(), "run_ts", json!(format!("{} 09:00:00", *DAY)))).status != 202
    {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(served.config("bedrock").json()["models"], json!([]));
}

#[tokio::test]
async fn trap_8_ids_are_compared_as_they_are_written() {
    let (served, _database) = on_mongod(&[]).await;
    let other_case = with(result(), "model_name", json!("Amazon.Nova-Pro-v1:0"));
    assert_eq!(served.post("/ingest", &other_case).status, 202);
    assert_eq!(served.config("Bedrock").json()["models"], json!([]));
}

#[tokio::test]
async fn a_metric_named_id_is_a_metric() {
    let (served, database) = on_mongod(&[]).await;
    assert_eq!(served.post("/ingest", &with(result(), "_id", json!("mine"))).status, 200);
    let row = one(&database, "metrics_cloud_v2", doc! {}).await;
    assert_ne!(row.get("_id"), Some(&Bson::from("mine")));
    assert_eq!(row.get_document("posted").unwrap().get_str("_id").unwrap(), "mine");
}

#[tokio::test]
async fn a_batch_is_answered_item_by_item() {
    let (served, database) = on_mongod(&[]).await;
    let id = "01K1J0000000000000000000RN";
    let own = with(result(), "_id", json!(id));
    let later = |second: u32| with(result(), "run_ts", json!(format!("{} 10:00:{second:02}", *DAY)));
    let items = json!([
        own,
        with(later(1), "model_name", json!("gone")),
        with(later(2), "tokens_per_second", json!(-1)),
        with(failure(), "_id", json!("01K1J0000000000000000000FL")),
        later(3),
        7,
        with(own.clone(), "output_tokens", json!(61)),
    ]);
    for body in [items.clone(), json!({"results": items})] {
        let told = served.post("/ingest/batch", &body);
        assert_eq!(told.status, 200, "{told:?}");
        let results = told.json()["results"].clone();
        let words: Vec<_> = results.as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
        assert_eq!(words, ["accepted", "rejected", "error", "accepted", "accepted", "error", "error"]);
        assert_eq!((&results[0]["id"], &results[0]["item"]), (&json!(id), &json!(0)));
        let flaw = &results[2]["error"];
        assert!(flaw["field"].as_str().unwrap().ends_with("[2].tokens_per_second"), "{flaw}");
        assert_eq!((&flaw["item"], &flaw["retryable"]), (&json!(2), &json!(false)));
        assert_eq!(results[6]["error"]["code"], "conflict");
    }
    assert_eq!((count(&database, "metrics_cloud_v2").await, count(&database, "errors_cloud").await), (2, 1));
    let row = one(&database, "metrics_cloud_v2", doc! { "_id": id }).await;
    assert!(matches!(row.get("output_tokens"), Some(Bson::Int32(60) | Bson::Int64(60))), "{row}");
}

#[tokio::test]
async fn a_hundred_equal_posts_at_once_are_one_row() {
    let (served, database) = on_mongod(&[]).await;
    let bytes = recorded("/ingest", &result().to_string());
    let told: Vec<Answer> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..100).map(|_| scope.spawn(|| served.send(&bytes))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(told.iter().all(|answer| answer.status == 200 && answer.json()["status"] == "accepted"));
    let new = told.iter().filter(|answer| answer.json()["duplicate"] == false).count();
    assert_eq!((new, count(&database, "metrics_cloud_v2").await), (1, 1));
    // Behind the answers: so many at once do not wait for it.
    let health = database.collection::<Document>("bench_model_health");
    let start = std::time::Instant::now();
    while health.count_documents(doc! { "last_success_at": { "$ne": null } }).await.unwrap() == 0 {
        assert!(start.elapsed() < PATIENCE, "{}", served.said());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_half() {
    let (served, database) = on_mongod(&[]).await;
    for second in 0..20 {
        let body = with(result(), "run_ts", json!(format!("{} 11:00:{second:02}", *DAY)));
        let mut stream = served.connect();
        stream.write_all(&recorded("/ingest", &body.to_string())).unwrap();
        drop(stream);
    }
    let start = std::time::Instant::now();
    while count(&database, "metrics_cloud_v2").await < 20 {
        assert!(start.elapsed() < PATIENCE, "{}", served.said());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (status, said) = served.stop();
    assert_eq!(status, Some(0));
    assert!(said.contains("20 stored"), "{said}");
}

#[tokio::test]
async fn a_frozen_database_is_503_and_a_post_after_it_is_stored() {
    let mongod = Mongod::start_private();
    let served = Served::on(Home::new(), mongod.uri("frozen"), &[]).await;
    mongod.freeze();
    let told = served.post("/ingest", &result());
    assert_eq!((told.status, told.code().as_str()), (503, "store_unavailable"));
    assert_eq!(served.config("bedrock").status, 503);
    let health = served.get("/health", "");
    assert_eq!((health.status, health.code().as_str()), (503, "unready"));
    assert_eq!(served.get("/livez", "").status, 200);
    mongod.thaw();
    let start = std::time::Instant::now();
    while served.post("/ingest", &result()).status != 200 {
        assert!(start.elapsed() < PATIENCE, "{}", served.said());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let database = mongod.database("frozen").await;
    assert_eq!(count(&database, "metrics_cloud_v2").await, 1);
}

#[tokio::test]
async fn keep_alive_goes_on_after_an_error() {
    let (served, _database) = on_mongod(&[]).await;
    let mut stream = served.connect();
    let token = format!("Authorization: Bearer {CONFIG_TOKEN}\r\n");
    for (bytes, status) in [
        (recorded("/ingest", "{}"), 422),
        (recorded("/ingest", &result().to_string()), 200),
        (request("GET", "/runner-config?provider=bedrock", &token, b""), 200),
        (request("GET", "/runner-config", &token, b""), 400),
    ] {
        stream.write_all(&bytes).unwrap();
        assert_eq!(answer(&mut stream).unwrap().status, status);
    }
}

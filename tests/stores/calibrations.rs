//! Calibrations of hosts, on every store: kept once and whole, found by host from an index.

use super::backend::Backend;
use crate::support::samples::{calibration, now};
use chrono::{TimeDelta, Utc};
use llmbench::domain::calibration::KeptCalibration;
use llmbench::storage::Store;
use mongodb::bson::{Document, doc};
use rusqlite::Connection;

#[tokio::test]
async fn sqlite_keeps_calibrations() {
    let backend = Backend::sqlite();
    tell(&backend).await;
    let file = backend.url().strip_prefix("sqlite:").unwrap().to_owned();
    let plan = "EXPLAIN QUERY PLAN SELECT doc FROM calibrations WHERE host = 'a' ORDER BY at_ms DESC, id DESC LIMIT 2";
    let connection = Connection::open(file).unwrap();
    let plan: String = connection.query_row(plan, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX calibrations_by_host"), "{plan}");
}

#[tokio::test]
async fn mongodb_keeps_calibrations() {
    let backend = Backend::mongo().await;
    tell(&backend).await;
    let Backend::Mongo(database) = backend else { panic!("it is one") };
    let row = database
        .collection::<Document>("bench_calibrations")
        .find_one(doc! { "_id": "3" })
        .await
        .unwrap()
        .unwrap();
    assert!(row.get_datetime("at").is_ok() && row.get_bool("may_publish").is_ok(), "{row}");
    assert!(row.get("id").is_none(), "it is `_id`: {row}");
    let find =
        doc! { "find": "bench_calibrations", "filter": { "host": "a" }, "sort": { "at": -1, "_id": -1 } };
    let plan = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
    let plan = plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string();
    assert!(plan.contains("host_1_at_-1") && !plan.contains("COLLSCAN"), "{plan}");
}

fn ids(found: &[KeptCalibration]) -> Vec<&str> {
    found.iter().map(|kept| kept.id.as_str()).collect()
}

async fn tell(backend: &Backend) {
    let store = backend.open(&["cloud-default-v1"]).await;
    let store: &dyn Store = &*store;
    store.init().await.unwrap();
    assert_eq!(store.newest_calibrations(now() - TimeDelta::days(9)).await.unwrap(), []);
    let made = |id: &str, host: &str, hours: i64, may_publish| {
        calibration(id, host, now() - TimeDelta::hours(hours), may_publish)
    };
    let all = [
        made("1", "a", 50, true),
        made("2", "a", 26, true),
        made("3", "a", 2, false),
        made("4", "b\u{1b}", 90, true),
    ];
    for one in &all {
        store.keep_calibration(one).await.unwrap();
    }
    // A second word about an id changes nothing, whoever says it.
    store.keep_calibration(&calibration("3", "other", Utc::now(), true)).await.unwrap();
    let found = store.calibrations("a", 2).await.unwrap();
    assert_eq!(
        found,
        [all[2].clone(), all[1].clone()],
        "whole, with fields of newer programs; the newest first"
    );
    assert_eq!(ids(&store.calibrations("a", 9).await.unwrap()), ["3", "2", "1"]);
    assert_eq!(store.calibrations("nobody", 9).await.unwrap(), []);
    let newest = store.newest_calibrations(now() - TimeDelta::days(9)).await.unwrap();
    assert_eq!(newest, [all[2].clone(), all[3].clone()]);
    assert_eq!(ids(&store.newest_calibrations(now() - TimeDelta::hours(30)).await.unwrap()), ["3"]);
    assert_eq!(store.newest_calibrations(now() - TimeDelta::hours(1)).await.unwrap(), []);
    // Two daemons of one host, of which one has calibrated twice.
    let of_daemon = |id: &str, name: &str, hours: i64| {
        let mut document = made(id, "a", hours, true).document;
        document.insert("runner".to_owned(), name.into());
        KeptCalibration::of(document).unwrap()
    };
    for one in [of_daemon("5", "tokyo", 5), of_daemon("6", "tokyo", 4), of_daemon("7", "oslo", 30)] {
        store.keep_calibration(&one).await.unwrap();
    }
    let newest = store.newest_calibrations(now() - TimeDelta::days(9)).await.unwrap();
    assert_eq!(ids(&newest), ["3", "7", "6", "4"]);
}

//! Every row is read once and in order, however its page ends.

use super::bulk::{Row, fill, row};
use crate::stores::backend::Backend;
use llmbench::domain::Window;
use llmbench::storage::Store;
use llmbench::storage::history::row_pages::{PAGE_ROWS, RowQuery, RowSource};
use llmbench::storage::history::{HistoryFilter, RunSeries};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::Value;

/// The ids of a question's rows, page by page.
async fn read(store: &dyn Store, scope: HistoryFilter, series: RunSeries) -> Vec<Vec<String>> {
    let mut pages = store.pages(RowQuery { table: RowSource::Runs(series), scope, fields: None });
    let mut found = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        let id = |text| serde_json::from_str::<Value>(text).unwrap()["_id"].as_str().unwrap().to_owned();
        found.push(page.rows().map(id).collect());
    }
    assert!(pages.next().await.unwrap().is_none(), "the end is the end");
    found
}

/// More rows than two pages hold, most of them at a few moments, in no order.
fn crowd() -> Vec<Row> {
    let crowd = |number: i64| {
        let model = if number % 3 == 0 { "groq:a" } else { "openai:b" };
        row(
            &format!("id-{:04}", number * 7 % 2311),
            model,
            if number % 2 == 0 { 100 } else { number * 31 % 9 },
        )
    };
    (0..2311).map(crowd).collect()
}

fn sorted(rows: &[Row], belongs: impl Fn(&Row) -> bool) -> Vec<String> {
    let key =
        |row: &Row| (row["run_ts"].as_str().unwrap().to_owned(), row["_id"].as_str().unwrap().to_owned());
    let mut keys: Vec<_> = rows.iter().filter(|row| belongs(row)).map(key).collect();
    keys.sort();
    keys.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn every_row_is_read_once_and_in_order() {
    let rows = crowd();
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(&["cloud-default-v1"]).await;
        store.init().await.unwrap();
        assert!(read(&*store, HistoryFilter::default(), RunSeries::Published).await.is_empty());
        fill(&backend, &rows, true).await;
        fill(&backend, &[row("probe", "groq:a", 3)], false).await;
        let pages = read(&*store, HistoryFilter::default(), RunSeries::Published).await;
        assert!(pages.len() >= 3 && pages.iter().all(|page| (1..=PAGE_ROWS).contains(&page.len())));
        assert_eq!(pages.concat(), sorted(&rows, |_| true));
        assert_eq!(read(&*store, HistoryFilter::default(), RunSeries::Probe).await.concat(), ["probe"]);
        let groq = HistoryFilter { provider: Some("groq".to_owned()), ..HistoryFilter::default() };
        let of_groq = |row: &Row| row["provider"] == "groq";
        assert_eq!(read(&*store, groq.clone(), RunSeries::Published).await.concat(), sorted(&rows, of_groq));
        let one = HistoryFilter { model: Some("a".to_owned()), ..groq };
        assert_eq!(read(&*store, one, RunSeries::Published).await.concat(), sorted(&rows, of_groq));
        let any = HistoryFilter { model: Some("b".to_owned()), ..HistoryFilter::default() };
        let of_b = |row: &Row| row["model_name"] == "b";
        assert_eq!(read(&*store, any, RunSeries::Published).await.concat(), sorted(&rows, of_b));
        let at = |seconds| Some(super::bulk::start() + chrono::TimeDelta::seconds(seconds));
        let window =
            HistoryFilter { window: Window { from: at(3), to: at(100) }, ..HistoryFilter::default() };
        let early = |row: &Row| {
            let seconds = row["run_ts"].as_str().unwrap()[17..19].parse::<i64>().unwrap();
            let minute = &row["run_ts"].as_str().unwrap()[14..16];
            minute == "00" && seconds >= 3
        };
        assert_eq!(read(&*store, window, RunSeries::Published).await.concat(), sorted(&rows, early));
    }
}

#[tokio::test]
async fn rows_of_other_writers_are_among_them_whatever_their_times_and_ids() {
    let backend = Backend::mongo().await;
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    let Backend::Mongo(database) = &backend else { panic!() };
    let at = Bson::DateTime(DateTime::from_millis(super::bulk::start().timestamp_millis()));
    let mut rows = vec![
        doc! { "_id": "timeless" },
        doc! { "_id": "written", "run_ts": "2026-08-01" },
        doc! { "_id": "future", "run_ts": DateTime::MAX },
    ];
    for number in 0..1500_u16 {
        let [high, low] = number.to_be_bytes();
        let id = ObjectId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low]);
        rows.push(doc! { "_id": id, "run_ts": at.clone(), "provider": "groq" });
        rows.push(doc! { "_id": format!("ours-{number:04}"), "run_ts": at.clone(), "provider": "groq" });
    }
    database.collection::<Document>("metrics_cloud_v2").insert_many(rows).await.unwrap();
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    let found = read(&*store, HistoryFilter::default(), RunSeries::Published).await.concat();
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    assert_eq!(found.len(), 3003);
    assert_eq!([found[0].as_str(), &found[1], &found[3002]], ["timeless", "written", "future"]);
    let mut once = found.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), 3003);

    let asked = doc! { "$or": [{ "command.find": { "$exists": true } }, { "op": "getmore" }] };
    let mut profile = database.collection::<Document>("system.profile").find(asked).await.unwrap();
    let mut questions = 0;
    while profile.advance().await.unwrap() {
        let question: Document = profile.deserialize_current().unwrap();
        assert!(question.get_str("planSummary").unwrap_or_default().starts_with("IXSCAN"), "{question}");
        assert!(!question.get_bool("hasSortStage").unwrap_or(false), "{question}");
        questions += 1;
    }
    assert!(questions >= 3, "{questions}");
}

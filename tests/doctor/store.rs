//! Stores in every state: missing, older, read-only, without indexes, without rights, with rows and entries of others.

use super::{KEY, asked, doctor};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use crate::support::ran::{ran, unprivileged};
use crate::support::samples::{run, success};
use mongodb::Client;
use mongodb::bson::{Bson, DateTime, Document, doc};
use std::os::unix::fs::PermissionsExt;

fn offline(home: &Home, store: &str) -> super::Said {
    asked(&mut doctor(home, &["--offline", "--store", store], &[]))
}

/// One question of the trait, on both stores.
#[tokio::test]
async fn a_new_store_is_in_order_on_both() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(&["cloud-default-v1"]).await;
        store.init().await.unwrap();
        put_model(&*store, &"sim:m".parse().unwrap(), "M", true).await.unwrap();
        store.record(&success(&run("r1", "sim", "m"))).await.unwrap();
        let facts = store.facts().await.unwrap();
        assert!(
            facts.outdated.is_none() && facts.clock.is_none_or(|clock| !clock.is_beyond(2.0)),
            "{facts:?}"
        );
        assert_eq!(store.index_faults().await.unwrap(), []);
        assert_eq!(store.rights().await.unwrap().lacking, []);
        let census = store.census().await.unwrap();
        assert!(census.iter().all(|one| one.odd.is_empty() && one.trouble.is_none()), "{census:?}");
        assert!(census.iter().map(|one| one.looked_at).sum::<u64>() >= 3, "run, model, health: {census:?}");
        let said = offline(&Home::new(), &backend.url());
        assert_eq!((said.ran.code, said.open()), (0, vec![]), "{:#}", said.document);
    }
}

#[tokio::test]
async fn a_series_that_a_cache_answers_is_told_with_the_way_out() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(&["cloud-default-v1"]).await;
        store.init().await.unwrap();
        for (id, model, cached) in [("r1", "m", 18), ("r2", "m", 16), ("r3", "fresh", 0)] {
            put_model(&*store, &format!("sim:{model}").parse().unwrap(), "M", true).await.ok();
            let mut run = run(id, "sim", model);
            (run.tokens.input_tokens, run.tokens.cached_input_tokens) = (Some(20), Some(cached));
            store.record(&success(&run)).await.unwrap();
        }
        let said = offline(&Home::new(), &backend.url());
        let (severity, sentence) = said.told("store", "prefix caches");
        assert!(severity == "note" && sentence.contains("rows of sim:m 85 %: their TTFT is"), "{sentence}");
        let fix = said.about("store", "prefix caches")["fix"].as_str().unwrap();
        assert!(fix.contains("`llmbench run sim:m --cache-bust -n 5`") && fix.contains("[daemon]"), "{fix}");
    }
}

#[tokio::test]
async fn missing_and_other_indexes_are_told_with_the_way_out() {
    let name = fresh_name();
    let database = Mongod::start().database(&name).await;
    let rows = database.collection::<Document>("errors_cloud");
    rows.insert_one(doc! { "a": 1 }).await.unwrap();
    let url = Mongod::start().uri(&name);
    let home = Home::new();
    let before = offline(&home, &url);
    let check = before.about("store", "indexes");
    assert_eq!(
        (&check["severity"], &check["heading"]),
        (&"finding".into(), &"Indexes are missing or differ".into())
    );
    assert!(check["fix"].as_str().unwrap().contains("`llmbench db init`"));
    assert_eq!(before.told("store", "rows of errors_cloud").0, "unknown", "{:#}", before.document);

    assert_eq!(ran(&mut home.llmbench(&["db", "init", "--store", &url])).code, 0);
    rows.delete_many(doc! {}).await.unwrap();
    assert_eq!(offline(&home, &url).ran.code, 0);

    rows.drop_index("ts_-1").await.unwrap();
    let other = doc! { "createIndexes": "errors_cloud", "indexes": [{ "key": { "ts": -1 }, "name": "ts_-1", "sparse": false, "unique": true }] };
    database.run_command(other).await.unwrap();
    let after = offline(&home, &url);
    let check = after.about("store", "index errors_cloud.ts_-1");
    assert!(check["sentence"].as_str().unwrap().contains("unique, on ts -1"), "{check}");
    assert!(check["fix"].as_str().unwrap().contains("dropIndex(\"ts_-1\")"), "{check}");

    rows.drop_index("received_at_1").await.unwrap();
    let whole = doc! { "createIndexes": "errors_cloud", "indexes": [{ "key": { "received_at": 1 }, "name": "received_at_1" }] };
    database.run_command(whole).await.unwrap();
    let again = offline(&home, &url);
    let check = again.about("store", "index errors_cloud.received_at_1");
    assert!(check["sentence"].as_str().unwrap().contains("on received_at 1"), "{check}");
}

#[tokio::test]
async fn rows_of_others_are_counted_by_field() {
    let name = fresh_name();
    let database = Mongod::start().database(&name).await;
    let url = Mongod::start().uri(&name);
    let home = Home::new();
    assert_eq!(ran(&mut home.llmbench(&["db", "init", "--store", &url])).code, 0);
    let runs = database.collection::<Document>("metrics_cloud_v2");
    let sound = |id: i32| {
        doc! { "_id": id, "provider": "groq", "model_name": "m", "run_ts": DateTime::now(),
        "gen_ts": DateTime::now(), "tokens_per_second": 1.5, "generate_time": 2.0, "new_field": { "x": 1 } }
    };
    let odd = |id: i32, field: &str, value: Bson| {
        let mut row = sound(id);
        row.insert(field, value);
        row
    };
    let mut nameless = sound(3);
    nameless.remove("model_name");
    let rows = [
        sound(1),
        odd(2, "run_ts", "2026-08-01 12:00:00".into()),
        nameless,
        odd(4, "tokens_per_second", Bson::Decimal128("1.5".parse().unwrap())),
        odd(5, "tokens_per_second", f64::NAN.into()),
        odd(6, "provider", 7.into()),
    ];
    runs.insert_many(rows).await.unwrap();
    let models = database.collection::<Document>("models");
    models
        .insert_many([
            doc! { "provider": "groq", "model_id": "Twin", "enabled": false, "display_name": "T" },
            doc! { "provider": "groq", "model_id": "twin", "enabled": true },
            doc! { "provider": "groq", "model_id": "odd\u{1b}[2J", "enabled": "yes" },
        ])
        .await
        .unwrap();
    let said = offline(&home, &url);
    let told = |subject: &str| said.told("store", subject).1.to_owned();
    assert_eq!(told("metrics_cloud_v2.run_ts"), "a text there in 1 of the newest 6 rows");
    assert_eq!(told("metrics_cloud_v2.model_name"), "missing in 1 of the newest 6 rows");
    assert_eq!(told("metrics_cloud_v2.provider"), "a number there in 1 of the newest 6 rows");
    assert_eq!(told("models.enabled"), "a text there in 1 of the newest 3 rows");
    let rates =
        said.of("store").into_iter().filter(|check| check["subject"] == "metrics_cloud_v2.tokens_per_second");
    assert_eq!(rates.count(), 2);
    assert_eq!(said.told("catalogue", "case duplicates").0, "note", "one of them is enabled");
    assert_eq!(said.told("catalogue", "display names").0, "finding");
    assert_eq!(said.told("catalogue", "odd names").0, "finding");
    let (severity, sentence) = said.told("providers", "groq");
    assert!(severity == "finding" && sentence.contains("no key, and 1 enabled model"), "{sentence}");
    assert!(!said.ran.out.contains('\u{1b}'));
}

#[tokio::test]
async fn a_login_without_rights_is_told_what_it_lacks() {
    let mongod = Mongod::start_with_user("root", "pw");
    let admin = format!("mongodb://root:pw@{}/?authSource=admin", mongod.address());
    let client = Client::with_uri_str(&admin).await.unwrap();
    let create = doc! { "createUser": "reader", "pwd": KEY, "roles": [{ "role": "read", "db": "bench" }] };
    client.database("admin").run_command(create).await.unwrap();
    let home = Home::new();
    let reader = format!("mongodb://reader:{KEY}@{}/bench?authSource=admin", mongod.address());
    let said = offline(&home, &reader);
    assert_eq!(said.told("store", "login"), ("ok", "reader@admin"));
    for (right, severity) in [("insert", "finding"), ("update", "finding"), ("createIndex", "note")] {
        assert_eq!(said.told("store", &format!("right to {right}")).0, severity);
    }
    let check = said.about("store", "right to insert");
    assert!(check["fix"].as_str().unwrap().contains("grantRolesToUser(\"reader\""), "{check}");
    let collections = client.database("bench").list_collection_names().await.unwrap();
    assert_eq!(collections, Vec::<String>::new(), "looking leaves nothing behind");
    assert_eq!(said.told("store", "shape").1.split(':').next(), Some("standalone server"));

    let nobody = offline(&home, &format!("mongodb://{}/bench", mongod.address()));
    assert!(nobody.told("store", "right to find").1.contains("wants a login"));
    let wrong = offline(&home, &format!("mongodb://root:{KEY}@{}/bench?authSource=admin", mongod.address()));
    assert_eq!(wrong.about("store", "reached")["heading"], "The store refuses the login");
    let writer = doc! { "updateUser": "reader", "roles": [{ "role": "readWrite", "db": "bench" }] };
    client.database("admin").run_command(writer).await.unwrap();
    assert_eq!(offline(&home, &reader).told("store", "rights").0, "ok");
}

#[test]
fn a_frozen_server_does_not_hold_the_doctor() {
    let mongod = Mongod::start_private();
    mongod.freeze();
    let said = offline(&Home::new(), &mongod.uri("bench"));
    let (severity, _) = said.told("store", "reached");
    assert!(["finding", "unknown"].contains(&severity), "{:#}", said.document);
    assert_eq!((said.told("catalogue", "models").0, said.ran.code), ("unknown", 1));
}

#[test]
fn an_older_file_is_told_and_not_touched() {
    let home = Home::new();
    let path = home.path().join("old.db");
    assert_eq!(home.ran(&["db", "init", "--store", "sqlite:old.db"]).code, 0);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("DROP INDEX errors_by_time; PRAGMA user_version = 2;").unwrap();
    drop(connection);
    let said = offline(&home, "sqlite:old.db");
    assert_eq!(said.about("store", "tables")["heading"], "The store is of another version");
    assert!(said.told("store", "indexes").1.contains("errors.errors_by_time"), "{:#}", said.document);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
    drop(connection);
    let beside: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(beside, ["old.db"], "nothing is left beside it");
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    assert_eq!(
        offline(&home, "sqlite:old.db").about("store", "reached")["heading"],
        "The store is of another version"
    );
    std::fs::write(&path, "no database at all, but long enough to be read as one").unwrap();
    assert_eq!(offline(&home, "sqlite:old.db").told("store", "reached").0, "finding");
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let home = Home::new();
    assert_eq!(home.ran(&["db", "init", "--store", "sqlite:r.db"]).code, 0);
    let path = home.path().join("r.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let mut command = doctor(&home, &["--offline", "--store", "sqlite:r.db"], &[]);
    let said = asked(unprivileged(&mut command));
    let open = said.open();
    assert!(open.contains(&("finding", "rights")) || open.contains(&("finding", "reached")), "{open:?}");
}

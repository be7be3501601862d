//! `run --paired`: cold and warm in turn, two rows a pair, and what connecting costs.

use super::output::schema_check::violations;
use crate::raw_server::{play, play_each};
use crate::support::Home;
use crate::support::answers::{CANARY, calling, plain, sound};
use crate::support::catalog::put_model;
use crate::support::forward_proxy::{ForwardProxy, Manner};
use crate::support::ran::{QUICK, Ran, ran};
use llmbench::domain::ModelRef;
use llmbench::storage::{CollectionNames, StoreLocation, open};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Row = Map<String, Value>;

/// Rows by pair, each in the order of its requests.
fn pairs(rows: &[Row]) -> BTreeMap<String, Vec<Row>> {
    let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        found.entry(row["pair_id"].as_str().unwrap().to_owned()).or_default().push(row.clone());
    }
    found.values_mut().for_each(|pair| pair.sort_by_key(|row| row["pair_position"].as_u64()));
    found
}

#[test]
fn what_connecting_costs_is_measured() {
    const COST: f64 = 0.3;
    let proxy = ForwardProxy::start(Manner::Late(Duration::from_secs_f64(COST)));
    let home = Home::new();
    let folder = home.path().join("config/llmbench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[providers.openai]\nallow_plain_http = true\n").unwrap();
    let base = format!("http://api.test:{}/v1", play(sound()).port());
    let asked = |more: &[&str]| -> Ran {
        let arguments = ["run", "-m", "openai:gpt-4o", "--paired", "-n", "8", "--proxy", &proxy.url()];
        let mut command = home.llmbench(&[&arguments[..], more].concat());
        ran(command.env("OPENAI_API_KEY", CANARY).env("OPENAI_BASE_URL", &base))
    };
    let json = asked(&["--json"]);
    let document: Value = serde_json::from_str(&json.out).unwrap_or_else(|_| panic!("{json:?}"));
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema/run.schema.json")).unwrap();
    assert_eq!(violations(&schema, &document), [""; 0]);
    assert_eq!(
        (&document["settings"]["connection"], &document["load"]["planned"]),
        (&"paired".into(), &8.into())
    );
    let model = &document["models"][0];
    assert_eq!((json.code, &model["successes"]), (0, &16.into()), "{json:?}");
    let pairs = &model["pairs"];
    let count = |name: &str| pairs[name].as_u64().unwrap();
    assert_eq!((count("n") + count("suspect"), count("incomplete")), (8, 0), "{pairs}");
    let of = |name: &str, statistic: &str| pairs[name][statistic].as_f64();
    let interval = &pairs["ttft_difference"]["p50_interval_95"];
    assert_eq!(interval.is_object(), count("n") >= 6, "{pairs}");
    if count("n") > 0 {
        assert!(of("ttft_cold", "min") >= Some(COST), "no cold request is spared the price: {pairs}");
        // A warm request would have to be late by as much to hide it, in half of the pairs.
        assert!(of("ttft_difference", "p50") > Some(COST / 2.0), "{pairs}");
    }
    if count("suspect") == 0 {
        assert_eq!(
            model["metrics"]["ttft"]["min"], pairs["ttft_cold"]["min"],
            "figures are the cold halves'"
        );
    }
    let gates = ["--json", "--fail-if", "ttft_difference_p50>100ms", "--fail-if", "ttft_difference_p50>60s"];
    let gated = asked(&gates);
    let document: Value = serde_json::from_str(&gated.out).unwrap_or_else(|_| panic!("{gated:?}"));
    let verdicts: Vec<&Value> =
        document["gates"].as_array().unwrap().iter().map(|gate| &gate["verdict"]).collect();
    let known = document["models"][0]["pairs"]["n"].as_u64() > Some(0);
    let expected = if known { ["tripped", "passed"] } else { ["no_data", "no_data"] };
    assert_eq!((gated.code, verdicts), (1, expected.map(Value::from).iter().collect()), "{gated:?}");
    for row in home.rows("runs") {
        let (cold, connect) = (row["connection"] == "cold", row["connect_seconds"].as_f64());
        assert_eq!(connect.map(|seconds| seconds >= COST), cold.then_some(true), "{row:?}");
    }
    let text = asked(&["--no-store"]);
    for words in ["a new and an open connection by turns", "Cold and warm, in pairs", "COLD - WARM"] {
        assert!(text.out.contains(words), "{words}: {}", text.out);
    }
}

#[tokio::test]
async fn both_halves_are_rows_one_after_the_other_and_only_the_cold_one_is_published() {
    let home = Home::new();
    let location = StoreLocation::parse(home.database().to_str().unwrap()).unwrap();
    std::fs::create_dir_all(home.database().parent().unwrap()).unwrap();
    let store = open(&location, &CollectionNames::default(), &["cloud-default-v1".to_owned()]).await.unwrap();
    store.init().await.unwrap();
    put_model(&*store, &QUICK.parse::<ModelRef>().unwrap(), "quick", true).await.unwrap();
    let ran = home.ran(&["run", "--paired", "-n", "12", "--ndjson", "--csv", "rows.csv", "--model", QUICK]);
    let lines = ran.lines();
    assert_eq!((ran.code, lines.len(), home.rows("runs").len()), (0, 24, 24), "{ran:?}");
    let ids: BTreeSet<_> = lines.iter().map(|line| line["_id"].to_string()).collect();
    let found = pairs(&lines);
    assert_eq!((ids.len(), found.len()), (24, 12));
    let at =
        |row: &Row, name: &str| chrono::DateTime::parse_from_rfc3339(row[name].as_str().unwrap()).unwrap();
    for pair in found.values() {
        let [first, second] = &pair[..] else { panic!("{pair:?}") };
        assert_eq!((&first["pair_position"], &second["pair_position"]), (&1.into(), &2.into()));
        assert!(at(second, "run_ts") >= at(first, "gen_ts"), "never at once: {pair:?}");
        assert_ne!(first["connection"], second["connection"]);
        for row in pair {
            let expected = if row["connection"] == "cold" { "published" } else { "counterpart" };
            assert_eq!(row["sample_role"], expected, "{row:?}");
        }
    }
    let exported = home.ran(&["results", "export", "--format", "ndjson"]);
    assert_eq!(exported.lines().len(), 24);
    for row in exported.lines() {
        let publishable = row["connection"] == "cold" && row["suspect"] == false;
        assert_eq!(row["published"], publishable, "{row:?}");
    }
    let mut sheet = csv::Reader::from_path(home.path().join("rows.csv")).unwrap();
    let mut column = |name: &str| sheet.headers().unwrap().iter().position(|title| title == name).unwrap();
    let (id, position) = (column("pair_id"), column("pair_position"));
    let in_sheet: BTreeSet<(String, String)> =
        sheet.records().map(|row| row.unwrap()).map(|row| (row[id].into(), row[position].into())).collect();
    assert_eq!(in_sheet.len(), 24, "every place of every pair, once");
}

#[test]
fn a_pair_with_a_half_that_fails_is_incomplete_and_counted() {
    let requests = AtomicUsize::new(0);
    let refusal = plain("500 Internal Server Error", "", "{\"error\":{\"message\":\"it broke\"}}");
    let address = play_each(move || match requests.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => sound(),
        _ => refusal.clone(),
    });
    let home = Home::new();
    let ran = ran(&mut calling(&home, address, &["--paired", "-n", "3", "--json"]));
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let model = &document["models"][0];
    assert_eq!((ran.code, &model["successes"], &model["failed"]), (1, &3.into(), &3.into()), "{ran:?}");
    let pairs_said = &model["pairs"];
    assert_eq!((&pairs_said["n"], &pairs_said["incomplete"]), (&0.into(), &3.into()));
    assert!(pairs_said["ttft_difference"]["p50"].is_null(), "nothing was seen: {pairs_said}");
    let rows = [home.rows("runs"), home.rows("errors")].concat();
    let found = pairs(&rows);
    assert_eq!((rows.len(), found.len()), (6, 3));
    for pair in found.values() {
        let kinds: Vec<bool> = pair.iter().map(|row| row.contains_key("error_kind")).collect();
        assert_eq!(kinds, [false, true], "the second of each pair failed: {pair:?}");
    }
}

#[test]
fn a_pause_that_is_asked_for_ends_the_pair() {
    let lines = |more: &[&str]| {
        let requests = AtomicUsize::new(0);
        let body = "{\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}";
        let refusal = plain("429 Too Many Requests", "retry-after: 1\r\n", body);
        let address =
            play_each(
                move || if requests.fetch_add(1, Ordering::SeqCst) == 0 { refusal.clone() } else { sound() },
            );
        let arguments = [&["--paired", "-n", "2", "--ndjson", "--no-store"], more].concat();
        ran(&mut calling(&Home::new(), address, &arguments)).lines()
    };
    let sizes = |lines: &[Row]| {
        let mut sizes: Vec<usize> = pairs(lines).values().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&lines(&[])), [1, 2]);
    assert_eq!(sizes(&lines(&["--no-wait"])), [2, 2]);
}

#[test]
fn without_the_flag_a_row_is_of_no_pair() {
    let home = Home::new();
    let line = home.measured(QUICK);
    assert!(line["pair_id"].is_null() && line["pair_position"].is_null(), "{line:?}");
    let failed = home.measured("sim:error500");
    assert!(failed["pair_id"].is_null() && failed.contains_key("pair_position"), "{failed:?}");
}

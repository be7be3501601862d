//! `llmbench calibrate` against its own simulator process: what it says, keeps and answers.

use crate::stores::backend::Backend;
use crate::support::Home;
use serde_json::{Value, json};
use std::fs;

/// A calibration that is quick, however much it says.
const QUICK: &[&str] = &["calibrate", "--streams", "1,8", "--no-stress"];

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_calibration_has_figures_for_each_way_and_rows_name_it() {
    let home = Home::new();
    let said = home.ran(&[QUICK, &["--json"]].concat());
    assert!([0, 1].contains(&said.code), "{said:?}");
    let told = document(&said.out);
    assert_eq!(
        (&told["schema"], &told["may_publish"]),
        (&json!("llmbench.calibrate/1"), &json!(said.code == 0))
    );
    let cells = told["cells"].as_array().unwrap();
    let ways: Vec<_> = cells.iter().map(|cell| (cell["tls"].clone(), cell["streams"].clone())).collect();
    let (plain, tls) = (json!(false), json!(true));
    assert_eq!(
        ways,
        [(plain.clone(), json!(1)), (plain, json!(8)), (tls.clone(), json!(1)), (tls, json!(8))]
    );
    for cell in cells {
        assert_eq!((&cell["runs"], &cell["failed"]), (&json!(40), &json!(0)), "{cell}");
        let ttft = &cell["ttft"];
        assert!(ttft["mean_low"].as_f64() <= ttft["mean"].as_f64(), "{cell}");
        assert!(ttft["mean"].as_f64().unwrap() > -0.001, "nothing is measured before it happened: {cell}");
    }
    let kept = document(&fs::read_to_string(home.path().join("state/llmbench/calibration.json")).unwrap());
    assert_eq!(kept, told);
    let row = home.measured("sim:steady-ttft2-gap1-n4");
    assert_eq!(row["calibration_id"], told["id"]);
    assert!(said.err.contains("not stored: there is no database yet"), "{said:?}");
    assert!(!home.database().exists(), "nobody asked for one");
}

/// One cell of it is enough where the figures do not count.
const ONE: &[&str] = &["calibrate", "--streams", "1", "--no-stress", "--no-tls", "--json"];

fn waiting(home: &Home) -> usize {
    fs::read_dir(home.path().join("state/llmbench/calibrations")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_calibration_is_stored_under_its_id_and_one_whose_store_is_away_waits_for_the_next() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let home = Home::new();
        let away = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300";
        let first = home.ran(&[ONE, &["--store", away]].concat());
        assert!([0, 1].contains(&first.code) && first.err.contains("not stored: "), "{first:?}");
        assert!(first.err.contains("the next calibration, or the start of a daemon, stores it"), "{first:?}");
        assert_eq!(waiting(&home), 1);
        let second = home.ran(&[ONE, &["--store", &backend.url()]].concat());
        assert!([0, 1].contains(&second.code) && second.err.contains("stored in "), "{second:?}");
        assert_eq!(waiting(&home), 0);
        let told = [document(&second.out), document(&first.out)];
        let store = backend.open(&["cloud-default-v1"]).await;
        let host = told[0]["host"].as_str().unwrap();
        let stored = store.calibrations(host, 9).await.unwrap();
        let stored: Vec<Value> = stored.into_iter().map(|kept| Value::Object(kept.document)).collect();
        assert_eq!(stored, told, "whole, the newest first");
        for nothing in [&["--no-save"][..], &["--slow-clock", "40"]] {
            let kept = home.ran(&[ONE, &["--store", &backend.url()], nothing].concat());
            assert!([0, 1].contains(&kept.code) && !kept.err.contains("stored"), "{kept:?}");
        }
        assert_eq!(store.calibrations(host, 9).await.unwrap().len(), 2);
    }
}

#[test]
fn behind_a_bridge_a_calibration_stays_here() {
    let home = Home::new();
    let said = home.ran(&[ONE, &["--store", "https://bridge.test"]].concat());
    assert!([0, 1].contains(&said.code), "{said:?}");
    assert!(said.err.contains("behind a bridge, so the figures stay in the state directory"), "{said:?}");
    assert!(home.path().join("state/llmbench/calibration.json").exists() && waiting(&home) == 0);
}

/// Stopped for half of the time, the measuring thread connects and sends late, which no stamp can mend.
#[test]
fn a_slowed_clock_turns_the_verdict() {
    let home = Home::new();
    let said = home.ran(&[QUICK, &["--no-tls", "--slow-clock", "40", "--no-save"]].concat());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("This host should not publish"), "{said:?}");
    assert!(!home.path().join("state/llmbench/calibration.json").exists());
    assert_eq!(home.measured("sim:steady-ttft2-gap1-n4")["calibration_id"], Value::Null);
}

#[test]
fn a_file_that_is_no_calibration_names_none() {
    let home = Home::new();
    let directory = home.path().join("state/llmbench");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("calibration.json"), "{\"id\": 7").unwrap();
    assert_eq!(home.measured("sim:steady-ttft2-gap1-n4")["calibration_id"], Value::Null);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let home = Home::new();
    let nothing = home.path().join("nothing.pem");
    let said = home.ran(&[
        "sim",
        "serve",
        "--tls-cert",
        nothing.to_str().unwrap(),
        "--tls-key",
        nothing.to_str().unwrap(),
    ]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("nothing.pem"), "{said:?}");
}

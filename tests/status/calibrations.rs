//! What `status` and `doctor` say of calibrations: of this host from its state directory or the store, of other hosts from
//! the store, and what a daemon's pulse says.

use super::world::{World, ago, pulse, worlds};
use crate::support::ran::ran;
use crate::support::samples::calibration;
use llmbench::domain::calibration::{CalibrationReport, KeptCalibration};
use serde_json::{Value, json};

const NEVER: &str =
    "This host was never calibrated, so nobody knows how wrong its figures are: llmbench calibrate";

/// A store in which nothing is wrong.
async fn well(world: &World) {
    world.enable("groq:a").await;
    world.succeed("groq:a", 1).await;
}

fn keep(world: &World, kept: &KeptCalibration) {
    std::fs::create_dir_all(world.state_dir()).unwrap();
    let document = Value::Object(kept.document.clone());
    std::fs::write(world.state_dir().join("calibration.json"), document.to_string()).unwrap();
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The doctor's check.
fn doctor(world: &World) -> Value {
    let said =
        ran(&mut world.home.llmbench(&["doctor", "--offline", "--json", "--store", &world.backend.url()]));
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["subject"] == "calibration").unwrap().clone()
}

#[tokio::test]
async fn this_host_is_told_with_its_age_and_its_error_and_others_beside_it() {
    for world in worlds().await {
        well(&world).await;
        let none = world.ask(&[]);
        assert!(squeezed(&none.out).contains(NEVER), "{}", none.out);
        assert_eq!(world.document(&[])["calibrations"], json!({"here": null, "hosts": []}));
        let check = doctor(&world);
        assert_eq!(check["severity"], "note", "{check}");
        assert!(check["fix"].as_str().unwrap().contains("`llmbench calibrate --short`"), "{check}");

        keep(&world, &calibration("01A", "here", ago(200), true));
        world.store.keep_calibration(&calibration("01B", "other", ago(30), false)).await.unwrap();
        let gone = calibration("01C", "gone", ago(20 * 24 * 60), true);
        world.store.keep_calibration(&gone).await.unwrap();
        let told = world.ask(&[]);
        let said = squeezed(&told.out);
        assert!(said.contains("here 3 h ago +0.21 ms +0.42 ms yes 2"), "{}", told.out);
        assert!(said.contains("other 30 min ago +4.00 ms +8.00 ms no 2"), "{}", told.out);
        assert!(!said.contains("gone") && !said.contains("never calibrated"), "{}", told.out);
        let document = world.document(&[]);
        let here = &document["calibrations"]["here"];
        assert_eq!((&here["id"], &here["standing"]), (&json!("01A"), &json!("good")), "{here}");
        assert_eq!(here["ttft_error_mean"], json!(0.000_21), "{here}");
        assert!((200 * 60..260 * 60).contains(&here["age_seconds"].as_i64().unwrap()), "{here}");
        let hosts = document["calibrations"]["hosts"].as_array().unwrap();
        assert_eq!((hosts.len(), &hosts[0]["standing"]), (1, &json!("unfit")), "{hosts:?}");
        assert_eq!(world.causes(&[]), Vec::<String>::new(), "another host is not this one's trouble");
        let check = doctor(&world);
        assert_eq!((&check["severity"], &check["fix"]), (&json!("ok"), &Value::Null), "{check}");
    }
}

#[tokio::test]
async fn a_host_that_should_not_publish_is_a_trouble_and_an_old_calibration_is_a_warning() {
    for world in worlds().await {
        well(&world).await;
        keep(&world, &calibration("01A", "here", ago(90), false));
        assert_eq!(world.causes(&[]), ["degraded host_unfit calibration"]);
        let told = world.ask(&[]);
        assert_eq!(told.code, 0, "{told:?}");
        let sentence = "degraded: here: This host should not publish: with 2 streams at once, TTFT is 4.0 ms off in the mean";
        assert!(squeezed(&told.out).contains(sentence), "{}", told.out);
        assert!(squeezed(&told.out).contains("\"This host should not publish\""), "{}", told.out);
        let check = doctor(&world);
        assert_eq!(check["severity"], "finding", "{check}");

        keep(&world, &calibration("01B", "here", ago(4 * 24 * 60), true));
        assert_eq!(world.causes(&[]), Vec::<String>::new());
        let told = squeezed(&world.ask(&[]).out);
        assert!(told.contains("yes, but old"), "{told}");
        assert!(told.contains("The calibration of this host is old: llmbench calibrate --short"), "{told}");
        let check = doctor(&world);
        assert_eq!(check["severity"], "note", "{check}");
        std::fs::write(world.state_dir().join("calibration.json"), "{\"id\": 7").unwrap();
        assert!(squeezed(&world.ask(&[]).out).contains(NEVER), "what is no calibration is none");
    }
}

#[tokio::test]
async fn a_daemons_pulse_tells_of_its_host_and_of_tries_that_fail() {
    for world in worlds().await {
        well(&world).await;
        let newest = calibration("01A", "far", ago(5 * 24 * 60), true).summary();
        let failure = Some("the simulator does not start".to_owned());
        let report = CalibrationReport { daily: true, newest: Some(newest), failure };
        let mut told = pulse();
        told.calibration = Some(report.clone());
        world.pulse(&told);
        let checked = world.ask(&["--check"]);
        let said = "degraded: the newest calibration of this host is 5 d old: the simulator does not start (llmbench calibrate \
                    --short; TROUBLESHOOTING.md, \"This host should not publish\")\n";
        assert_eq!((checked.code, checked.out.as_str()), (0, said));
        told.calibration = Some(CalibrationReport { daily: false, ..report.clone() });
        world.pulse(&told);
        assert_eq!(world.ask(&["--check"]).out, "", "nobody wants a new one");
        // The same of a daemon that is elsewhere, from its heartbeat.
        let unfit = calibration("01B", "far", ago(5), false).summary();
        let mut elsewhere = pulse();
        elsewhere.calibration = Some(CalibrationReport { newest: Some(unfit), ..report });
        let mut details = json!(elsewhere);
        details["owner"] = json!("elsewhere");
        world.heartbeat("daemon:main:elsewhere", 0, details).await;
        let causes = world.causes(&[]);
        assert_eq!(causes, ["degraded host_unfit calibration"]);
    }
}

#[tokio::test]
async fn without_a_state_directory_the_store_knows_this_host() {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for world in worlds().await {
        well(&world).await;
        world.store.keep_calibration(&calibration("01A", &host, ago(60 * 24 * 60), true)).await.unwrap();
        let document = world.document(&[]);
        assert_eq!(document["calibrations"]["here"]["id"], "01A", "{document}");
        assert_eq!(document["calibrations"]["hosts"], json!([]));
    }
}

//! `llmbench daemon` with a bridge as its store.

use super::world::{QUICK, World};
use crate::catalog::servers::{Server, json};
use crate::daemon::world::{Daemon, until};
use crate::support::peers::Mongod;
use crate::support::proxy::Fault;
use crate::support::ran::ran;
use crate::support::samples::calibration;
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const OTHER: &str = "steady-ttft3-gap1-n5";

fn models(world: &World) -> BTreeSet<String> {
    world.rows().iter().map(|row| row["model_name"].as_str().unwrap().to_owned()).collect()
}

fn series(daemon: &Daemon) -> Option<u64> {
    daemon.lane("alpha")?["series"].as_u64()
}

#[test]
fn the_work_list_is_followed_and_each_slot_has_one_row() {
    let world = World::new(&[QUICK], "[daemon]\ncadence = 2\ntick = 0.5");
    let daemon = Daemon::logged(world.daemon(&[]), world.state());
    until("rows of two slots", || world.rows().len() >= 2);
    world.enable(OTHER, true);
    until("the other model has its rows", || models(&world).contains(OTHER));
    world.enable(QUICK, false);
    until("one model is left", || series(&daemon) == Some(1));
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("measuring for http://") && said.contains("at vantage far"), "{said}");
    let counted: Vec<String> = (world.rows().iter())
        .filter(|row| row["suspect"] == false && row["sample_role"] == "published")
        .map(|row| {
            let id = row["_id"].as_str().unwrap().to_owned();
            let slot = format!("/cloud-default-v1/far/{}", row["slot_at"].as_str().unwrap());
            assert!(id.ends_with(&slot), "{id}");
            id
        })
        .collect();
    assert_eq!(counted.len(), counted.iter().collect::<BTreeSet<_>>().len());
    assert!(world.state().join("runner.db").exists() && world.state().join("worklist.json").exists());
}

#[test]
fn a_daemon_whose_bridge_is_away_measures_on_and_delivers_later() {
    let world = World::new(&[QUICK], "[daemon]\ncadence = 2\ntick = 0.5");
    let made = calibration("01A", "inside", Utc::now() - TimeDelta::hours(1), false);
    fs::create_dir_all(world.state()).unwrap();
    fs::write(world.state().join("calibration.json"), Value::Object(made.document).to_string()).unwrap();
    let first = Daemon::logged(world.daemon(&[]), world.state());
    until("a row", || !world.rows().is_empty());
    let status = || {
        let said = ran(&mut world.home.llmbench(&["status", "--json", "--store", &world.bridge.url]));
        serde_json::from_str::<Value>(&said.out).unwrap_or_else(|_| panic!("{said:?}"))
    };
    until("the database knows what the runner's host says of itself", || {
        let hosts = status()["calibrations"]["hosts"].clone();
        hosts[0]["id"] == "01A" && hosts[0]["ttft_error_mean"] == 0.004 && hosts[0]["standing"] == "unfit"
    });
    assert_eq!(first.stop().0, 0);
    world.proxy.plan(|_| Fault::LoseRequest);
    let before = world.rows().len();
    let second = Daemon::logged(world.daemon(&["--grace", "1s"]), world.state());
    until("rows wait, and the bridge is said to be away", || {
        second.pulse().is_some_and(|pulse| {
            pulse["outbox"]["pending"].as_u64() >= Some(2) && pulse["store"]["error"].is_string()
        })
    });
    assert_eq!(world.rows().len(), before);
    let status = world.ran(&["status"]);
    assert!(status.out.contains("http://") && !status.out.contains("is a bridge:"), "{status:?}");
    world.proxy.plan(|_| Fault::None);
    until("they are delivered", || {
        world.rows().len() >= before + 2
            && second.pulse().is_some_and(|pulse| pulse["store"]["error"].is_null())
    });
    let told = world.proxy.heads();
    let backlog = told.iter().filter_map(|head| {
        head.lines().find_map(|line| line.strip_prefix("x-llmbench-backlog: ")?.parse::<u64>().ok())
    });
    assert!(backlog.max() >= Some(1), "the bridge hears how many rows wait");
    assert_eq!(second.stop().0, 0);
}

#[test]
fn a_pair_passes_the_bridge_and_its_counterpart_is_not_published() {
    let world = World::new(&[QUICK], "[daemon]\ncadence = 2\ntick = 0.5\n[profiles.default]\npaired = true");
    let daemon = Daemon::logged(world.daemon(&[]), world.state());
    let pairs_of = |role: &str| -> BTreeSet<(String, u64)> {
        let rows = world.rows().into_iter().filter(|row| row["sample_role"] == role);
        let rows = rows.filter(|row| row["pair_id"].is_string());
        rows.map(|row| (row["pair_id"].as_str().unwrap().to_owned(), row["pair_position"].as_u64().unwrap()))
            .collect()
    };
    until("both halves of a pair have arrived", || {
        let warm = pairs_of("counterpart");
        pairs_of("published").into_iter().any(|(id, position)| warm.contains(&(id, 3 - position)))
    });
    assert_eq!(daemon.stop().0, 0);
    let published = crate::support::documents::rows(Mongod::start(), &world.database, &["metrics_cloud_v2"]);
    assert!(!published.is_empty());
    assert!(published.iter().all(|row| row["connection"] == "cold" && row["sample_role"] == "published"));
}

#[test]
fn a_canary_is_asked_by_the_work_list_and_its_answer_passes_the_bridge() {
    let world = World::new(&[QUICK], "");
    let store = Mongod::start().uri(&world.database);
    let model = format!("alpha:{QUICK}");
    let set = ["models", "set", &model, "--canary", "on", "--store", &store];
    assert_eq!(ran(&mut world.home.llmbench(&set)).code, 0);
    let daemon = Daemon::logged(world.daemon(&[]), world.state());
    let canaries = || {
        let rows = world.rows().into_iter().filter(|row| row["sample_role"] == "canary");
        rows.collect::<Vec<_>>()
    };
    until("the answer has arrived", || !canaries().is_empty());
    assert_eq!(daemon.stop().0, 0);
    for row in canaries() {
        assert_eq!(
            (&row["benchmark_profile_id"], &row["system_fingerprint"]),
            (&"canary-v1".into(), &"fp_simulator".into())
        );
        assert!(row["answer_text"].as_str().unwrap().starts_with("Once upon"), "{row:?}");
        let logprobs = row["answer_logprobs"].as_array().unwrap();
        assert!(
            !logprobs.is_empty() && logprobs.iter().all(|logprob| logprob.as_f64() == Some(-0.125)),
            "{row:?}"
        );
    }
    let published = crate::support::documents::rows(Mongod::start(), &world.database, &["metrics_cloud_v2"]);
    assert!(published.iter().all(|row| row["sample_role"] == "published"));
}

#[test]
fn a_refused_key_ends_the_work_and_is_said() {
    let world = World::new(&[QUICK], "[daemon]\ncadence = 2\ntick = 0.5");
    let daemon = Daemon::logged(world.daemon(&[]), world.state());
    until("a row", || !world.rows().is_empty());
    world.proxy.plan(|_| Fault::Foreign(401, "", ""));
    until("no model is measured any more, and why is said", || {
        let error = daemon.pulse().and_then(|pulse| Some(pulse["store"]["error"].as_str()?.to_owned()));
        series(&daemon) == Some(0) && error.is_some_and(|error| error.contains("refuses the key"))
    });
    let (code, said) = daemon.stop();
    assert_eq!(code, 0, "{said}");
    let once = world.daemon(&["--once"]).output().unwrap();
    assert_eq!(once.status.code(), Some(2), "{once:?}");
}

#[test]
fn quirks_and_the_cadence_come_from_the_bridge_and_a_dry_run_asks_it() {
    let list = r#"{"schema_version":1,"provider":"alpha","interval_minutes":7,"models":["steady-ttft2-gap1-n4"],
        "model_metadata":{"steady-ttft2-gap1-n4":{"omit_temperature":true,"note":"x"}}}"#;
    let world = World::new(&[QUICK], "");
    world
        .proxy
        .plan(move |line| if line.starts_with("GET") { Fault::Foreign(200, "", list) } else { Fault::None });
    let due = world.daemon(&["--dry-run"]).output().unwrap();
    let said = String::from_utf8(due.stdout).unwrap();
    assert!(said.contains("7 min") && said.contains(QUICK), "{said}");
    assert!(!world.state().join("runner.db").exists(), "a look creates nothing");
    let run = world.ran(&["run", "--provider", "alpha", "--quiet", "--ndjson"]);
    assert_eq!(run.code, 0, "{run:?}");
    let misc: Value = serde_json::from_str(r#"{"omit_temperature":true,"note":"x"}"#).unwrap();
    assert_eq!(world.rows()[0]["misc"], misc);
}

#[test]
fn nothing_is_asked_but_the_bridge_and_the_provider() {
    let world = World::new(&[QUICK], "[daemon]\ncadence = 1\ntick = 0.5");
    let mut command = world.daemon(&[]);
    // Would be an error at the start, if anybody read it.
    command.env("MONGODB_URI", "mongodb://canary:canary@127.0.0.1:1/canary?serverSelectionTimeoutMS=100");
    let daemon = Daemon::logged(command, world.state());
    let simulator = world.simulator.base_url().rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let allowed = BTreeSet::from([world.proxy.address.port(), simulator]);
    let mut met = BTreeSet::new();
    until("three rows", || {
        met.extend(peers(daemon.child.id()));
        world.rows().len() >= 3
    });
    let (code, said) = daemon.stop();
    assert!(code == 0 && !said.contains("canary"), "{said}");
    assert!(met.is_subset(&allowed) && met.contains(&world.proxy.address.port()), "{met:?} of {allowed:?}");
}

/// The ports of others to which a process has TCP connections now.
fn peers(pid: u32) -> BTreeSet<u16> {
    let sockets: BTreeSet<String> = (fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten())
        .filter_map(|entry| {
            fs::read_link(entry.path())
                .ok()?
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')
                .map(str::to_owned)
        })
        .collect();
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let port = u16::from_str_radix(fields[2].rsplit(':').next().unwrap(), 16).unwrap();
            if port != 0 && sockets.contains(fields[9]) {
                ports.insert(port);
            }
        }
    }
    ports
}

#[test]
fn what_bedrock_lists_is_posted() {
    let lists = Server::start(|path| {
        let name = match path {
            "/foundation-models" => "bedrock_models",
            path if path.starts_with("/inference-profiles?maxResults=1000&type") => "bedrock_profiles_1",
            _ => "bedrock_profiles_2",
        };
        let path = format!("{}/tests/cassettes/listing/{name}.json", env!("CARGO_MANIFEST_DIR"));
        json(fs::read(path).unwrap())
    });
    let configuration = format!(
        "[daemon]\ntick = 0.5\n[providers.bedrock]\nbase_url = '{}'\nregion = 'us-east-1'\n",
        lists.url("")
    );
    let world = World::new(&[], &configuration);
    // Nothing is measured: the one enabled model of Bedrock is not of this list.
    world.proxy.plan(|line| {
        let none = r#"{"schema_version":1,"provider":"bedrock","models":[]}"#;
        if line.starts_with("GET") { Fault::Foreign(200, "", none) } else { Fault::None }
    });
    let mut command = world.command(&["daemon"]);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "canary-secret");
    let daemon = Daemon::logged(command, world.state());
    until("the list is posted", || world.bridge.said().contains("/ingest/catalog"));
    until("and taken", || daemon.said().contains("list posted to the bridge"));
    let (code, said) = daemon.stop();
    assert!(code == 0 && !said.contains("canary"), "{said}");
    let (listed, reads) = super::world::block_on(async {
        let store = world.bridge.store().await;
        (store.listed(Some("bedrock")).await.unwrap(), store.list_reads(Some("bedrock")).await.unwrap())
    });
    assert_eq!((listed.len(), reads.len()), (3, 1));
    assert!(reads[0].complete, "{reads:?}");
}

#[test]
fn a_slot_that_somebody_else_measured_is_kept_beside_the_row_that_counts() {
    let world = World::new(&[QUICK], "[daemon]\ncadence = 86400");
    for _ in 0..2 {
        let once = world.daemon(&["--once"]).output().unwrap();
        assert_eq!(once.status.code(), Some(0), "{once:?}");
        // Another machine of the same vantage knows nothing of this one's turns.
        fs::remove_dir_all(world.state()).unwrap();
    }
    let rows = world.rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row["_id"].as_str().unwrap()).collect();
    assert!(rows.len() >= 2 && ids.len() == rows.len(), "{ids:?}");
    let sound =
        |role: &str| rows.iter().filter(|row| row["suspect"] == false && row["sample_role"] == role).count();
    // A slot with two sound measurements counts one; midnight may make two slots of it.
    let slots: BTreeSet<&str> = rows.iter().map(|row| row["slot_at"].as_str().unwrap()).collect();
    assert!(sound("published") <= slots.len(), "{rows:?}");
    assert!(sound("published") + sound("superseded") <= 2 && (slots.len() > 1 || sound("published") < 2));
}

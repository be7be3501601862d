//! `llmbench run` with a bridge as its store.

use super::world::{QUICK, World, block_on};
use crate::ingest::served::{CONFIG_TOKEN, INGEST_KEY, Served, write_key};
use crate::support::Home;
use crate::support::proxy::Fault;
use crate::support::ran::ran;
use serde_json::json;

#[test]
fn models_of_the_work_list_are_published_and_others_are_kept_beside_them() {
    let world = World::new(&[QUICK], "");
    let all = world.ran(&["run", "--provider", "alpha", "--quiet", "--ndjson"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert_eq!(all.line()["sample_role"], "published");
    let other = world.ran(&["run", "--model", "alpha:steady-ttft3-gap1-n5", "--quiet", "--ndjson"]);
    assert_eq!((other.code, other.line()["sample_role"].as_str()), (0, Some("manual")), "{other:?}");
    let bare = world.ran(&["run", "--model", "no-such-model"]);
    assert_eq!(bare.code, 2, "{bare:?}");
    let rows = world.rows();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["runner"] == "legacy" && row["key_id"] == "INGEST_API_KEY"));
    let (list, post) = ("GET /runner-config?provider=alpha", "POST /ingest/batch");
    let heads = world.proxy.heads();
    for head in heads.iter().filter(|head| head.starts_with(list) || head.starts_with(post)) {
        assert!(head.contains("user-agent: llmbench/") && head.contains("x-llmbench-sent-at: 20"), "{head}");
    }
    assert!(heads.iter().any(|head| head.starts_with(post)), "{heads:?}");
}

#[test]
fn what_a_refusal_taught_is_remembered_on_this_machine() {
    let world = World::new(&["rejects-temperature-ttft1-gap1-n2"], "");
    let attempts = || {
        let run = world.ran(&["run", "--provider", "alpha", "--quiet", "--ndjson"]);
        assert_eq!(run.code, 0, "{run:?}");
        run.lines().iter().map(|line| line["adaptations"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(attempts(), [json!([]), json!(["omit_temperature"])]);
    assert_eq!(attempts(), [json!(["omit_temperature"])]);
}

#[test]
fn what_the_bridge_does_not_take_waits_for_the_next_run() {
    let world = World::new(&[QUICK], "");
    world.proxy.plan(|line| if line.starts_with("POST") { Fault::LoseRequest } else { Fault::None });
    let first = world.ran(&["run", "--provider", "alpha", "--quiet"]);
    assert_eq!(first.code, 75, "{first:?}");
    assert!(first.err.contains("the next run delivers them"), "{first:?}");
    assert_eq!(world.rows().len(), 0);
    world.proxy.plan(|_| Fault::None);
    let second = world.ran(&["run", "--provider", "alpha"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(second.err.contains("delivered 1 results of an earlier run to http://"), "{second:?}");
    assert_eq!(world.rows().len(), 2);
}

#[test]
fn a_kept_list_serves_while_the_bridge_is_away_and_not_where_it_refuses() {
    let world = World::new(&[QUICK], "");
    assert_eq!(world.ran(&["run", "--provider", "alpha", "--quiet"]).code, 0);
    let lists =
        |fault: Fault| move |line: &str| if line.starts_with("GET") { fault.clone() } else { Fault::None };
    for away in
        [Fault::LoseRequest, Fault::Foreign(503, "", ""), Fault::Foreign(200, "", "<html>hotel</html>")]
    {
        world.proxy.plan(lists(away));
        let run = world.ran(&["run", "--provider", "alpha"]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.err.contains("the work list of alpha is the one of"), "{run:?}");
    }
    for (refusal, code, words) in [
        (Fault::Foreign(401, "", ""), 2, "refuses the key"),
        (Fault::Foreign(404, "", ""), 2, "no bridge at this address"),
        (Fault::Foreign(200, "", "[]"), 2, "no work list"),
    ] {
        world.proxy.plan(lists(refusal));
        let run = world.ran(&["run", "--provider", "alpha"]);
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.err.contains(words), "{run:?}");
    }
    world.proxy.plan(lists(Fault::LoseRequest));
    let late =
        ran(world.command(&["run", "--provider", "alpha"]).env("RUNNER_CONFIG_GRACE_SECONDS", "0.001"));
    assert_eq!(late.code, 75, "{late:?}");
    assert!(late.err.contains("no young work list"), "{late:?}");
}

#[test]
fn a_bridge_is_no_database_and_its_address_holds_no_secret() {
    let world = World::new(&[], "");
    for command in [
        &["results", "list"][..],
        &["models", "list"],
        &["errors", "summary"],
        &["catalog", "list"],
        &["db", "init"],
        &["db", "init", "--dry-run"],
        &["ingest", "key", "list"],
    ] {
        let said = world.ran(command);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("is a bridge") && said.err.contains("where the database is"), "{said:?}");
    }
    let mut command = world.home.llmbench(&["run", "--model", "sim:steady", "--store", "https://u:canary@h"]);
    let said = ran(&mut command);
    assert!(said.code == 2 && !said.err.contains("canary"), "{said:?}");
    let mut command = world.home.llmbench(&["run", "--model", "sim:steady", "--store", "http://10.1.2.3"]);
    let said = ran(command.env("LLMBENCH_BRIDGE_KEY", "canary"));
    assert!(said.code == 2 && said.err.contains("LLMBENCH_BRIDGE_PLAIN_HTTP"), "{said:?}");
    let mut command = world.home.llmbench(&["run", "--model", "sim:steady", "--store", "https://h"]);
    let said = ran(&mut command);
    assert!(said.code == 2 && said.err.contains("LLMBENCH_BRIDGE_KEY"), "{said:?}");
}

#[test]
fn the_python_runners_variables_name_the_bridge() {
    let world = World::new(&[QUICK], "");
    let mut command = world.home.llmbench(&["run", "--provider", "alpha", "--quiet"]);
    command
        .env("INGEST_API_URL", format!("{}/ingest", world.proxy.url()))
        .env("RUNNER_CONFIG_URL", format!("{}/runner-config", world.proxy.url()))
        .env("RUNNER_CONFIG_CACHE_PATH", world.home.path().join("last_config.json"))
        .env("INGEST_API_KEY", INGEST_KEY)
        .env("RUNNER_CONFIG_TOKEN", CONFIG_TOKEN);
    let run = ran(&mut command);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(world.home.path().join("last_config.json").exists());
    assert_eq!(world.rows().len(), 1);
    let wrong = ran(command.env("INGEST_API_KEY", "wrong-canary-key"));
    assert!(wrong.code == 75 && wrong.err.contains("401") && !wrong.err.contains("canary"), "{wrong:?}");
}

#[test]
fn a_doctor_asks_the_bridge() {
    let world = World::new(&[QUICK], "[daemon]\nonly = ['alpha']");
    let fine = world.ran(&["doctor", "--offline", "-v"]);
    assert!(fine.out.contains("work list of alpha") && fine.out.contains("1 models"), "{fine:?}");
    assert!(fine.out.contains("the bridge's clock is"), "{fine:?}");
    let refused = ran(world.command(&["doctor", "--offline"]).env("RUNNER_CONFIG_TOKEN", "wrong"));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("ingest key list"), "{refused:?}");
}

#[test]
fn over_tls_with_the_operators_own_authority_and_not_without() {
    let certificates = Home::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (certificates.path().join("cert.pem"), certificates.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    write_key(&key, &made.signing_key.serialize_pem());
    let bridge = block_on(Served::on_sqlite(&[
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ]));
    let home = Home::new();
    let store = format!("https://localhost:{}", bridge.address.port());
    let mut command =
        home.llmbench(&["run", "--model", "sim:steady-ttft2-gap1-n4", "--quiet", "--store", &store]);
    command.env("INGEST_API_KEY", INGEST_KEY).env("RUNNER_CONFIG_TOKEN", CONFIG_TOKEN);
    let distrusted = ran(&mut command);
    assert!(distrusted.code == 75 && distrusted.err.contains("certificate"), "{distrusted:?}");
    let trusted = ran(command.env("SSL_CERT_FILE", &cert));
    assert_eq!(trusted.code, 0, "{trusted:?}");
    let plain = ran(home
        .llmbench(&["run", "--model", "sim:steady", "--store", &store.replace("https", "http")])
        .env("LLMBENCH_BRIDGE_KEY", "canary"));
    assert!([2, 75].contains(&plain.code) && !plain.err.contains("canary"), "{plain:?}");
}

//! A router's model, pinned to endpoints: each is called before it is measured, is a lane of its own, and its rows say
//! which endpoint answered and how that keeps the weights. Nothing is said that the answer does not prove.

use super::{Office, Said};
use crate::stores::backend::{Backend, Kind};
use llmbench::simulator::{self, RunningSimulator};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::process::Command;

const MODEL: &str = "openrouter:sim/early-stop";

/// An office whose router, and whose groq, are the simulator's.
pub struct Router {
    pub office: Office,
    simulator: RunningSimulator,
}

impl Router {
    pub fn new(backend: Backend) -> Self {
        Self { office: Office::new(backend), simulator: simulator::start_in_process().unwrap() }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.office.any(arguments);
        command.env("OPENROUTER_BASE_URL", format!("{}/openrouter/api/v1", self.simulator.base_url()));
        command.env("OPENROUTER_API_KEY", "canary-of-the-router").env("LLMBENCH_LISTEN", "none");
        command.env("GROQ_BASE_URL", format!("{}/groq", self.simulator.base_url()));
        command.env("GROQ_API_KEY", "canary-of-groq");
        command
    }

    fn say(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments))
    }

    pub fn done(&self, arguments: &[&str]) -> Said {
        let said = self.say(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said
    }

    fn entry(&self) -> Value {
        let said = self.done(&["models", "show", MODEL, "--json"]);
        serde_json::from_str::<Value>(&said.out).unwrap()["models"][0]["entry"].clone()
    }

    async fn rows(&self, kind: Kind) -> Vec<Map<String, Value>> {
        self.office.backend.rows(kind).await
    }
}

/// What a row says of its endpoint.
fn endpoint(row: &Map<String, Value>) -> [Value; 4] {
    ["route_endpoint_tag", "quantization", "transport_provider", "observed_provider"]
        .map(|name| row.get(name).cloned().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_pinned_endpoint_is_called_measured_and_named_in_either_store() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let router = Router::new(backend);
        naming(&router);
        pinning(&router);
        measuring(&router).await;
        listing(&router).await;
        unpinning(&router);
        let store = router.office.backend.open(&[]).await;
        assert!(store.endpoints(None).await.unwrap().iter().all(|row| !row.enabled));
    }
}

/// Pins that no list has told of yet are targets; those of a model that is disabled or gone no longer are.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_targets_from_the_pin_until_nobody_measures_them() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let router = Router::new(backend);
        let targets = async || {
            let rows = router.office.backend.open(&[]).await.endpoints(None).await.unwrap();
            let enabled = rows.into_iter().filter(|row| row.enabled);
            enabled.map(|row| (row.model_id, row.listed.tag)).collect::<Vec<_>>()
        };
        let target = |model: &str, tag: &str| (model.to_owned(), tag.to_owned());
        router.done(&["models", "add", &format!("{MODEL}@deepinfra/fp4"), &format!("{MODEL}@novita/fp8")]);
        let other = router.done(&["models", "add", "openrouter:sim/steady-ttft2-gap1-n4@deepinfra/fp4"]);
        let both = [target("sim/early-stop", "deepinfra/fp4"), target("sim/early-stop", "novita/fp8")];
        let third = target("sim/steady-ttft2-gap1-n4", "deepinfra/fp4");
        assert_eq!(targets().await, [&both[..], &[third]].concat());
        router.done(&["models", "undo", other.out.trim(), "--yes"]);
        assert_eq!(targets().await, both);
        let said = router.say(&["models", "disable", &format!("{MODEL}@novita/fp8"), "--reason", "enough"]);
        assert!(said.status == 2 && said.err.contains("--unpin novita/fp8 stops that endpoint"), "{said:?}");
        router.done(&["models", "set", MODEL, "--unpin", "novita/fp8"]);
        let said = router.say(&["models", "disable", &format!("{MODEL}@novita/fp8"), "--reason", "enough"]);
        assert!(said.status == 2 && said.err.contains("is pinned to deepinfra/fp4"), "{said:?}");
        assert_eq!(targets().await, both[..1]);
        router.done(&["models", "disable", MODEL, "--reason", "enough"]);
        assert_eq!(targets().await, []);
        router.done(&["models", "enable", MODEL]);
        assert_eq!(targets().await, both[..1]);
        // Enabled is the model, pinned to another endpoint.
        let said = router.say(&["models", "enable", &format!("{MODEL}@novita/fp8")]);
        let state = format!("{MODEL} is enabled and pinned to deepinfra/fp4");
        assert!(said.status == 2 && said.err.contains(&state), "{said:?}");
        assert!(said.err.contains(&format!("llmbench models add '{MODEL}@novita/fp8' pins")), "{said:?}");
        let said = router.done(&["models", "enable", &format!("{MODEL}@deepinfra/fp4")]);
        assert!(said.err.contains("is enabled already"), "{said:?}");
    }
}

fn pinning(router: &Router) {
    let pinned = format!("{MODEL}@deepinfra/fp4");
    let said = router.done(&["models", "add", &pinned, MODEL, "--endpoint", "novita/fp8"]);
    assert!(said.err.contains(&format!("{pinned} answered")), "{said:?}");
    let facts = json!([
        {"tag": "deepinfra/fp4", "quantization": "fp4", "provider_name": "DeepInfra"},
        {"tag": "novita/fp8", "quantization": "fp8", "provider_name": "Novita"},
    ]);
    assert_eq!(router.entry()["metadata"]["endpoints"], facts);
    // What is pinned already is not pinned again, and what is not listed is told and called all the same.
    assert!(router.done(&["models", "add", &pinned]).err.contains("is enabled already"));
    let said = router.done(&["models", "add", MODEL, "--endpoint", "elsewhere"]);
    assert!(
        said.err.contains("no endpoint elsewhere is listed; there are deepinfra/fp4, novita/fp8"),
        "{said:?}"
    );
    router.done(&["models", "set", MODEL, "--unpin", "elsewhere"]);
    assert_eq!(router.entry()["metadata"]["endpoints"], facts);
    for (arguments, why) in [
        (["groq:a", "--endpoint", "novita"], "groq is no router"),
        ([MODEL, "--endpoint", "a b"], "a tag is letters"),
        (["openrouter:a/b@", "--reason", "x"], "empty model id or endpoint"),
    ] {
        let said = router.say(&[&["models", "add"], &arguments[..]].concat());
        assert!(said.status == 2 && said.err.contains(why), "{said:?}");
    }
}

/// An endpoint that was pinned unseen gets the name of its provider with the next list, so that answers can be checked.
fn naming(router: &Router) {
    let model = "openrouter:sim/flood";
    let endpoints = || {
        let said = router.done(&["models", "show", model, "--json"]);
        let shown: Value = serde_json::from_str(&said.out).unwrap();
        shown["models"][0]["entry"]["metadata"]["endpoints"].clone()
    };
    router.done(&["models", "add", model, "--endpoint", "together", "--no-probe", "--yes"]);
    router.done(&["models", "enable", model, "--no-probe", "--yes"]);
    assert_eq!(endpoints(), json!([{"tag": "together"}]));
    router.done(&["catalog", "sync", "--provider", "openrouter"]);
    assert_eq!(endpoints(), json!([{"tag": "together", "provider_name": "Together"}]));
    let history = router.done(&["models", "history", model]);
    assert!(history.out.contains("catalog sync"), "{history:?}");
    let batches = history.out.matches("catalog sync").count();
    router.done(&["catalog", "sync", "--provider", "openrouter"]);
    let again = router.done(&["models", "history", model]);
    assert_eq!(again.out.matches("catalog sync").count(), batches, "nothing is left to fill");
    router.done(&["models", "set", model, "--unpin", "together"]);
    router.done(&["catalog", "sync", "--provider", "openrouter"]);
    router.done(&["models", "remove", model, "--yes"]);
}

async fn measuring(router: &Router) {
    router.done(&["daemon", "--once"]);
    // On a busy machine a sample may be suspect, and then it is not published.
    let mut rows = router.rows(Kind::Published).await;
    rows.extend(router.rows(Kind::Probe).await);
    rows.retain(|row| row.contains_key("vantage"));
    let told: BTreeSet<String> = rows.iter().map(|row| json!(endpoint(row)).to_string()).collect();
    let expected = [
        json!(["deepinfra/fp4", "fp4", "openrouter", "DeepInfra"]).to_string(),
        json!(["novita/fp8", "fp8", "openrouter", "Novita"]).to_string(),
    ];
    assert_eq!(told, BTreeSet::from(expected));
    for row in &rows {
        assert_eq!((&row["provider"], &row["model_name"]), (&json!("openrouter"), &json!("sim/early-stop")));
    }
    let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row["_id"].as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "{ids:?}");
    // The simulator knows no such endpoint, and somebody else answers.
    let said = router.done(&["run", "-m", &format!("{MODEL}@nobody/fp8"), "--json", "--role", "spot"]);
    assert!(said.err.contains("the request was pinned to nobody/fp8, and Simulator answered"), "{said:?}");
    let rows = router.rows(Kind::Probe).await;
    let row = rows.iter().find(|row| row["sample_role"] == "spot").unwrap();
    assert_eq!(endpoint(row), [Value::Null, Value::Null, json!("openrouter"), json!("Simulator")]);
    assert_eq!(row["endpoint_mismatch"], "the request was pinned to nobody/fp8, and Simulator answered");
}

async fn listing(router: &Router) {
    router.done(&["catalog", "sync", "--provider", "openrouter"]);
    let store = router.office.backend.open(&["cloud-default-v1"]).await;
    let rows = store.endpoints(Some("sim/early-stop")).await.unwrap();
    let told: Vec<(&str, bool, Option<&str>)> = rows
        .iter()
        .map(|row| (row.listed.tag.as_str(), row.enabled, row.listed.quantization.as_deref()))
        .collect();
    let expected = [
        ("deepinfra/fp4", true, Some("fp4")),
        // Pinned once, and never listed.
        ("elsewhere", false, None),
        ("novita/fp8", true, Some("fp8")),
        ("together", false, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (rows[0].listed.status, rows[0].listed.uptime_1d, rows[0].listed.throughput_p50),
        (Some(0), Some(99.5), Some(80.5))
    );
    assert!(rows.iter().all(|row| row.last_seen_at.is_some() == (row.listed.tag != "elsewhere")));
    let listed = store.listed(Some("openrouter")).await.unwrap();
    let known = listed.iter().find(|row| row.model_id == "sim/early-stop").unwrap();
    assert_eq!(known.facts.endpoints.as_ref().unwrap().len(), 3);
}

fn unpinning(router: &Router) {
    router.done(&["models", "set", MODEL, "--quantization", "bf16", "--endpoint", "novita/fp8"]);
    assert_eq!(router.entry()["metadata"]["endpoints"][1]["quantization"], "bf16");
    let said = router.say(&["models", "set", MODEL, "--quantization", "bf16"]);
    assert!(said.status == 2 && said.err.contains("say of which endpoint"), "{said:?}");
    router.done(&["models", "disable", MODEL, "--reason", "enough"]);
    router.done(&["catalog", "sync", "--provider", "openrouter"]);
    router.done(&["models", "enable", MODEL]);
    let said = router.done(&["models", "set", MODEL, "--unpin", "novita/fp8"]);
    assert!(!said.err.contains("pinned to no endpoint"), "{said:?}");
    let said = router.done(&["models", "set", MODEL, "--unpin", "deepinfra/fp4"]);
    let news = format!("{MODEL} is then pinned to no endpoint: it is measured wherever its router sends");
    assert!(said.err.contains(&news), "{said:?}");
    let said = router.say(&["models", "enable", &format!("{MODEL}@deepinfra/fp4")]);
    assert!(said.status == 2 && said.err.contains("is enabled and pinned to no endpoint"), "{said:?}");
    assert_eq!(router.entry().get("metadata").cloned().unwrap_or_default(), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_providers_rows_name_its_own_endpoint() {
    let router = Router::new(Backend::sqlite());
    router.done(&["models", "add", "sim:steady-ttft2-gap1-n4"]);
    router.done(&["models", "set", "sim:steady-ttft2-gap1-n4", "--quantization", "FP8"]);
    router.done(&["run", "-m", "sim:steady-ttft2-gap1-n4", "--role", "spot"]);
    router.done(&["models", "set", "sim:steady-ttft2-gap1-n4", "--endpoint-tag", "sim/eu"]);
    router.done(&["run", "-m", "sim:steady-ttft2-gap1-n4", "--role", "spot"]);
    let rows = router.rows(Kind::Probe).await;
    let told: BTreeSet<String> = rows
        .iter()
        .filter(|row| row["sample_role"] == "spot")
        .map(|row| json!(endpoint(row)).to_string())
        .collect();
    let expected = [json!(["sim/direct", "fp8", null, null]), json!(["sim/eu", "fp8", null, null])];
    assert_eq!(told, expected.map(|row| row.to_string()).into());
    let said = router.say(&["models", "set", "sim:steady-ttft2-gap1-n4", "--quantization", "a b"]);
    assert!(said.status == 2 && said.err.contains("it is one word"), "{said:?}");
}

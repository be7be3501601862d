//! Figures of docs/benchmarks.md that need a real store and the binary: `cargo test --test it -- --ignored --nocapture
//! models::figures`. Measurements, not promises of every machine.

use super::endpoints::Router;
use crate::stores::backend::Backend;
use llmbench::domain::ModelRef;
use llmbench::storage::Store;
use llmbench::storage::catalog::{Batch, ChangeRequest};
use serde_json::{Map, Value, json};
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Time and peak resident memory of a process in MB.
fn measured(mut command: Command) -> (Duration, f64) {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let (file, mut peak) = (format!("/proc/{}/status", child.id()), 0.0_f64);
    let status = loop {
        let seen = fs::read_to_string(&file).unwrap_or_default();
        let kilobytes = seen.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = kilobytes.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0.0) / 1024.0);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => sleep(Duration::from_millis(2)),
        }
    };
    assert!(status.success());
    (begun.elapsed(), peak)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a promise of every machine"]
async fn refreshing_five_thousand_models_as_a_process() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        backend.open(&["cloud-default-v1"]).await.init().await.unwrap();
        backend.fill(5000, 60).await;
        let (store, router) = (backend.url(), Router::new(backend));
        for _ in 0..3 {
            let (refresh, peak) = measured(router.command(&["db", "refresh"]));
            let (status, seen) = measured(router.command(&["status", "--json"]));
            println!("{store}: db refresh {refresh:?}, {peak:.1} MB; status {status:?}, {seen:.1} MB");
        }
    }
}

async fn put(store: &dyn Store, batch: &str, id: &str, metadata: Value) {
    let set = Map::from_iter([("enabled".to_owned(), json!(true)), ("metadata".to_owned(), metadata)]);
    let model = ModelRef::new("openrouter", id);
    let order = ChangeRequest { batch: batch.to_owned(), model, expected: None, set };
    store.change(&order).await.unwrap();
}

/// Models of one pass.
const MODELS: usize = 60;

/// A router whose models are new: none was measured yet.
async fn fresh(pinned: bool) -> Router {
    let backend = Backend::sqlite();
    let store = backend.open(&["cloud-default-v1"]).await;
    store.init().await.unwrap();
    let batch = Batch {
        id: ulid::Ulid::generate().to_string(),
        at: chrono::Utc::now(),
        who: "test".to_owned(),
        action: "add".to_owned(),
        why: None,
        planned: MODELS as u64,
        undoes: None,
        undone_by: None,
        finished_at: None,
    };
    store.begin_batch(&batch).await.unwrap();
    let endpoint = json!({"tag": "deepinfra/fp4", "quantization": "fp4", "provider_name": "DeepInfra"});
    for number in 0..MODELS {
        let metadata = if pinned { json!({ "endpoints": [endpoint.clone()] }) } else { json!({}) };
        put(&*store, &batch.id, &format!("sim/steady-ttft2-gap1-n{}", 4 + number), metadata).await;
    }
    Router::new(backend)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a promise of every machine"]
async fn a_pass_over_pinned_endpoints_against_one_without() {
    let mut ratios = Vec::new();
    for _ in 0..7 {
        let [without, with] = [fresh(false).await, fresh(true).await].map(|router| {
            let mut command = router.command(&["daemon", "--once"]);
            command.stderr(Stdio::null());
            measured(command).0
        });
        ratios.push(with.as_secs_f64() / without.as_secs_f64());
        println!("{MODELS} models: {without:?} without endpoints, {with:?} with");
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio: {:.2} (median of {})", ratios[ratios.len() / 2], ratios.len());
}

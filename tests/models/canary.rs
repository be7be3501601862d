//! `--canary`: a question a day beside the measurements, on both stores. Its rows carry the answer and are of no
//! published series; what an API refuses of it is learned and changes no other request.

use super::endpoints::Router;
use crate::stores::backend::{Backend, Kind};
use llmbench::domain::digest::sha256_hex;
use serde_json::{Map, Value, json};

type Row = Map<String, Value>;

const MODEL: &str = "groq:steady-ttft3-gap1-n64";
const REFUSING: &str = "groq:rejects-logprobs-ttft3-gap1-n64";
/// Thinks longer than a canary's answer may be.
const THINKING: &str = "groq:steady-ttft3-gap1-r40-n20";

fn metadata(router: &Router, model: &str) -> Value {
    let shown = router.done(&["models", "show", model, "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    shown["models"][0]["entry"].get("metadata").cloned().unwrap_or_default()
}

async fn canaries(router: &Router, kind: Kind) -> Vec<Row> {
    let rows = router.office.backend.rows(kind).await;
    rows.into_iter().filter(|row| row.get("benchmark_profile_id") == Some(&json!("canary-v1"))).collect()
}

fn of_model(rows: Vec<Row>, model: &str) -> Vec<Row> {
    let id = model.split_once(':').unwrap().1;
    rows.into_iter().filter(|row| row["model_name"] == id).collect()
}

/// The answer of a model's canary: on a busy machine a sample may be suspect, and then it is taken again.
async fn answer(router: &Router, model: &str) -> Row {
    let mut rows = of_model(canaries(router, Kind::Probe).await, model);
    let sound = rows.iter().filter(|row| row["suspect"] == false).count();
    assert!(sound <= 1 && !rows.is_empty(), "{rows:?}");
    rows.swap_remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_with_a_canary_is_asked_once_a_day_beside_its_measurements() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let router = Router::new(backend);
        let said = router.done(&["models", "add", MODEL, REFUSING, THINKING, "--canary", "--yes"]);
        assert!(said.err.contains("canary: 3 models, one question a day at each vantage"), "{said:?}");
        assert_eq!(metadata(&router, MODEL), json!({"canary": true}));
        // What is done for one pass is not done again by the next one of the same day.
        for _ in 0..2 {
            router.done(&["daemon", "--once"]);
        }
        answered(&router).await;
        refused(&router).await;
        out_of_budget(&router).await;
        others_are_as_before(&router).await;
        switched(&router);
    }
}

async fn answered(router: &Router) {
    let row = answer(router, MODEL).await;
    let text = row["answer_text"].as_str().unwrap();
    assert!(text.starts_with("Once upon a time") && text.split(' ').count() == 20, "{text}");
    assert_eq!(row["answer_sha256"], sha256_hex(text));
    assert_eq!(row["answer_characters"].as_u64(), Some(text.chars().count() as u64));
    assert_eq!(row["answer_logprobs"], json!(vec![-0.125; 20]));
    assert_eq!((&row["sample_role"], &row["temperature"]), (&json!("canary"), &json!(0.0)));
    assert_eq!((&row["requested_tokens"], &row["system_fingerprint"]), (&json!(20), &json!("fp_simulator")));
    assert_eq!(row["misc"], json!({}));
    assert!(canaries(router, Kind::Published).await.is_empty());
}

async fn refused(router: &Router) {
    let row = answer(router, REFUSING).await;
    assert_eq!(row["adaptations"], json!(["omit_logprobs"]));
    assert!(row["answer_sha256"].is_string() && row.get("answer_logprobs").is_none(), "{row:?}");
    let errors = of_model(canaries(router, Kind::Errors).await, REFUSING);
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!((&error["sample_role"], &error["http_status"]), (&json!("canary"), &json!(400)));
}

async fn out_of_budget(router: &Router) {
    let errors = of_model(canaries(router, Kind::Errors).await, THINKING);
    assert!(!errors.is_empty());
    assert!(errors.iter().all(|row| row["error_kind"] == "budget_exhausted"), "{errors:?}");
}

/// The rows of other questions, and what is said of the models.
async fn others_are_as_before(router: &Router) {
    let mut rows = router.office.backend.rows(Kind::Published).await;
    rows.extend(router.office.backend.rows(Kind::Probe).await);
    rows.retain(|row| row["benchmark_profile_id"] == "cloud-default-v1");
    assert!(rows.len() >= 3, "{rows:?}");
    for row in rows {
        assert_eq!((&row["adaptations"], row.get("answer_sha256")), (&json!([]), None), "{row:?}");
        assert_eq!((&row["misc"], &row["system_fingerprint"]), (&json!({}), &json!("fp_simulator")));
    }
    let listed = router.done(&["models", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    for model in listed["models"].as_array().unwrap() {
        assert_eq!(model["failures_24h"], 0, "{model}");
    }
}

fn switched(router: &Router) {
    let said = router.done(&["models", "set", MODEL, "--canary", "off"]);
    assert!(!said.err.contains("canary:"), "nothing is to pay: {said:?}");
    assert_eq!(metadata(router, MODEL), Value::Null);
    let due = router.done(&["daemon", "--dry-run", "--json"]);
    let due: Value = serde_json::from_str(&due.out).unwrap();
    let asked = due["rows"].as_array().unwrap().iter().filter(|row| row["profile"] == "canary");
    assert_eq!(asked.count(), 2, "{due}");
    let said = router.done(&["models", "set", MODEL, "--canary", "on"]);
    assert!(said.err.contains("canary: 1 model, one question a day"), "{said:?}");
    assert_eq!(metadata(router, MODEL), json!({"canary": true}));
    let again = router.done(&["models", "set", MODEL, "--canary", "on"]);
    assert!(again.err.contains("has a canary already") && !again.err.contains("30 days"), "{again:?}");
}

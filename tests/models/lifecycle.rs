//! What readers of the database learn of a change at once: where a model is in its lifecycle, and the key under which it
//! is drawn with other providers' models.

use super::Office;
use crate::stores::backend::{Backend, Kind};
use serde_json::{Value, json};

fn status(rows: &[serde_json::Map<String, Value>], model: &str) -> String {
    let found = rows.iter().find(|row| row["model_id"] == model);
    found.map_or("none", |row| row["status"].as_str().unwrap()).to_owned()
}

#[tokio::test]
async fn a_change_is_judged_at_once_and_everything_by_one_command() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let office = Office::new(backend);
        let office = tokio::task::spawn_blocking(move || {
            office.done(&["add", "sim:staged", "--no-probe"]);
            office.done(&["enable", "sim:staged", "--no-probe"]);
            office.done(&["add", "sim:steady-ttft5-gap1-n8"]);
            office.done(&["disable", "sim:staged", "--reason", "too dear"]);
            office
        });
        let office = office.await.unwrap();
        let rows = office.backend.rows(Kind::Status).await;
        // An admission call is not published, so the model has no success in the published series yet.
        assert_eq!(status(&rows, "steady-ttft5-gap1-n8"), "never_succeeded", "{rows:?}");
        let staged = rows.iter().find(|row| row["model_id"] == "staged").unwrap();
        assert_eq!(staged["status"], "disabled");
        assert!(staged["reasons"].to_string().contains("too dear"), "{staged:?}");
        let office = tokio::task::spawn_blocking(move || {
            let mut run = office.any(&["run", "-m", "sim:steady-ttft5-gap1-n8", "-n", "3"]);
            assert!(run.status().unwrap().success());
            let said = super::Said::of(office.any(&["db", "refresh", "--json"]));
            let said: Value = serde_json::from_str(&said.out).unwrap();
            assert_eq!(said["models"], json!({"active": 1, "disabled": 1}));
            let said = super::Said::of(office.any(&["db", "refresh"]));
            assert_eq!(said.out, "active: 1 model\ndisabled: 1 model\n", "{said:?}");
            office.done(&["add", "sim:mistyped", "--no-probe"]);
            office.done(&["remove", "sim:mistyped", "--yes"]);
            office
        });
        let office = office.await.unwrap();
        let rows = office.backend.rows(Kind::Status).await;
        let gone = rows.iter().find(|row| row["model_id"] == "mistyped").unwrap();
        assert!(gone["reasons"].to_string().contains("removed from the catalog"), "{gone:?}");
    }
}

#[tokio::test]
async fn a_key_joins_models_of_several_providers_and_is_one_models_within_a_provider() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let office = Office::new(backend);
        let office = tokio::task::spawn_blocking(move || {
            keys(&office);
            office
        });
        let office = office.await.unwrap();
        let rows = office.backend.rows(Kind::Identity).await;
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row["model_id"].clone(), row["canonical_key"].clone(), row["resolved"].clone()))
            .collect();
        let word = |model: &str, key: &str, resolved: bool| (json!(model), json!(key), json!(resolved));
        let expected = [
            word("a", "llama-3.3-70b", true),
            word("c", "llama-3.3-70b", true),
            word("a", "llama-3.3-70b", false),
            word("b", "llama-3.3-70b", true),
        ];
        assert_eq!(told, expected);
        assert!(rows.iter().all(|row| row["policy_version"] == 1 && row["effective_from"].is_string()));
    }
}

fn keys(office: &Office) {
    office.done(&["add", "groq:a", "groq:b", "openai:c", "--no-probe", "--yes"]);
    let batch = office.done(&["set", "groq:a", "--canonical", "llama-3.3-70b"]);
    let shown = office.json(&["show", "groq:a", "--json"]);
    assert_eq!(shown["models"][0]["identity"]["canonical_key"], "llama-3.3-70b");
    assert!(office.done(&["show", "groq:a"]).contains("canonical key: llama-3.3-70b (since "));
    let again = office.say(&["set", "groq:a", "--canonical", "llama-3.3-70b"]);
    assert!(again.status == 0 && again.err.contains("says so already"), "{again:?}");
    let refused = office.say(&["set", "groq:b", "--canonical", "llama-3.3-70b"]);
    assert!(refused.status == 2 && refused.err.contains("is the key of groq:a already"), "{refused:?}");
    let both = office.say(&["set", "groq:*", "--canonical", "other", "--yes"]);
    assert!(both.status == 2 && both.err.contains("are of one provider"), "{both:?}");
    let odd = office.say(&["set", "groq:b", "--canonical", "Llama 3"]);
    assert!(odd.status == 2 && odd.err.contains("such as llama-3.3-70b"), "{odd:?}");
    office.done(&["set", "openai:c", "--canonical", "llama-3.3-70b"]);
    // Taken back, the key is free for another model.
    office.done(&["undo", &batch, "--yes"]);
    assert!(office.json(&["show", "groq:a", "--json"])["models"][0]["identity"].is_null());
    office.done(&["set", "groq:b", "--canonical", "llama-3.3-70b"]);
}

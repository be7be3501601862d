//! What programs read: figures that are right, keys that are documented, and the filters.

use super::world::{DAY, World, broken, worlds};
use crate::support::samples::failed;
use llmbench::domain::{FailureKind, FailureStage};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn of_the_day<'a>(question: &[&'a str]) -> Vec<&'a str> {
    question.iter().copied().chain(DAY).chain(["--json"]).collect()
}

/// `[subject, errors, successes]` of each group.
fn figures(world: &World, question: &[&str]) -> Value {
    let document = world.document(&of_the_day(question));
    let groups = document["groups"].as_array().unwrap();
    groups
        .iter()
        .map(|group| {
            let names = ["provider", "model", "kind", "stage"].iter().filter_map(|name| group[name].as_str());
            let subject = names.collect::<Vec<_>>().join(" ");
            json!([subject, group["errors"], group["successes"]])
        })
        .collect()
}

#[tokio::test]
async fn every_grouping_counts_errors_and_the_successes_beside_them() {
    for world in worlds().await {
        let summary = |more: &[&str]| {
            let question: Vec<&str> = ["errors", "summary"].iter().chain(more).copied().collect();
            figures(&world, &question)
        };
        assert_eq!(summary(&[]), json!([["groq", 5, 4], ["vertex", 1, 0]]));
        assert_eq!(summary(&["--published"]), json!([["groq", 5, 3], ["vertex", 1, 0]]));
        let models = json!([["groq gone", 3, 1], ["groq llama", 2, 3], ["vertex dead", 1, 0]]);
        assert_eq!(summary(&["--by", "model"]), models);
        let kinds = json!([["rate_limit", 2, 3], ["hard_model", 2, 1], ["auth", 1, 0], ["timeout", 1, 1]]);
        assert_eq!(summary(&["--by", "kind"]), kinds);
        let stages = json!([["response", 4, 4], ["prepare", 1, 0], ["request", 1, 1]]);
        assert_eq!(summary(&["--by", "stage"]), stages);
        assert_eq!(summary(&["--by", "fingerprint"]).as_array().unwrap().len(), 4);
        assert_eq!(summary(&["--provider", "vertex"]), json!([["vertex", 1, 0]]));
        assert_eq!(summary(&["--model", "groq:llama"]), json!([["groq llama", 2, 3]]));
        assert_eq!(summary(&["-p", "groq", "-m", "llama"]), json!([["groq llama", 2, 3]]));
        let failing = json!([["groq gone", 3, 0], ["vertex dead", 1, 0]]);
        assert_eq!(summary(&["--only-failing", "--published"]), failing);
        assert_eq!(summary(&["--only-failing", "--enabled"]), json!([["vertex dead", 1, 0]]));
        assert_eq!(
            summary(&["--only-failing", "--by", "provider", "--published"]),
            json!([["groq", 3, 0], ["vertex", 1, 0]])
        );
        // A run outside the published series succeeded once. The flag that counted it says nothing any more.
        assert_eq!(summary(&["--only-failing"]), json!([["vertex dead", 1, 0]]));
        assert_eq!(summary(&["--only-failing", "--probe"]), json!([["vertex dead", 1, 0]]));
        let whole = world.document(&of_the_day(&["errors", "summary"]));
        assert_eq!((&whole["errors"], &whole["successes"]), (&json!(6), &json!(5)));
        assert_eq!(whole["groups"][0]["first_seen"], "2026-08-01T10:10:00.000Z");
        assert_eq!(whole["groups"][0]["last_seen"], "2026-08-01T10:45:00.000Z");
        assert_eq!(whole["groups"][0]["message"], "no first byte within 60 s");
    }
}

#[tokio::test]
async fn stories_and_rows_are_whole() {
    for world in worlds().await {
        let story = world.document(&of_the_day(&["errors", "show", "groq:gone"]));
        assert_eq!(
            (&story["errors"], &story["enabled"], &story["last_success_at"]),
            (&json!(3), &json!(false), &json!("2026-08-01T10:01:00.000Z"))
        );
        let ids: Vec<_> = story["recent"].as_array().unwrap().iter().map(|row| &row["_id"]).collect();
        assert_eq!(ids, ["e5", "e4", "e3"]);
        let fingerprint = story["groups"][0]["fingerprint"].as_str().unwrap();
        let one = world.document(&of_the_day(&["errors", "show", &fingerprint[..10]]));
        assert_eq!((&one["errors"], &one["rollup"]["count"]), (&json!(2), &json!(2)));
        assert_eq!(one["rollup"]["sample_messages"].as_array().unwrap().len(), 1);

        let list = world.document(&["results", "list", "--json", "-n", "3"]);
        let ids: Vec<_> = list["runs"].as_array().unwrap().iter().map(|row| &row["_id"]).collect();
        assert_eq!(ids, ["run-4", "run-2", "run-1"]);
        let provider =
            world.document(&["results", "list", "--json", "--provider", "openai", "--since", "2026-08-02"]);
        assert_eq!(provider["runs"].as_array().unwrap().len(), 1);
        let shown = world.document(&["results", "show", "run-0", "--json"]);
        assert_eq!(
            (&shown["outcome"], &shown["row"]["from_another_writer"][""]),
            (&json!("success"), &json!("empty"))
        );
        assert_eq!(shown["row"]["dotted.name"], "kept");
        let failure = world.document(&["results", "show", "e3", "--json"]);
        assert_eq!(
            (&failure["outcome"], &failure["row"]["error_kind"]),
            (&json!("failure"), &json!("hard_model"))
        );
    }
}

/// Nobody is told to switch off what is off, or what the catalog does not have.
#[tokio::test]
async fn advice_follows_the_catalog() {
    for world in worlds().await {
        for (id, model) in [("on", "groq:llama"), ("missing", "groq:typo")] {
            let failure =
                broken(id, model, 55, FailureKind::HardModel, FailureStage::Response, "no such model");
            world.store.record(&failed(&failure)).await.unwrap();
        }
        for (model, begins) in [
            ("groq:llama", "llmbench models disable groq:llama "),
            ("groq:gone", "llmbench models show groq:gone"),
            ("groq:typo", "llmbench catalog list --provider groq"),
        ] {
            let story = world.document(&of_the_day(&["errors", "show", model]));
            let advice = story["advice"].as_array().unwrap();
            let hard = advice.iter().find(|one| one["kind"] == "hard_model").unwrap();
            assert!(hard["command"].as_str().unwrap().starts_with(begins), "{hard}");
        }
    }
}

#[tokio::test]
async fn sheets_have_one_header_and_no_formula() {
    for world in worlds().await {
        let sheet = world.told(&["errors", "summary", "--csv", "--by", "model", "--from", "2026-08-01"]);
        let mut lines = sheet.lines();
        let header = "provider,model,kind,cause,stage,fingerprint,errors,share,successes,success_rate,first_seen,last_seen,message";
        assert_eq!(lines.next(), Some(header));
        assert!(lines.next().unwrap().starts_with("groq,gone,,,,,3,"), "{sheet}");
        let runs = world.told(&["results", "list", "--csv"]);
        assert_eq!(runs.lines().count(), 7);
        let published = world.told(&["results", "list", "--csv", "--published"]);
        assert_eq!(published.lines().count(), 6);
        assert!(runs.starts_with("outcome,_id,") && runs.contains("\nsuccess,run-4,openai,gpt,"), "{runs}");
    }
}

/// All keys of a document, apart from those of stored rows, which the data contract describes.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                found.insert(name.clone());
                if !["recent", "rollup", "runs", "row"].contains(&name.as_str()) {
                    keys(field, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_key_is_documented() {
    let page = include_str!("../../docs/output-operate.md");
    let [world, _] = worlds().await;
    let output = world.ask(&of_the_day(&["errors", "summary", "--max-error-rate", "5%"]));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (title, document) in [
        ("## `errors summary --json`", summary),
        ("## `errors show --json`", world.document(&of_the_day(&["errors", "show", "groq:gone"]))),
        ("## `results list --json`", world.document(&["results", "list", "--json"])),
        ("## `results list --counts --json`", world.document(&["results", "list", "--counts", "--json"])),
        ("## `results show --json`", world.document(&["results", "show", "run-0", "--json"])),
    ] {
        let section = page.split(title).nth(1).unwrap_or_else(|| panic!("no {title}"));
        let section = section.split("\n## ").next().unwrap();
        let mut found = BTreeSet::new();
        keys(&document, &mut found);
        let missing: Vec<_> = found.iter().filter(|key| !section.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "{title}: {missing:?}");
        assert!(section.contains(document["schema"].as_str().unwrap()), "{title}");
    }
}

//! Exit statuses, and the words that come with them.

use super::world::{DAY, World, errors, text, worlds};
use crate::support::llmbench;
use crate::support::samples::{run, success};

fn status(world: &World, question: &[&str]) -> (i32, String) {
    let output = world.ask(question);
    (output.status.code().unwrap(), errors(&output))
}

#[tokio::test]
async fn a_limit_decides_the_status() {
    for world in worlds().await {
        let limit = |share: &str, more: &[&str]| {
            let question = ["errors", "summary", "--max-error-rate", share];
            status(&world, &question.iter().chain(&DAY).chain(more).copied().collect::<Vec<_>>())
        };
        let (code, said) = limit("50%", &[]);
        assert_eq!(code, 1);
        assert!(said.contains("groq: error rate 55.6 % is above 50 %"), "{said}");
        assert!(said.contains("vertex: error rate 100 % is above 50 %"), "{said}");
        assert_eq!(limit("56%", &["--by", "kind"]).0, 0);
        assert_eq!(limit("53%", &["--by", "kind"]).0, 1);
        assert_eq!(limit("0", &["--provider", "openai"]).0, 0);
        let (code, said) = limit("5%", &["--provider", "cerebras"]);
        assert!(code == 1 && said.contains("no attempt in the window"), "{said}");
        assert_eq!(status(&world, &["errors", "summary", "--provider", "cerebras"]).0, 0);
    }
}

#[tokio::test]
async fn what_is_not_there_is_no_and_names_what_is_near() {
    for world in worlds().await {
        let (code, said) = status(&world, &["errors", "show", "groq:lama"]);
        assert!(
            code == 1 && said.contains("nothing is stored about `groq:lama`\nhint: near to it: groq:llama"),
            "{said}"
        );
        let (code, said) = status(&world, &["errors", "show", "feedface"]);
        assert!(code == 1 && said.contains("no error has a fingerprint") && said.contains("hint:"), "{said}");
        let (code, said) = status(&world, &["errors", "show", ""]);
        assert!(code == 2 && said.contains("the beginning of several fingerprints"), "{said}");
        let (code, said) = status(&world, &["results", "show", "nonsense\u{1b}[2J"]);
        assert!(
            code == 1 && said.contains("no run or error has the id") && !said.contains('\u{1b}'),
            "{said}"
        );
        let empty = world.ask(&["results", "list", "--provider", "cerebras"]);
        assert_eq!((empty.status.code(), text(&empty).as_str()), (Some(0), ""));
        assert!(errors(&empty).contains("no run is stored that fits"));
        // A model that never failed has a story, too.
        let (code, said) = status(&world, &["errors", "show", "openai:gpt"]);
        assert_eq!(code, 0, "{said}");
    }
}

/// A slip in a provider's name is one wherever a provider can be named.
#[tokio::test]
async fn a_provider_that_nobody_knows_gets_its_nearest_name() {
    for world in worlds().await {
        for question in [
            &["errors", "summary", "--provider", "grok"][..],
            &["errors", "tail", "--model", "grok:llama"],
            &["errors", "show", "grok:llama"],
            &["results", "list", "--provider", "grok"],
            &["results", "list", "--counts", "--provider", "grok"],
            &["results", "export", "--provider", "grok"],
            &["results", "compare", "openai", "grok"],
            &["models", "list", "--provider", "grok"],
            &["models", "add", "grok:llama", "--no-probe"],
            &["catalog", "sync", "--provider", "grok"],
            &["catalog", "diff", "--provider", "grok"],
            &["catalog", "list", "--provider", "grok"],
            &["status", "--provider", "grok"],
            &["doctor", "--offline", "--provider", "grok"],
            &["run", "--provider", "grok"],
            &["run", "--model", "grok:llama"],
            &["daemon", "--once", "--providers", "grok"],
        ] {
            let (code, said) = status(&world, question);
            assert!(code == 2 && said.contains("did you mean groq?"), "{question:?}: {said}");
        }
        let (code, said) = status(&world, &["models", "show", "grok:*"]);
        assert!(code == 1 && said.contains("did you mean the provider groq?"), "{said}");
        let (code, said) = status(&world, &["ingest", "key", "add", "vm", "--provider", "grok"]);
        assert!(code == 2 && said.contains("did you mean groq?") && said.contains("--force"), "{said}");
        let (code, said) = status(&world, &["ingest", "key", "add", "vm", "--provider", "grok", "--force"]);
        assert_eq!(code, 0, "{said}");
    }
}

/// Rows of a provider that only another program measures are rows like all others.
#[tokio::test]
async fn a_provider_of_rows_alone_is_known() {
    for world in worlds().await {
        for (id, provider, role) in [("seen", "house-llm", "published"), ("manual", "desk-llm", "manual")] {
            let mut run = run(id, provider, "m");
            run.sample_role = role.to_owned();
            world.store.record(&success(&run)).await.unwrap();
            for noun in ["errors summary", "results list", "results export"] {
                let question: Vec<&str> = noun.split(' ').chain(["--provider", provider]).collect();
                let (code, said) = status(&world, &question);
                assert_eq!(code, 0, "{question:?}: {said}");
            }
        }
        let (code, said) = status(&world, &["results", "compare", "house-llm", "desk-llm"]);
        assert!(code == 2 && said.contains("too few runs"), "{said}");
    }
}

#[tokio::test]
async fn a_model_without_rows_stands_beside_those_that_are_near() {
    for world in worlds().await {
        for noun in ["errors summary", "results list", "results list --counts"] {
            let ask = |model| status(&world, &noun.split(' ').chain(["--model", model]).collect::<Vec<_>>());
            let (code, said) = ask("groq:lama");
            assert!(code == 0 && said.contains("`groq:lama`; near to it: groq:llama"), "{noun}: {said}");
            assert!(!ask("groq:bananas").1.contains("near to it"));
        }
    }
}

#[test]
fn times_that_are_none_are_refused_with_the_accepted_forms() {
    for (arguments, part) in [
        (vec!["errors", "summary", "--since", "fortnight"], "write 24h, 7d"),
        (vec!["errors", "summary", "--from", "2026-08-02", "--to", "2026-08-01"], "before it begins"),
        (vec!["errors", "show", "a:b", "--since", "2999-01-01"], "in the future"),
        (vec!["results", "list", "--to", "-1h"], ""),
        (vec!["errors", "summary", "--max-error-rate", "120%"], "between 0% and 100%"),
        (vec!["errors", "summary", "--json", "--csv"], "cannot be used with"),
        (vec!["results", "list", "-n", "0"], "0 is not in"),
    ] {
        let output = llmbench(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(part), "{}", errors(&output));
    }
}

#[test]
fn a_store_that_is_away_is_75_and_names_no_other_way_to_measure() {
    let output = llmbench(&["errors", "summary", "--store", "mongodb://127.0.0.1:1/db"]);
    assert_eq!(output.status.code(), Some(75), "{}", errors(&output));
}

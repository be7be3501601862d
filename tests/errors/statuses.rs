//! Exit statuses, and the words that come with them.

use super::world::{DAY, World, errors, text, worlds};
use crate::support::llmbench;

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
        assert!(said.contains("groq: error rate 62.5 % is above 50 %"), "{said}");
        assert!(said.contains("vertex: error rate 100 % is above 50 %"), "{said}");
        assert_eq!(limit("61%", &["--by", "kind"]).0, 0);
        assert_eq!(limit("59%", &["--by", "kind"]).0, 1);
        assert_eq!(limit("0", &["--provider", "openai"]).0, 0);
        let (code, said) = limit("5%", &["--provider", "nobody"]);
        assert!(code == 1 && said.contains("no attempt in the window"), "{said}");
        assert_eq!(status(&world, &["errors", "summary", "--provider", "nobody"]).0, 0);
    }
}

#[tokio::test]
async fn what_is_not_there_is_no_and_names_what_is_near() {
    for world in worlds().await {
        let (code, said) = status(&world, &["errors", "show", "groq:lama"]);
        assert!(
            code == 1 && said.contains("nothing is stored about `groq:lama`: did you mean groq:llama?"),
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
        let empty = world.ask(&["results", "list", "--provider", "nobody"]);
        assert_eq!((empty.status.code(), text(&empty).as_str()), (Some(0), ""));
        assert!(errors(&empty).contains("--probe"));
        // A model that never failed has a story, too.
        let (code, said) = status(&world, &["errors", "show", "openai:gpt"]);
        assert_eq!(code, 0, "{said}");
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

//! Without a terminal: flags answer everything, and what they do not answer is an error that names them.

use super::{MODEL, config, measured, refusing, server, written};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::answers::CANARY;
use crate::support::ran::ran;
use serde_json::Value;
use std::fs;

const SIM: &str = "sim:steady-ttft5-gap1-n8";

#[test]
fn without_a_terminal_the_error_names_the_flags_and_nothing_is_written() {
    let home = Home::new();
    for (arguments, words) in [
        (
            &[][..],
            &["no provider is named", "--provider", "--base-url", "--model", "--no-probe", "--store"][..],
        ),
        (&["-p", "groq"], &["no model of groq is named", "--model groq:MODEL_ID", "--no-probe"]),
        (&["-p", "grok", "--no-probe"], &["unknown provider `grok`", "did you mean groq?", "--base-url"]),
        (&["-m", "steady"], &["`steady`", "provider:model_id", "openai"]),
        (&["--base-url", "cellar"], &["--base-url: write NAME=URL"]),
        (&["--base-url", "Cellar=http://127.0.0.1:1/v1", "--no-probe"], &["a-z, 0-9", "nothing was written"]),
        (&["--base-url", "cellar=ftp://h/v1", "--no-probe"], &["ftp", "nothing was written"]),
        (
            &["--base-url", "cellar=127.0.0.1:8000", "--no-probe"],
            &["https://, or with http:// on this machine"],
        ),
        (
            &["--base-url", "cellar=localhost:8000", "--no-probe"],
            &["https://, or with http:// on this machine"],
        ),
        (&["-p", "groq", "--no-probe", "--key-env", "openai=X"], &["`openai` is not to be measured"]),
        (&["-p", "sim", "--store", "postgres://h"], &["postgres", "sqlite:"]),
        (&["-p", "sim", "--no-probe", "-m", SIM], &["cannot be used with"]),
    ] {
        let said = home.ran(&[&["init"], arguments].concat());
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        for word in words {
            assert!(said.err.contains(word), "{arguments:?} without {word}: {said:?}");
        }
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_key_in_the_place_of_its_variable_is_refused_and_not_repeated() {
    let home = Home::new();
    for value in [
        format!("openai={CANARY}"),
        CANARY.to_owned(),
        format!("{CANARY}=openai"),
        "openai=gsk_0123456789abcdefghijKLMN".to_owned(),
    ] {
        let said = home.ran(&["init", "-p", "openai", "--no-probe", "--key-env", &value]);
        let key = value.split('=').max_by_key(|part| part.len()).unwrap();
        assert!(said.code == 2 && !said.err.contains(key), "{said:?}");
    }
    assert!(!config(&home).exists());
}

#[test]
fn the_simulator_is_set_up_and_measured_with_one_command() {
    let home = Home::new();
    let said = home.ran(&["init", "-m", SIM]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.err.contains("its owner alone can read it") && said.err.contains(&format!("{SIM} answered")),
        "{said:?}"
    );
    assert!(said.out.starts_with("Next:\n  llmbench run --all -n 5"), "{said:?}");
    let file = written(&home);
    assert!(file.contains("[providers.sim]") && file.contains("data/llmbench/llmbench.db"), "{file}");
    assert_eq!(measured(&home), [SIM]);
    let run = home.ran(&["run", "--all", "-n", "2"]);
    assert_eq!(run.code, 0, "what was said to be next works: {run:?}");
    assert_eq!(home.rows("runs").len(), 3, "the call that let it in, and two more");
    let doctor = home.ran(&["doctor", "--offline"]);
    assert!(doctor.out.contains("first steps") && !doctor.out.contains("llmbench init"), "{doctor:?}");
}

#[tokio::test]
async fn a_server_of_ones_own_is_measured_on_either_store() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        tokio::task::spawn_blocking(move || own_server(&backend.url())).await.unwrap();
    }
}

fn own_server(store: &str) {
    let (home, server) = (Home::new(), server());
    let address = format!("cellar={}", server.url("/v1"));
    let model = format!("cellar:{MODEL}");
    let key = ["--key-env", "cellar=CELLAR_KEY", "--store", store];
    let mut command =
        home.llmbench(&[&["init", "--base-url", &address, "-m", &model, "--json"][..], &key].concat());
    let said = ran(command.env("CELLAR_KEY", CANARY));
    assert_eq!(said.code, 0, "{said:?}");
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["schema"], "llmbench.init/1");
    assert_eq!(document["probes"][0]["model"], model.as_str());
    assert_eq!(document["probes"][0]["state"], "answered");
    assert_eq!(document["providers"][0]["key_variable"], "CELLAR_KEY");
    assert_eq!(document["providers"][0]["key_is_set"], true);
    assert!(server.heads().iter().any(|head| head.contains(&format!("Bearer {CANARY}"))));
    let file = written(&home);
    for line in ["[providers.cellar]", "dialect = \"chat\"", "key_env = \"CELLAR_KEY\""] {
        assert!(file.lines().any(|own| own == line), "no {line} in {file}");
    }
    assert!(!format!("{said:?}{file}").contains(CANARY));
    assert_eq!(measured(&home), [model]);
}

#[test]
fn a_model_that_does_not_answer_is_told_with_its_remedy_and_the_file_stays() {
    let (home, server) = (Home::new(), refusing());
    let mut command = home.llmbench(&["init", "-m", "openai:gpt-4o-mini", "-m", SIM]);
    command.env("OPENAI_API_KEY", CANARY).env("OPENAI_BASE_URL", server.url("/v1"));
    let said = ran(&mut command);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains("openai:gpt-4o-mini did not answer: auth") && said.err.contains("hint: "),
        "{said:?}"
    );
    assert!(said.err.contains(&format!("{SIM} answered")), "one failure does not keep the others: {said:?}");
    assert!(said.out.contains("llmbench models add openai:gpt-4o-mini"), "{said:?}");
    assert!(said.out.contains("llmbench models remove openai:gpt-4o-mini"), "{said:?}");
    let removed = home.ran(&["models", "remove", "openai:gpt-4o-mini", "--yes"]);
    assert_eq!(removed.code, 0, "what was said to be next works: {removed:?}");
    assert!(!format!("{said:?}").contains(CANARY));
    assert!(written(&home).contains("[providers.openai]\n# its key is in OPENAI_API_KEY"));
}

#[test]
fn a_provider_without_a_key_is_not_asked_and_the_variable_is_named() {
    let home = Home::new();
    let said = home.ran(&["init", "-m", "groq:llama-3.3-70b-versatile", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["probes"][0]["state"], "not_asked");
    assert_eq!(document["probes"][0]["reason"], "no key: GROQ_API_KEY is not set");
    assert_eq!(document["next"][0]["command"], "export GROQ_API_KEY=…");
    written(&home);
    let quiet = Home::new();
    assert_eq!(quiet.ran(&["init", "-p", "groq", "--no-probe"]).code, 0);
}

#[test]
fn a_store_that_is_away_keeps_nobody_from_the_file() {
    let home = Home::new();
    let away = "mongodb://user:hunter2@127.0.0.1:1/x?serverSelectionTimeoutMS=200";
    let said = home.ran(&["init", "-p", "sim", "--store", away]);
    assert_eq!(said.code, 75, "{said:?}");
    assert!(
        said.err.contains("no model was asked") && said.err.contains("the password of the store"),
        "{said:?}"
    );
    assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    assert!(written(&home).contains("hunter2"), "the file is the owner's alone");
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let home = Home::new();
    let init = |arguments: &[&str]| home.ran(&[&["init", "-p", "sim", "--no-probe"], arguments].concat());
    assert_eq!(init(&[]).code, 0);
    // Not even one that no command can read.
    fs::write(config(&home), "broken = [").unwrap();
    let refused = init(&[]);
    assert!(
        refused.code == 2 && refused.err.contains("is there already") && refused.err.contains("--force"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(config(&home)).unwrap(), "broken = [");
    assert_eq!(init(&["--force"]).code, 0);
    assert!(written(&home).contains("[providers.sim]"));
    let elsewhere = init(&["--config", "mine/bench.toml"]);
    assert_eq!(elsewhere.code, 0, "{elsewhere:?}");
    assert!(elsewhere.out.contains("export LLMBENCH_CONFIG=/"), "{elsewhere:?}");
    assert!(home.path().join("mine/bench.toml").is_file());
    let nowhere = init(&["--config", "/dev/null/c.toml"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("cannot be written"), "{nowhere:?}");
}

#[test]
fn what_the_environment_says_about_the_store_stays_there() {
    let home = Home::new();
    let own = home.path().join("own.db");
    let url = format!("sqlite:{}", own.display());
    let mut command = home.llmbench(&["init", "-m", SIM]);
    let said = ran(command.env("LLMBENCH_STORE", &url));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(own.is_file() && !written(&home).lines().any(|line| line.starts_with("store")));
    let mut again = home.llmbench(&["init", "-p", "sim", "--no-probe", "--force", "--store", "other.db"]);
    let said = ran(again.env("LLMBENCH_STORE", &url));
    assert!(said.code == 0 && said.err.contains("warning: LLMBENCH_STORE is set, and wins"), "{said:?}");
    assert!(written(&home).contains(&format!("store = \"sqlite:{}/other.db\"", home.path().display())));
}

#[test]
fn a_second_time_measures_no_model_twice() {
    let home = Home::new();
    assert_eq!(home.ran(&["init", "-m", SIM]).code, 0);
    let said = home.ran(&["init", "-m", SIM, "--force", "--json"]);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &document["probes"][0]["state"]), (0, &Value::from("measured")), "{said:?}");
    assert_eq!(home.rows("runs").len(), 1);
}

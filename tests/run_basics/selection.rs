//! Which models are measured.

use crate::support::Home;
use crate::support::catalogue::put_model;
use llmbench::domain::ModelRef;
use llmbench::storage::{Location, Names, open};

const A: &str = "steady-ttft1-gap1-n2";
const B: &str = "steady-ttft1-gap1-n3";

/// A home whose catalogue holds these models, enabled or not.
async fn home(models: &[(&str, &str, bool)]) -> Home {
    let home = Home::new();
    let path = home.database();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let store = open(&Location::Sqlite(path), &Names::default(), &[]).await.unwrap();
    for (provider, model, enabled) in models {
        put_model(&*store, &ModelRef::new(*provider, *model), model, *enabled).await.unwrap();
    }
    home
}

fn measured(home: &Home, arguments: &[&str]) -> (i32, Vec<String>, String) {
    let ran = home.ran(&[&["run", "--ndjson"], arguments].concat());
    let mut models: Vec<String> =
        ran.lines().iter().map(|line| line["model_name"].as_str().unwrap().to_owned()).collect();
    models.sort();
    (ran.code, models, ran.err)
}

#[tokio::test]
async fn all_is_what_the_catalogue_has_enabled_and_skips_visibly() {
    let home =
        home(&[("sim", A, true), ("sim", B, true), ("sim", "steady-n9", false), ("groq", "m", true)]).await;
    let (code, models, said) = measured(&home, &["--all"]);
    assert_eq!((code, models), (0, vec![A.to_owned(), B.to_owned()]));
    assert!(
        said.starts_with("skipping groq (1 models): no key for provider `groq`: set GROQ_API_KEY"),
        "{said}"
    );
    let (code, models, said) = measured(&home, &["--provider", "sim"]);
    assert_eq!((code, models.len(), said.as_str()), (0, 2, ""));
}

#[tokio::test]
async fn a_key_that_is_missing_is_an_error_where_the_model_was_named() {
    let home = home(&[("groq", "m", true)]).await;
    for arguments in [["--model", "groq:m"], ["--provider", "groq"]] {
        let (code, models, said) = measured(&home, &arguments);
        assert_eq!((code, models.len()), (2, 0));
        assert!(said.starts_with("error: no key for provider `groq`: set GROQ_API_KEY"), "{said}");
    }
    let (code, _, said) = measured(&home, &["--all"]);
    assert_eq!(code, 2);
    assert!(said.contains("error: no provider could be called"), "{said}");
}

#[tokio::test]
async fn a_bare_id_is_looked_up_and_has_to_be_unique() {
    let home = home(&[("sim", A, true), ("sim", B, true), ("together", B, true)]).await;
    assert_eq!(measured(&home, &["--model", A]).1, [A]);
    let (code, models, said) = measured(&home, &["--model", B]);
    assert_eq!((code, models.len()), (2, 0));
    assert!(said.contains(&format!("`{B}` is not unique: sim:{B}, together:{B}")), "{said}");
    let (code, _, said) = measured(&home, &["--model", "steady-n7"]);
    assert_eq!(code, 2);
    assert!(said.contains("the catalogue knows no model `steady-n7`"), "{said}");
}

#[tokio::test]
async fn a_model_that_is_named_twice_is_measured_once() {
    let home = home(&[]).await;
    let (code, models, _) =
        measured(&home, &["--model", &format!("sim:{A}"), "--model", &format!("sim:{A}")]);
    assert_eq!((code, models.len()), (0, 1));
}

#[tokio::test]
async fn the_catalogue_is_the_stores() {
    let home = home(&[("sim", A, true)]).await;
    for flags in [&["--all"][..], &["--provider", "sim"]] {
        let (code, models, said) = measured(&home, &[&["--no-store"], flags].concat());
        assert_eq!((code, models.len()), (2, 0));
        assert!(said.contains("reads the store's catalogue, and --no-store opens none"), "{said}");
    }
}

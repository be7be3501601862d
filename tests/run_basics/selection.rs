//! Which models are measured.

use crate::support::Home;
use crate::support::catalog::put_model;
use llmbench::domain::ModelRef;
use llmbench::storage::{CollectionNames, StoreLocation, open};

const A: &str = "steady-ttft1-gap1-n2";
const B: &str = "steady-ttft1-gap1-n3";

/// A home whose catalog holds these models, enabled or not.
async fn home(models: &[(&str, &str, bool)]) -> Home {
    let home = Home::new();
    let path = home.database();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let store = open(&StoreLocation::Sqlite(path), &CollectionNames::default(), &[]).await.unwrap();
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
async fn all_is_what_the_catalog_has_enabled_and_skips_visibly() {
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
    assert!(said.contains("the catalog knows no model `steady-n7`"), "{said}");
}

#[tokio::test]
async fn a_model_that_is_named_twice_is_measured_once() {
    let home = home(&[]).await;
    let (code, models, _) =
        measured(&home, &["--model", &format!("sim:{A}"), "--model", &format!("sim:{A}")]);
    assert_eq!((code, models.len()), (0, 1));
}

#[tokio::test]
async fn the_catalog_is_the_stores() {
    let home = home(&[("sim", A, true)]).await;
    for flags in [&["--all"][..], &["--provider", "sim"]] {
        let (code, models, said) = measured(&home, &[&["--no-store"], flags].concat());
        assert_eq!((code, models.len()), (2, 0));
        assert!(said.contains("reads the store's catalog, and --no-store opens none"), "{said}");
    }
}

#[tokio::test]
async fn patterns_and_bare_arguments_mean_models() {
    let home =
        home(&[("sim", A, true), ("sim", B, true), ("sim", "steady-n9", false), ("groq", "m", true)]).await;
    let (code, models, said) = measured(&home, &["sim:*"]);
    assert_eq!(
        (code, models),
        (0, vec![A.to_owned(), B.to_owned()]),
        "the disabled one does not fit: {said}"
    );
    let (code, models, _) = measured(&home, &["sim:steady-n2-ttft1-gap1", "-m", "sim:*-n3"]);
    assert_eq!((code, models), (0, vec!["steady-n2-ttft1-gap1".to_owned(), B.to_owned()]));
    // Without a key: an error where the provider is named, skipped where a model of it only fits.
    let (code, _, said) = measured(&home, &["groq:*"]);
    assert!(code == 2 && said.starts_with("error: no key for provider `groq`"), "{said}");
    let (code, models, said) = measured(&home, &["*m*"]);
    assert!(code == 0 && models.len() == 2 && said.starts_with("skipping groq"), "{said}");
    let (code, models, said) = measured(&home, &["-m", "local:*"]);
    assert!(code == 1 && models.is_empty(), "{said}");
    assert!(said.starts_with("error: no enabled model fits `local:*`"), "{said}");
}

#[test]
fn where_no_enabled_model_fits_the_simulators_do() {
    let home = Home::new();
    let ran = home.ran(&["run", "--no-store", "--ndjson", "sim:fl*d"]);
    assert_eq!((ran.code, ran.line()["model_name"].as_str()), (0, Some("flood")), "{ran:?}");
}

#[test]
fn several_models_stand_side_by_side_sorted() {
    let models = ["sim:steady-ttft90-gap1-n4", "sim:steady-ttft2-gap9-n4", "sim:error401"];
    let rows = |sort: &str| {
        let ran = Home::new().ran(&[&["run", "--no-store", "--sort", sort][..], &models].concat());
        let lines = ran.out.lines().skip_while(|line| !line.starts_with("MODEL"));
        let found: Vec<String> =
            lines.skip(1).take(3).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
        assert_eq!(found.len(), 3, "{ran:?}");
        found
    };
    assert_eq!(rows("ttft"), [models[1], models[0], models[2]]);
    assert_eq!(rows("name"), [models[2], models[1], models[0]]);
    assert_eq!(rows("tps").last().unwrap(), models[2]);
}

#[test]
fn what_cannot_be_asked_says_what_can() {
    let home = Home::new();
    let nothing = home.ran(&["run", "-n", "0", "sim:steady"]);
    assert!(nothing.code == 2 && nothing.err.contains("must be a whole number of 1 or more"), "{nothing:?}");
    let unitless = home.ran(&["run", "sim:steady", "--fail-if", "ttft_p95>2"]);
    assert!(unitless.code == 2 && unitless.err.contains("is a time: write 2s or 2ms"), "{unitless:?}");
    for both in ["--json", "--ndjson"] {
        let said = home.ran(&["run", "sim:steady", "--csv", "-", both]);
        assert!(said.code == 2 && said.err.contains("both write to standard output"), "{said:?}");
    }
    assert!(!home.database().exists(), "nothing was measured");
}

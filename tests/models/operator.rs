//! What an operator does from a script: everything that the mongosh snippets did, and what they could not.

use super::{Office, Said};
use crate::stores::backend::{Backend, Kind};
use crate::support::catalog::put_model;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

#[tokio::test]
async fn on_sqlite() {
    tell(Backend::sqlite()).await;
}

#[tokio::test]
async fn on_mongodb() {
    tell(Backend::mongo().await).await;
}

/// The binary is waited for on another thread, so that the drivers of the test go on.
async fn tell(backend: Backend) {
    let office = Office::new(backend);
    let office = tokio::task::spawn_blocking(move || {
        a_probe_decides(&office);
        what_cannot_be_added_is_said(&office);
        patterns_are_asked_about(&office);
        selectors_that_match_nothing(&office);
        disabling_says_why_and_enabling_forgets_it(&office);
        everything_is_undone(&office);
        what_never_succeeded_is_removed(&office);
        names_and_quirks_change(&office);
        another_programs_quirk_is_kept_by_force(&office);
        lists_for_programs(&office);
        office
    });
    let office = office.await.unwrap();
    let rows = office.backend.rows(Kind::Probe).await;
    assert!(rows.iter().all(|row| row["sample_role"] == "admission"), "a probe is never published");
    assert_eq!(rows.len(), 1);
    assert_eq!(office.backend.rows(Kind::Errors).await.len(), 2);
}

const GOOD: &str = "sim:steady-ttft5-gap1-n8";

fn row(office: &Office, model: &str) -> Value {
    let shown = office.json(&["show", model, "--json"]);
    assert_eq!(shown["schema"], "llmbench.models.show/1");
    shown["models"][0].clone()
}

fn a_probe_decides(office: &Office) {
    let said = office.say(&["add", GOOD]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("answered: first token after"), "{said:?}");
    assert_eq!(office.ids(&[]), [GOOD]);
    let again = office.say(&["add", GOOD]);
    assert!(again.status == 0 && again.err.contains("enabled already") && again.out.is_empty(), "{again:?}");

    let said = office.say(&["add", "sim:error404"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("did not answer: hard_model"), "{said:?}");
    assert_eq!(office.ids(&[]), [GOOD]);
    let failed = row(office, "sim:error404");
    assert_eq!((&failed["model"]["enabled"], &failed["model"]["status"]), (&json!(false), &json!("probing")));
    assert_eq!(failed["model"]["disabled_class"], "hard_model");
    assert!(failed["model"]["disabled_by"].as_str().unwrap().starts_with("ann@"));
    // On probation the same command tries again.
    let again = office.say(&["add", "sim:error404", "--reason", "second try"]);
    assert!(again.status == 1 && again.err.contains("did not answer"), "{again:?}");

    let file = "sim:staged\n{\"provider\": \"sim\", \"model_id\": \"named\", \"display_name\": \"Named\"}\n";
    std::fs::write(office.home.path().join("new.txt"), file).unwrap();
    let arguments =
        ["add", "--from-file", "new.txt", "--no-probe", "--yes", "--metadata", "omit_temperature=true"];
    office.done(&arguments);
    let staged = row(office, "sim:named");
    assert_eq!(staged["model"]["display_name"], "Named");
    assert_eq!(staged["entry"]["metadata"], json!({"omit_temperature": true}));
    assert_eq!((&staged["model"]["status"], &staged["model"]["enabled"]), (&json!("probing"), &json!(false)));
}

fn what_cannot_be_added_is_said(office: &Office) {
    for (arguments, status, words) in [
        (&["add"][..], 2, "models add PROVIDER:MODEL_ID"),
        (&["add", "grok:x"], 2, "did you mean groq?"),
        (&["add", "bare"], 2, "write provider:model_id"),
        (&["add", "foo:"], 2, "providers are openai, "),
        (&["add", "foo:x"], 2, "Known: openai, "),
        (&["add", "sim:x", "--metadata", "omit_temprature=true"], 2, "did you mean omit_temperature?"),
        (&["add", "groq:x"], 2, "GROQ_API_KEY"),
        (&["add", "sim:STEADY-ttft5-gap1-n8", "--no-probe"], 1, "differs in case alone"),
        (&["add", "sim:x", "--metadata", "nothing"], 2, "write KEY=VALUE"),
        (&["add", "--from-file", "missing.txt"], 2, "missing.txt"),
        (&["add", "sim:x", "sim:y", "--display-name", "X", "--yes"], 2, "for one model"),
        (&["add", "sim:x", "sim:y", "--no-probe"], 2, "--yes"),
    ] {
        let said = office.say(arguments);
        assert!(said.status == status && said.err.contains(words), "{arguments:?}: {said:?}");
    }
    for (name, words) in [
        ("bedrock:anthropic.claude-x", "global.anthropic.claude-x"),
        ("bedrock:amazon.nova-pro-v1:0", "global.amazon.nova-pro-v1:0"),
        ("openai:text-embedding-3-small", "embeddings"),
        ("groq:llama-guard-4", "guard"),
        ("groq:compound", "compound"),
    ] {
        let said = office.say(&["add", name, "--no-probe", "--dry-run"]);
        assert!(said.status == 0 && said.err.contains(words) && said.out.contains(name), "{name}: {said:?}");
    }
    assert_eq!(office.ids(&["--all"]).len(), 4);
}

fn patterns_are_asked_about(office: &Office) {
    let nobody = office.say(&["enable", "sim:staged*"]);
    assert!(nobody.status == 2 && nobody.err.contains("--yes"), "{nobody:?}");
    let shown = office.say(&["enable", "sim:*named", "sim:staged", "--dry-run"]);
    assert_eq!(shown.status, 0);
    assert!(
        shown.out.contains("sim:named: enabled false -> true, status \"probing\" taken away"),
        "{shown:?}"
    );
    assert_eq!(office.ids(&[]), [GOOD]);
    office.done(&["enable", "sim:*named", "sim:staged", "--no-probe", "--yes"]);
    assert_eq!(office.ids(&[]), ["sim:named", "sim:staged", GOOD]);
}

fn selectors_that_match_nothing(office: &Office) {
    let batches = office.json(&["history", "--json"])["batches"].as_array().unwrap().len();
    for arguments in [
        &["disable", "sim:named", "sim:stagd", "--reason", "x"][..],
        &["enable", "sim:stagd"],
        &["show", "sim:stagd"],
        &["history", "sim:stagd"],
    ] {
        let said = office.say(arguments);
        assert!(said.status == 1 && said.err.contains("near to it: sim:staged"), "{arguments:?}: {said:?}");
    }
    for arguments in [&["undo", "nobody"][..], &["history", "--batch", "nobody"]] {
        assert_eq!(office.say(arguments).status, 1, "{arguments:?}");
    }
    for arguments in [
        &["disable", "sim:named"][..],
        &["disable", "sim:named", "--reason", " "],
        &["disable", "sim:named", "--reason", "x", "--until", "soon"],
        &["disable", "sim:named", "--reason", "x", "--until", "2020-01-01"],
        &["disable", "sim:named", "--reason", "x", "--class", "Two Words"],
        &["list", "--provider", "grok"],
    ] {
        assert_eq!(office.say(arguments).status, 2, "{arguments:?}");
    }
    assert_eq!(office.json(&["history", "--json"])["batches"].as_array().unwrap().len(), batches);
}

fn disabling_says_why_and_enabling_forgets_it(office: &Office) {
    let reason = "no longer\nserved \u{1b}[31m";
    let arguments =
        ["disable", "sim:named", "--reason", reason, "--class", "hard_model", "--until", "2999-01-01"];
    office.done(&arguments);
    let off = row(office, "sim:named")["model"].clone();
    assert_eq!((&off["disabled_reason"], &off["disabled_class"]), (&json!(reason), &json!("hard_model")));
    assert_eq!(off["disabled_until"], "2999-01-01T00:00:00.000Z");
    let listed = office.done(&["list", "--disabled"]);
    assert!(listed.contains("no longer served \\u{1b}[31m (until 2999-01-01)"), "{listed}");
    assert!(
        listed.contains("hard_model") && listed.contains("ann@") && !listed.contains('\u{1b}'),
        "{listed}"
    );

    let again = office.say(&["disable", "sim:named", "--reason", "other"]);
    assert!(again.status == 0 && again.err.contains("disabled already"), "{again:?}");
    assert_eq!(row(office, "sim:named")["model"]["disabled_reason"], reason);
    let refused = office.say(&["add", "sim:named"]);
    assert!(refused.status == 1 && refused.err.contains("models enable sim:named"), "{refused:?}");

    office.done(&["enable", "sim:named", "--reason", "served again", "--no-probe"]);
    let on = row(office, "sim:named");
    assert_eq!(on["model"]["enabled"], true);
    for name in ["disabled_reason", "disabled_class", "disabled_at", "disabled_by", "disabled_until"] {
        assert_eq!(on["entry"].get(name), None, "{name}");
    }
    let changes = on["changes"].as_array().unwrap();
    let actions: Vec<&str> = changes.iter().map(|change| change["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["enable", "disable", "enable", "add"]);
    assert_eq!(changes[0]["why"], "served again");
}

fn everything_is_undone(office: &Office) {
    let before = row(office, GOOD)["entry"].clone();
    let batch = office.done(&["disable", "sim:*", "--reason", "maintenance", "--yes"]);
    assert!(office.ids(&[]).is_empty());
    let shown = office.json(&["history", "--batch", &batch, "--json"])["batches"][0].clone();
    assert_eq!(
        (&shown["planned"], &shown["done"], &shown["action"]),
        (&json!(3), &json!(3), &json!("disable"))
    );
    assert_eq!(shown["why"], "maintenance (manual)");
    assert!(shown["finished_at"].is_string());

    assert_eq!(office.say(&["undo", &batch]).status, 2, "three models are asked about");
    let undo = office.done(&["undo", &batch, "--yes"]);
    assert_eq!(office.ids(&[]), ["sim:named", "sim:staged", GOOD]);
    assert_eq!(row(office, GOOD)["entry"], before);
    let shown = office.json(&["history", "--batch", &batch, "--json"])["batches"][0].clone();
    assert_eq!(shown["undone_by"], json!(undo));

    // Undone already: the entries are no longer what the batch left.
    let twice = office.say(&["undo", &batch, "--yes"]);
    assert!(twice.status == 1 && twice.err.contains("was changed meanwhile by ann@"), "{twice:?}");
    assert_eq!(office.ids(&[]).len(), 3);
    // What was added is not deleted.
    let added = office.done(&["add", "sim:extra", "--no-probe"]);
    office.done(&["undo", &added]);
    let extra = row(office, "sim:extra")["model"].clone();
    assert_eq!((&extra["enabled"], &extra["disabled_class"]), (&json!(false), &json!("undone")));
}

fn what_never_succeeded_is_removed(office: &Office) {
    // What has a successful run is refused, and all that was named with it.
    for named in [&[GOOD][..], &["sim:staged", GOOD], &["sim:*"]] {
        let refused = office.say(&[&["remove"], named, &["--yes"]].concat());
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(
            refused.err.contains("successful run") && refused.err.contains("models disable"),
            "{refused:?}"
        );
    }
    let added = office.done(&["add", "sim:tpyo", "--no-probe", "--metadata", "reasoning_effort=low"]);
    let before = row(office, "sim:tpyo")["entry"].clone();
    let nobody = office.say(&["remove", "sim:tpyo"]);
    assert!(nobody.status == 2 && nobody.err.contains("--yes"), "{nobody:?}");
    let shown = office.done(&["remove", "sim:tpyo", "--dry-run"]);
    assert!(shown.contains("sim:tpyo: removed from the catalog"), "{shown}");
    assert_eq!(row(office, "sim:tpyo")["entry"], before);

    let batch = office.done(&["remove", "sim:tpyo", "--reason", "mistyped", "--yes"]);
    let all = office.ids(&["--all"]);
    assert!(!all.contains(&"sim:tpyo".to_owned()) && all.contains(&GOOD.to_owned()), "{all:?}");
    let history = office.json(&["history", "sim:tpyo", "--json"])["batches"].clone();
    let actions: Vec<&Value> = history.as_array().unwrap().iter().map(|batch| &batch["action"]).collect();
    assert_eq!(actions, [&json!("remove"), &json!("add")]);
    assert_eq!((&history[0]["changes"][0]["before"], &history[0]["why"]), (&before, &json!("mistyped")));
    let gone = office.say(&["undo", &added]);
    assert!(gone.status == 1 && gone.err.contains("not in the catalog any more"), "{gone:?}");

    office.done(&["undo", &batch]);
    assert_eq!(row(office, "sim:tpyo")["entry"], before);
    // Whoever added it anew meanwhile keeps what they made.
    let batch = office.done(&["remove", "sim:tpyo", "--yes"]);
    office.done(&["add", "sim:tpyo", "--no-probe", "--display-name", "Anew"]);
    let late = office.say(&["undo", &batch]);
    assert!(late.status == 1 && late.err.contains("was changed meanwhile by ann@"), "{late:?}");
    assert_eq!(row(office, "sim:tpyo")["entry"]["display_name"], "Anew");
    office.done(&["remove", "sim:tpyo", "--yes"]);
}

fn names_and_quirks_change(office: &Office) {
    let before = row(office, "sim:named")["entry"].clone();
    let arguments =
        ["set", "sim:named", "--display-name", "Other name", "--metadata", "reasoning_effort=low"];
    let batch = office.done(&arguments);
    let after = row(office, "sim:named");
    assert_eq!(after["entry"]["display_name"], "Other name");
    assert_eq!(after["entry"]["metadata"], json!({"omit_temperature": true, "reasoning_effort": "low"}));
    assert_eq!((&after["entry"]["enabled"], &after["changes"][0]["action"]), (&json!(true), &json!("set")));
    let again = office.say(&arguments);
    assert!(again.status == 0 && again.err.contains("says so already") && again.out.is_empty(), "{again:?}");

    let all = ["set", "sim:*", "--unset", "omit_temperature"];
    assert!(office.say(&all).err.contains("--yes"));
    let shown = office.done(&[&all[..], &["--dry-run"]].concat());
    assert!(shown.contains("sim:named: metadata {"), "{shown}");
    office.done(&["undo", &batch]);
    assert_eq!(row(office, "sim:named")["entry"], before);
    // The last quirk takes the whole field away, and comes back.
    let batch = office.done(&[&all[..], &["--yes"]].concat());
    assert_eq!(row(office, "sim:named")["entry"].get("metadata"), None);
    office.done(&["undo", &batch, "--yes"]);
    assert_eq!(row(office, "sim:named")["entry"], before);

    for (arguments, status, words) in [
        (&["set", "sim:named"][..], 2, "--display-name"),
        (&["set", "sim:named", "--display-name", " "], 2, "a name of one line"),
        (&["set", "sim:named", "--display-name", "two\nlines"], 2, "a name of one line"),
        (&["set", "sim:*", "--display-name", "X", "--yes"], 2, "for one model"),
        (&["set", "sim:named", "--metadata", "nothing"], 2, "write KEY=VALUE"),
        (
            &["set", "sim:named", "--metadata", "omit_temperature=1", "--unset", "omit_temperature"],
            2,
            "one of the two",
        ),
        (&["set", "sim:named", "--metadata", "omit_temprature=true"], 2, "did you mean omit_temperature?"),
        (&["set", "sim:named", "--metadata", "theirs=1"], 2, "--force"),
        (&["set", "sim:namd", "--unset", "a"], 1, "near to it: sim:named"),
    ] {
        let said = office.say(arguments);
        assert!(said.status == status && said.err.contains(words), "{arguments:?}: {said:?}");
    }
}

fn another_programs_quirk_is_kept_by_force(office: &Office) {
    let before = row(office, "sim:named")["entry"].clone();
    let batch = office.done(&["set", "sim:named", "--metadata", "theirs=1", "--force"]);
    assert_eq!(row(office, "sim:named")["entry"]["metadata"]["theirs"], 1);
    office.done(&["undo", &batch]);
    assert_eq!(row(office, "sim:named")["entry"], before);
}

fn lists_for_programs(office: &Office) {
    let listed = office.json(&["list", "--all", "--json"]);
    assert_eq!(listed["schema"], "llmbench.models.list/1");
    let models = listed["models"].as_array().unwrap();
    let names: Vec<&str> = models.iter().map(|row| row["model"].as_str().unwrap()).collect();
    assert_eq!(names, ["error404", "extra", "named", "staged", "steady-ttft5-gap1-n8"]);
    assert_eq!(models[2]["freshness"], "never_run");
    let csv = office.done(&["list", "--all", "--csv"]);
    assert_eq!(csv.lines().count(), 6);
    assert!(csv.starts_with("provider,model,display_name,enabled,"), "{csv}");
    assert_eq!(office.ids(&["--match", "*:s*"]), ["sim:staged", GOOD]);
    assert_eq!(office.ids(&["--stale"]).len(), 3);
    assert!(office.ids(&["--failing"]).is_empty() && office.ids(&["--provider", "groq"]).is_empty());
    let both = office.say(&["list", "--json", "--ids"]);
    assert_eq!(both.status, 2);
}

#[tokio::test]
async fn the_python_runners_rows_are_listed_as_they_are() {
    let backend = Backend::mongo().await;
    let Backend::Mongo(database) = &backend else { panic!() };
    let models = database.collection::<Document>("models");
    let rows = [
        doc! {},
        doc! { "provider": "groq", "model_id": "no-name", "enabled": true },
        doc! { "provider": "groq", "model_id": "forged\ngroq:row\u{1b}[2J", "enabled": true, "display_name": 5 },
        doc! { "provider": "groq", "enabled": true, "disabled_at": "some day" },
        doc! { "provider": ["groq"], "model_id": 7, "enabled": "yes", "deprecated": 1 },
        doc! { "provider": "groq", "model_id": "retired", "enabled": true, "deprecated": true },
    ];
    models.insert_many(rows).await.unwrap();
    let office = Office::new(backend);
    let office = tokio::task::spawn_blocking(move || {
        let table = office.done(&["list", "--all"]);
        assert_eq!(table.lines().count(), 7, "{table}");
        assert!(!table.contains('\u{1b}') && table.contains("forged\\ngroq:row\\u{1b}[2J"), "{table}");
        assert_eq!(office.json(&["list", "--all", "--json"])["models"].as_array().unwrap().len(), 6);
        assert!(office.done(&["list", "--all", "--csv"]).contains("no-name"));
        office.done(&["show", "*"]);
        // Rows without a name are nobody's: a pattern does not reach them.
        office.done(&["disable", "*", "--reason", "all of them", "--yes"]);
        office.done(&["enable", "groq:retired", "--no-probe"]);
        assert_eq!(office.ids(&[]), ["groq:", "groq:retired"]);
        office
    });
    let office = office.await.unwrap();
    let Backend::Mongo(database) = &office.backend else { panic!() };
    let models = database.collection::<Document>("models");
    assert_eq!(models.count_documents(doc! {}).await.unwrap(), 6, "nothing is ever deleted");
    let untouched = models.find_one(doc! { "model_id": 7 }).await.unwrap().unwrap();
    assert_eq!(untouched.get_str("enabled").unwrap(), "yes");
}

/// What was changed before the signal is in the batch, and the batch says that it did not come to its end.
#[tokio::test]
async fn an_interrupted_batch_says_what_it_changed() {
    let backend = Backend::sqlite();
    let store = backend.open(&[]).await;
    for number in 0..400 {
        put_model(&*store, &format!("sim:m{number:03}").parse().unwrap(), "M", true).await.unwrap();
    }
    let office = Office::new(backend);
    tokio::task::spawn_blocking(move || {
        let mut command = office.command(&["disable", "sim:*", "--reason", "x", "--yes"]);
        let child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let enabled = || office.ids(&[]).len();
        while enabled() > 395 {
            std::thread::yield_now();
        }
        let interrupt = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(interrupt, rustix::process::Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        let left = enabled();
        let batch = office.json(&["history", "--json"])["batches"][0].clone();
        assert_eq!(batch["done"], json!(400 - left), "{said:?}");
        assert_eq!(batch["id"], said.out.trim_end());
        if left > 0 {
            assert!(said.status == 130 && batch["finished_at"].is_null(), "{said:?}");
            assert!(said.err.contains(&format!("{} of 400 models changed", 400 - left)), "{said:?}");
        }
        office.done(&["undo", said.out.trim_end(), "--yes"]);
        assert_eq!(enabled(), 400);
    })
    .await
    .unwrap();
}

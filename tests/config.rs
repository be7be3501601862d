//! `llmbench config`: each setting with who said it, and no secret.

use crate::support::Home;
use crate::support::ran::ran;
use serde_json::Value;

const KEY: &str = "canary-81d0ab55e2";

#[test]
fn settings_are_shown_with_their_sources_and_secrets_as_set() {
    let home = Home::new();
    let file = format!(
        "store = 'mongodb://me:{KEY}@db.example/bench'\n[defaults]\ngap = 7\n[providers.groq]\nkey_file = 'k'\n\
         [profiles.default]\npaired = true\nreceipts = true\n\
         [profiles.short]\nid = 'short-v1'\nmax_output_tokens = 8\nprompt = 'Count to\\nten.'\n[daemon]\ngrace = 7\n[daemon.providers.groq]\nruns_per_day = 40\n\
         [notify]\nwebhook_url = 'https://hooks.example/{KEY}'\nto = ['ann@example.com']\n"
    );
    std::fs::write(home.path().join("c.toml"), file).unwrap();
    let ask = |more: &[&str]| {
        let mut command = home.llmbench(&[&["config", "show", "--config", "c.toml"], more].concat());
        command.env("FRESH_MINUTES", "5").env("LLMBENCH_SMTP_PASSWORD", KEY);
        ran(command.env("OPENAI_API_KEY", KEY).env("LLMBENCH_STATE_DIR", "/var/lib/bench"))
    };
    let said = ask(&["--json"]);
    assert!(said.code == 0 && !said.out.contains("canary"), "{said:?}");
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let find = |name: &str| {
        let all = document["settings"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}: {said:?}")).clone()
    };
    for (name, source) in [
        ("config", "flag"),
        ("store", "file"),
        ("state_dir", "environment"),
        ("defaults.gap", "file"),
        ("defaults.total", "default"),
        ("providers.openai.key", "environment"),
        ("providers.groq.key", "file"),
        ("profiles.default.paired", "file"),
        ("profiles.default.receipts", "file"),
        ("profiles.short.max_output_tokens", "file"),
        ("daemon.grace", "file"),
        ("daemon.cadence", "environment"),
        ("daemon.admission.successes", "default"),
        ("daemon.providers.groq.runs_per_day", "file"),
        ("notify.webhook_url", "file"),
        ("notify.smtp_password", "environment"),
        ("notify.to", "file"),
    ] {
        let one = find(name);
        assert_eq!((&one["source"], &one["set"]), (&source.into(), &true.into()), "{one}");
    }
    assert_eq!(find("providers.together.key")["set"], false);
    for (name, value) in [
        ("defaults.gap", Some("7")),
        ("daemon.grace", Some("7")),
        ("daemon.cadence", Some("450")),
        ("daemon.admission.apart", Some("3600")),
        ("daemon.providers.groq.runs_per_day", Some("40")),
        ("notify.to", Some("ann@example.com")),
        ("notify.webhook_url", None),
    ] {
        assert_eq!(find(name)["value"], serde_json::json!(value), "{name}");
    }
    assert_eq!(find("notify.smtp_url")["set"], false);
    let brief = ask(&[]);
    assert!(!brief.out.contains("canary") && !brief.out.contains("providers.together.key"), "{brief:?}");
    assert!(brief.out.contains("environment variable OPENAI_API_KEY"), "{brief:?}");
    assert!(ask(&["-v"]).out.contains("providers.together.key"));
}

#[test]
fn the_path_is_that_of_the_file_that_is_read() {
    let home = Home::new();
    let none = home.ran(&["config", "path"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert!(none.err.contains("config/llmbench/config.toml is not there"), "{none:?}");
    let folder = home.path().join("config/llmbench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "").unwrap();
    let there = home.ran(&["config", "path"]);
    assert_eq!((there.code, there.out), (0, format!("{}\n", folder.join("config.toml").display())));
}

#[test]
fn the_version_says_what_was_built() {
    let home = Home::new();
    assert_eq!(home.ran(&["-V"]).out, format!("llmbench {}\n", env!("CARGO_PKG_VERSION")));
    let long = home.ran(&["--version"]).out;
    let words: Vec<&str> = long.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(words, ["commit", "date", "target", "features"], "{long}");
}

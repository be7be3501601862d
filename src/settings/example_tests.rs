//! Tests the example file: it parses unchanged and with every option enabled, and it shows every option.

use super::file::parse;
use super::{Env, hosts, notify, profiles};
use std::path::Path;

const EXAMPLE: &str = include_str!("../../llmbench.example.toml");

/// Every key of every table, from serde's error about an unknown key.
pub(super) fn known_keys(table: &str) -> Vec<String> {
    let text = format!("{table}\nzzzzzzzzzzzz = 1");
    let said = parse(&text, Path::new("x")).unwrap_err().to_string();
    let (_, known) = said.split_once("; known are ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

/// The example with every commented option enabled, except those that exclude another.
fn switched_on() -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(option)
            if is_option(option)
                && !option.starts_with("prompt_file")
                && !option.starts_with("key_command") =>
        {
            option.to_owned()
        }
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_option(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|ch| ch.is_ascii_lowercase() || ch == '_'))
}

#[test]
fn it_works_as_it_stands_and_switched_on() {
    for text in [EXAMPLE.to_owned(), switched_on()] {
        let path = Path::new("/etc/llmbench.toml");
        let file = parse(&text, path).unwrap();
        profiles::resolve(&file, path).unwrap();
        hosts::resolve(&file, path, &Env::default(), None).unwrap();
        let env = Env::from_pairs([
            ("MAIL_PASSWORD", "p"),
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x"),
        ]);
        let told = notify::resolve(&file.notify, path, &env).unwrap().destinations().len();
        assert_eq!(told, if text == EXAMPLE { 0 } else { 3 });
    }
}

#[test]
fn it_shows_every_option() {
    let shown: Vec<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        .chain([
            "profiles",
            "providers",
            "defaults",
            "notify",
            "report",
            "headers",
            "body",
            "daemon",
            "models",
            "admission",
            "quarantine",
        ])
        .collect();
    let tables = [
        "",
        "[defaults]",
        "[notify]",
        "[report]",
        "[profiles.x]",
        "[providers.x]",
        "[daemon]",
        "[daemon.admission]",
        "[daemon.quarantine]",
        "[daemon.profiles.x]",
        "[daemon.providers.x]",
        "[daemon.models.x]",
    ];
    for table in tables {
        for key in known_keys(table) {
            assert!(shown.contains(&key.as_str()), "{table} {key} is missing from llmbench.example.toml");
        }
    }
}

#[test]
fn it_says_the_defaults_as_they_are() {
    let path = Path::new("x");
    let file = parse(EXAMPLE, path).unwrap();
    let written = super::limits::resolve(Default::default(), &file.defaults, path).unwrap().limits();
    assert_eq!(written, crate::wire::ExchangeLimits::default());
    let none = profiles::resolve(&parse("", path).unwrap(), path).unwrap();
    assert_eq!(profiles::resolve(&file, path).unwrap().published.value, none.published.value);
}

//! Compares the five descriptions of the `[daemon]` tables: the struct that is read, the rules with their defaults,
//! `config show`, the example file and docs/daemon.md.

use super::display::{flat, general};
use super::example_tests::known_keys;
use super::file::parse;
use crate::domain::daemon_config::DaemonConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const DOCUMENT: &str = include_str!("../../docs/daemon.md");

/// The rows of the table that begins with this cell, without its first two lines.
fn documented(first: &str) -> Vec<Vec<&'static str>> {
    let lines = DOCUMENT.lines().skip_while(|line| !line.starts_with(&format!("| {first} ")));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The texts of the code spans in a cell.
fn spans(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn defaults() -> BTreeMap<&'static str, (&'static str, String)> {
    let settings = general(&DaemonConfig::default()).into_iter();
    settings.map(|(name, variable, value)| (name, (variable, value))).collect()
}

#[test]
fn the_document_has_every_key_of_every_table() {
    let single: Vec<_> = documented("table");
    let tables = ["admission", "quarantine", "profiles", "providers", "models"];
    assert_eq!(single.len(), tables.len());
    for (row, name) in single.iter().zip(tables) {
        assert!(row[0].contains(name), "{row:?}");
        let table =
            if name.ends_with('s') { format!("[daemon.{name}.x]") } else { format!("[daemon.{name}]") };
        assert_eq!(spans(row[1]), known_keys(&table).into_iter().collect(), "docs/daemon.md on {table}");
    }
    let keys: BTreeSet<String> =
        documented("under `[daemon]`").iter().flat_map(|row| spans(row[0])).collect();
    let known = known_keys("[daemon]").into_iter().filter(|key| !tables.contains(&key.as_str()));
    assert_eq!(keys, known.collect(), "docs/daemon.md on [daemon]");
}

#[test]
fn the_document_says_the_defaults_and_who_wins_as_they_are() {
    let defaults = defaults();
    let mut compared = 0;
    for row in documented("under `[daemon]`") {
        let Some((variable, value)) = defaults.get(row[0].trim_matches('`')) else { continue };
        assert!(variable.is_empty() || spans(row[2]).contains(*variable), "{variable}: {row:?}");
        if !value.is_empty() {
            assert_eq!(row[1].trim_matches('`'), value, "{row:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 14);
}

/// Leaves out the keys that are not general rules: directories and addresses, and rules of single names.
#[test]
fn config_show_has_every_key_of_the_rules() {
    let elsewhere = ["state_dir", "listen", "admission", "quarantine", "profiles", "providers", "models"];
    let plain = known_keys("[daemon]").into_iter().filter(|key| !elsewhere.contains(&key.as_str()));
    let inner = |table: &'static str| {
        known_keys(&format!("[daemon.{table}]")).into_iter().map(move |key| format!("{table}.{key}"))
    };
    let known: BTreeSet<String> = plain.chain(inner("admission")).chain(inner("quarantine")).collect();
    assert_eq!(defaults().into_keys().map(str::to_owned).collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_example_says_the_defaults_as_they_are() {
    let file = parse(include_str!("../../llmbench.example.toml"), Path::new("x")).unwrap();
    let defaults = defaults();
    let written = flat(&file.daemon);
    let rules =
        written.iter().filter_map(|(name, value)| Some((name, value, &defaults.get(name.as_str())?.1)));
    let (mut compared, mut wrong) = (0, Vec::new());
    for (name, written, default) in rules {
        compared += 1;
        if written != default {
            wrong.push(format!("{name} = {written}, the default is {default}"));
        }
    }
    assert!(wrong.is_empty() && compared >= 20, "{compared} {wrong:?}");
}

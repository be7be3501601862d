//! What scripts rely on stays: commands, flags, values that a flag takes, exit statuses, environment variables and the keys
//! of JSON documents are listed in `tests/data/promises.txt`. A line of it that no longer holds fails this test; so does a
//! new one that is not listed yet, which `BLESS=1` adds. Nothing takes a line away but a person who means it.

use clap::CommandFactory;
use llmbench::cli::{Cli, EXIT_STATUS};
use llmbench::domain::env_vars;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/promises.txt")
}

/// A command, its flags and their values, and everything below it.
fn of_command(command: &clap::Command, name: &str, found: &mut BTreeSet<String>) {
    found.insert(format!("command {name}"));
    for argument in command.get_arguments() {
        let mut spellings: Vec<String> = Vec::new();
        spellings.extend(
            argument.get_long_and_visible_aliases().into_iter().flatten().map(|long| format!("--{long}")),
        );
        spellings.extend(argument.get_aliases().into_iter().flatten().map(|long| format!("--{long}")));
        spellings.extend(
            argument.get_short_and_visible_aliases().into_iter().flatten().map(|short| format!("-{short}")),
        );
        if argument.is_positional() {
            spellings.push(argument.get_id().to_string().to_uppercase());
        }
        for spelling in &spellings {
            found.insert(format!("flag {name} {spelling}"));
        }
        let flag = spellings.first().cloned().unwrap_or_default();
        for value in argument.get_possible_values() {
            // A switch has true and false.
            if !argument.get_action().takes_values() {
                continue;
            }
            let names = value.get_name_and_aliases();
            found.extend(names.map(|word| format!("value {name} {flag} {word}")));
        }
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        of_command(below, &format!("{name} {}", below.get_name()), found);
    }
}

/// The keys that a schema promises, each behind the keys and definitions above it.
fn of_schema(name: &str, above: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, below) in fields {
                if key == "properties" {
                    let promised = below.as_object().into_iter().flatten();
                    for (property, schema) in promised {
                        let path = format!("{above}.{property}");
                        found.insert(format!("json {name} {}", path.trim_start_matches('.')));
                        of_schema(name, &path, schema, found);
                    }
                } else if key == "$defs" {
                    for (definition, schema) in below.as_object().into_iter().flatten() {
                        of_schema(name, &format!("{above}.<{definition}>"), schema, found);
                    }
                } else if key == "enum" {
                    for word in below.as_array().into_iter().flatten() {
                        found.insert(format!("json {name} {} | {word}", above.trim_start_matches('.')));
                    }
                } else if key == "const" {
                    found.insert(format!("json {name} {} = {below}", above.trim_start_matches('.')));
                } else {
                    of_schema(name, above, below, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| of_schema(name, above, item, found)),
        _ => {}
    }
}

fn kept() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut command = Cli::command();
    command.build();
    of_command(&command, "llmbench", &mut found);
    let statuses = EXIT_STATUS.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok());
    found.extend(statuses.map(|status| format!("exit {status}")));
    found.extend(env_vars::ALL.iter().map(|name| format!("variable {name}")));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let schema: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".schema.json").to_owned();
        of_schema(&name, "", &schema, &mut found);
    }
    found
}

#[test]
fn what_scripts_rely_on_stays() {
    let listed: BTreeSet<String> =
        fs::read_to_string(file()).unwrap_or_default().lines().map(str::to_owned).collect();
    let kept = kept();
    assert!(kept.len() > 700, "only {} promises were found", kept.len());
    let broken: Vec<_> = listed.difference(&kept).cloned().collect();
    assert!(broken.is_empty(), "these are gone, and scripts rely on them:\n{}", broken.join("\n"));
    let new: Vec<_> = kept.difference(&listed).cloned().collect();
    if !new.is_empty() && std::env::var_os("BLESS").is_some() {
        fs::write(file(), kept.into_iter().collect::<Vec<_>>().join("\n") + "\n").unwrap();
        return;
    }
    assert!(new.is_empty(), "these are new: BLESS=1 cargo test --test it promises\n{}", new.join("\n"));
}

//! The documents tell the truth: their commands run, their tables are those of the code.

use crate::support::Home;
use crate::support::markdown::{blocks, document, documents_for_users};
use llmbench::cli::EXIT_STATUS;
use llmbench::cli::run::DEFINITIONS;
use llmbench::providers::builtin_hosts;
use std::path::Path;
use std::process::Command;

/// The blocks of this kind in all documents for users, each behind the name of its document.
fn blocks_of(info: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in documents_for_users() {
        for block in blocks(&document(&name)) {
            if block.info == info {
                found.push((name.clone(), block.text));
            }
        }
    }
    found
}

/// Runs a block as a shell script in a home of its own, with the binary on PATH.
fn run_script(name: &str, text: &str) {
    let home = Home::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_llmbench")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut script = Command::new("sh");
    home.scrub(script.arg("-eux").arg("-c").arg(text).env_clear().env("PATH", path));
    let output = script.output().unwrap();
    assert!(output.status.success(), "{name}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_runnable_commands_succeed() {
    let runnable = blocks_of("sh runnable");
    assert!(runnable.len() >= 9, "the runnable blocks were not found");
    std::thread::scope(|scope| {
        for (name, text) in &runnable {
            scope.spawn(move || run_script(name, text));
        }
    });
}

#[test]
fn the_configuration_is_accepted() {
    let files = blocks_of("toml");
    assert!(!files.is_empty());
    for (name, text) in files {
        let home = Home::new();
        std::fs::write(home.path().join("c.toml"), text).unwrap();
        let output = home.llmbench(&["db", "init", "--dry-run", "--config", "c.toml"]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn exit_statuses_and_definitions_are_those_of_help() {
    let statuses = EXIT_STATUS.split_once('\n').unwrap().1;
    for (name, text) in [("docs/output.md", statuses), ("docs/measuring.md", DEFINITIONS)] {
        assert!(document(name).contains(&format!("```text\n{text}\n```")), "{name} does not have:\n{text}");
    }
}

#[test]
fn keys_and_base_urls_are_those_of_the_table() {
    let code = |text: &str| format!("`{text}`");
    let rows: Vec<[String; 3]> = builtin_hosts::built_in()
        .iter()
        .map(|host| {
            let keys = host.key_names().into_iter().map(code).collect::<Vec<_>>().join(", ");
            let urls = host.base_url_vars.iter().map(|var| match var.suffix {
                "" => code(var.name),
                suffix => format!("{}, then `{suffix}`", code(var.name)),
            });
            [host.name.clone(), or_dash(keys), or_dash(urls.collect::<Vec<_>>().join(", "))]
        })
        .collect();
    let width = |column: usize, title: &str| {
        rows.iter().map(|row| row[column].len()).chain([title.len()]).max().unwrap()
    };
    let widths = [width(0, "provider"), width(1, "key"), width(2, "base URL")];
    let line = |cells: [&str; 3]| {
        let cells = std::iter::zip(cells, widths).map(|(cell, width)| format!("| {cell:width$} "));
        cells.collect::<String>() + "|\n"
    };
    let rule: String = widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))).collect();
    let mut expected = line(["provider", "key", "base URL"]) + &rule + "|\n";
    expected.extend(rows.iter().map(|row| line([&row[0], &row[1], &row[2]])));
    assert!(
        document("docs/providers.md").contains(&expected),
        "the keys of docs/providers.md are not:\n{expected}"
    );
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

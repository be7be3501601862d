//! The README tells the truth: its commands run, its tables are those of the code.

use crate::support::Home;
use crate::support::markdown::{blocks, document};
use llmbench::cli::EXIT_STATUS;
use llmbench::cli::run::DEFINITIONS;
use llmbench::providers::table;
use std::path::Path;
use std::process::Command;

/// Runs a block as a shell script in a home of its own, with the binary on PATH.
fn run_script(text: &str) {
    let home = Home::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_llmbench")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut script = Command::new("sh");
    home.scrub(script.arg("-eux").arg("-c").arg(text).env_clear().env("PATH", path));
    let output = script.output().unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_runnable_commands_succeed() {
    let readme = document("README.md");
    let blocks = blocks(&readme);
    let runnable: Vec<&str> =
        blocks.iter().filter(|block| block.info == "sh runnable").map(|block| block.text.as_str()).collect();
    assert!(runnable.len() >= 6, "the runnable blocks were not found");
    std::thread::scope(|scope| {
        for text in runnable {
            scope.spawn(move || run_script(text));
        }
    });
}

#[test]
fn the_configuration_is_accepted() {
    let readme = document("README.md");
    let blocks = blocks(&readme);
    let files: Vec<&str> =
        blocks.iter().filter(|block| block.info == "toml").map(|block| block.text.as_str()).collect();
    assert!(!files.is_empty());
    for text in files {
        let home = Home::new();
        std::fs::write(home.path().join("c.toml"), text).unwrap();
        let output = home.llmbench(&["db", "init", "--dry-run", "--config", "c.toml"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn exit_statuses_and_definitions_are_those_of_help() {
    let readme = document("README.md");
    let statuses = EXIT_STATUS.split_once('\n').unwrap().1;
    for (what, text) in [("exit statuses", statuses), ("definitions", DEFINITIONS)] {
        assert!(readme.contains(&format!("```text\n{text}\n```")), "README's {what} are not:\n{text}");
    }
}

#[test]
fn keys_and_base_urls_are_those_of_the_table() {
    let code = |text: &str| format!("`{text}`");
    let rows: Vec<[String; 3]> = table::built_in()
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
    assert!(document("README.md").contains(&expected), "README's keys are not:\n{expected}");
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

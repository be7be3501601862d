//! Words lead somewhere: every heading that the program names is in TROUBLESHOOTING.md, every kind of failure and every
//! rule of the data contract has one, and every command that is advised exists.

use crate::support::markdown::{document, section, words};
use clap::Parser;
use llmbench::cli::Cli;
use llmbench::domain::{FailureKind, troubleshooting};
use llmbench::output::advice;

#[test]
fn every_heading_is_there_and_says_something() {
    let text = document("TROUBLESHOOTING.md");
    let contract = troubleshooting::CONTRACT.iter().map(|(_, heading)| heading);
    for heading in troubleshooting::ALL.iter().chain(contract) {
        let level = if *heading == troubleshooting::STORE { "##" } else { "###" };
        let body = section(&text, &format!("{level} {heading}"));
        assert!(body.trim().len() > 80, "the section \"{heading}\" says nothing");
    }
}

#[test]
fn advice_about_every_kind_names_its_heading() {
    let text = document("TROUBLESHOOTING.md");
    for kind in FailureKind::ALL {
        let told = advice::told(kind);
        let named = told.split("TROUBLESHOOTING.md, \"").nth(1).and_then(|rest| rest.split('"').next());
        section(&text, &format!("### {}", named.unwrap_or_else(|| panic!("no heading in: {told}"))));
    }
}

/// What stands between backticks in the sources of the doctor and begins like a command of ours.
#[test]
fn every_command_that_is_advised_is_understood() {
    let mut seen = 0;
    for file in ["catalog", "configuration", "providers", "state", "store"] {
        let source = document(&format!("src/commands/doctor/{file}.rs"));
        let source = source.split("#[cfg(test)]").next().unwrap();
        for command in source.split('`').filter(|piece| piece.starts_with("llmbench ")) {
            // What is filled in: a name, or the end of a piece.
            let whole = command.replace("{first}", "groq:m").replace("{}", "groq:m").replace("{why}", "w");
            let whole = whole.replace("{name}", "groq").split('"').next().unwrap().trim().to_owned();
            let whole = if whole.ends_with("--provider") { whole + " groq" } else { whole };
            Cli::try_parse_from(words(&whole)).unwrap_or_else(|error| panic!("{file}: {whole}: {error}"));
            seen += 1;
        }
    }
    assert!(seen >= 8, "only {seen} commands were found");
}

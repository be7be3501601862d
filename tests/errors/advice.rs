//! Advice is a command that exists.

use clap::{CommandFactory, Parser};
use llmbench::cli::Cli;
use llmbench::domain::Kind;
use llmbench::output::advice::command;

/// Splits like a shell, as far as the quoting of advice goes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for ch in line.chars() {
        match ch {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            ch => words.last_mut().unwrap().push(ch),
        }
    }
    words
}

#[test]
fn every_advised_command_is_understood() {
    let nouns: Vec<String> =
        Cli::command().get_subcommands().map(|noun| noun.get_name().to_owned()).collect();
    for kind in Kind::ALL {
        let line = command(kind, "bedrock", "us.amazon.nova pro-v1:0");
        let words = words(&line);
        assert!(words.iter().any(|word| word.starts_with("bedrock:")), "{line}");
        assert_eq!(words[0], "llmbench");
        if nouns.contains(&words[1]) {
            Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        } else {
            assert_eq!(words[1], "models", "{line}");
        }
    }
}

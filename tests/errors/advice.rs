//! Advice is a command that exists.

use clap::Parser;
use llmbench::cli::Cli;
use llmbench::domain::FailureKind;
use llmbench::output::advice::{CatalogPresence, advice_for, command};

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
    for kind in FailureKind::ALL {
        for standing in [CatalogPresence::Missing, CatalogPresence::Disabled, CatalogPresence::Enabled] {
            let line = command(kind, "bedrock", "us.amazon.nova pro-v1:0", standing);
            let words = words(&line);
            assert!(words.iter().any(|word| word.starts_with("bedrock")), "{line}");
            assert_eq!(words[0], "llmbench");
            Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
            let switches_off =
                |text: &str| text.contains("models disable") || text.contains("isable the model");
            let told = advice_for(kind, standing);
            assert!(
                standing == CatalogPresence::Enabled || !switches_off(&line) && !switches_off(&told),
                "{told}"
            );
        }
    }
}

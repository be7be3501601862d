//! `llmbench doctor`, through the binary: what it sees of hosts, logins, stores and files, and that its words lead
//! somewhere.

mod documents;
mod hosts;
mod logins;
mod machine;
mod proxies;
mod store;

use crate::support::Home;
use crate::support::ran::{Ran, ran};
use serde_json::Value;
use std::process::Command;

/// Every key of these tests; it must be nowhere.
const KEY: &str = "canary-4be1c09d77";

/// What the doctor said.
struct Said {
    ran: Ran,
    document: Value,
}

/// Asks with `--json`. No key may be in what is printed.
fn asked(command: &mut Command) -> Said {
    let ran = ran(command.arg("--json"));
    assert!(!format!("{ran:?}").contains("canary"), "a key was printed: {ran:?}");
    let document = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    Said { ran, document }
}

/// The command in this home, with these variables.
fn doctor(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = home.llmbench(&[&["doctor"], arguments].concat());
    command.envs(variables.iter().copied()).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

impl Said {
    /// The checks about a section.
    fn of(&self, section: &str) -> Vec<&Value> {
        let checks = self.document["checks"].as_array().unwrap();
        checks.iter().filter(|check| check["section"] == section).collect()
    }

    /// The one check with this subject.
    fn about(&self, section: &str, subject: &str) -> &Value {
        let found: Vec<&Value> =
            self.of(section).into_iter().filter(|check| check["subject"] == subject).collect();
        assert_eq!(found.len(), 1, "{section} {subject}: {:#}", self.document);
        found[0]
    }

    /// Severity and sentence of a check.
    fn told(&self, section: &str, subject: &str) -> (&str, &str) {
        let check = self.about(section, subject);
        (check["severity"].as_str().unwrap(), check["sentence"].as_str().unwrap())
    }

    /// Severities that are not fine, with their subjects.
    fn open(&self) -> Vec<(&str, &str)> {
        let checks = self.document["checks"].as_array().unwrap();
        let word = |check: &'_ Value, name: &str| check[name].as_str().unwrap().to_owned();
        let open = checks.iter().filter(|check| ["finding", "unknown"].contains(&&*word(check, "severity")));
        open.map(|check| (check["severity"].as_str().unwrap(), check["subject"].as_str().unwrap())).collect()
    }
}

//! What tests share: real peers, a scrubbed home for the binary, sample outcomes.

pub mod peers;
pub mod samples;

use std::process::{Command, Output};
use tempfile::TempDir;

/// An empty home directory, in which the binary finds no configuration and no key of whoever runs the tests.
pub struct Home(TempDir);

#[allow(dead_code, reason = "for the tests of commands")]
impl Home {
    /// A new, empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Its directory, in which the binary starts.
    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// The binary in this home, with an environment that holds nothing else.
    pub fn llmbench(&self, arguments: &[&str]) -> Command {
        let home = self.0.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmbench"));
        command.args(arguments).env_clear().current_dir(home).env("HOME", home);
        for (variable, directory) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(variable, home.join(directory));
        }
        command
    }
}

/// Runs the binary in a home of its own.
#[allow(dead_code, reason = "for the tests of commands")]
pub fn llmbench(arguments: &[&str]) -> Output {
    Home::new().llmbench(arguments).output().unwrap()
}

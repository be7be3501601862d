//! What tests share: real peers, a scrubbed home for the binary, sample outcomes.

pub mod answers;
pub mod browser;
pub mod catalog;
pub mod documents;
pub mod forward_proxy;
pub mod llama;
pub mod markdown;
pub mod mongosh;
pub mod node;
pub mod peers;
pub mod promtool;
pub mod proxy;
pub mod pty;
pub mod python_runner;
pub mod ran;
pub mod samples;
pub mod screen;
pub mod small_disk;
pub mod smtp;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// How long a test waits for a condition that has to come: a limit against hanging, far above what a busy machine needs.
/// No test fails because something was slow.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// An empty home directory, in which the binary finds no configuration and no key of whoever runs the tests.
pub struct Home(TempDir);

#[allow(dead_code, reason = "for the tests of commands")]
impl Home {
    /// A new, empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where it is, and where the binary starts.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The binary in this home, with an environment that holds nothing else.
    pub fn llmbench(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmbench"));
        self.scrub(command.args(arguments).env_clear());
        command
    }

    /// Makes it the home and the working directory of a command.
    pub fn scrub(&self, command: &mut Command) {
        let home = self.0.path();
        command.current_dir(home).env("HOME", home);
        for (variable, directory) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(variable, home.join(directory));
        }
    }
}

/// Runs the binary in a home of its own.
#[allow(dead_code, reason = "for the tests of commands")]
pub fn llmbench(arguments: &[&str]) -> Output {
    Home::new().llmbench(arguments).output().unwrap()
}

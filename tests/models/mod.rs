//! `llmbench models`, through the binary, on both stores.

mod canary;
mod choosing;
mod contract;
mod enabling;
mod endpoints;
mod figures;
mod intervals;
mod lifecycle;
mod operator;
mod publishing;
mod seven_days;
mod terminal;

use crate::stores::backend::Backend;
use crate::support::Home;
use serde_json::Value;

/// A home and a store in which somebody operates the catalog.
pub struct Office {
    home: Home,
    backend: Backend,
}

/// What an invocation came to.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Office {
    pub fn new(backend: Backend) -> Self {
        Self { home: Home::new(), backend }
    }

    /// The path of its configuration file, in a directory that is there.
    pub fn configuration(&self) -> std::path::PathBuf {
        let directory = self.home.path().join("config/llmbench");
        std::fs::create_dir_all(&directory).unwrap();
        directory.join("config.toml")
    }

    /// An invocation of `models` that has not begun.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        self.any(&[&["models"], arguments].concat())
    }

    /// An invocation of any command that has not begun.
    pub fn any(&self, arguments: &[&str]) -> std::process::Command {
        let url = self.backend.url();
        let mut command = self.home.llmbench(&[arguments, &["--store", &url]].concat());
        command.env("USER", "ann");
        command
    }

    pub fn say(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments))
    }

    /// An invocation that has to succeed; gives its standard output.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.say(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.out.trim_end().to_owned()
    }

    /// The JSON that an invocation prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    /// The ids that a list shows.
    pub fn ids(&self, arguments: &[&str]) -> Vec<String> {
        let out = self.done(&[&["list", "--ids"], arguments].concat());
        out.lines().map(str::to_owned).collect()
    }
}

impl Said {
    /// What an invocation comes to where there is nobody to ask.
    pub fn of(mut command: std::process::Command) -> Self {
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

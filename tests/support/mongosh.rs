//! MongoDB's own shell, with which operators asked before: fetched by npm into the build folder, once.

use super::node;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

const PACKAGE: &str = "mongosh@2.12.0";
const FOLDER: &str = "mongosh-2.12.0";

/// The shell.
pub struct Mongosh {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Mongosh {
    /// The shell, fetched where it is not there yet.
    pub fn get() -> Self {
        let program = node::package(FOLDER, PACKAGE).join("node_modules/.bin/mongosh");
        let home = tempfile::tempdir().unwrap();
        // It would tell its makers how it is used.
        let settings = home.path().join(".mongodb/mongosh");
        std::fs::create_dir_all(&settings).unwrap();
        std::fs::write(settings.join("config"), "{\"enableTelemetry\":false}").unwrap();
        Self { program, home }
    }

    /// A shell that runs this script on this database.
    pub fn command(&self, uri: &str, script: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", node::path())
            .env("HOME", self.home.path())
            .current_dir(self.home.path());
        command.args([uri, "--quiet", "--norc", "--eval", script]);
        command
    }

    /// The JSON that a script prints.
    pub fn ask(&self, uri: &str, script: &str) -> Value {
        let output = self.command(uri, script).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = || format!("{script}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}", failed());
        serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {}", failed()))
    }
}

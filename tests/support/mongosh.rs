//! MongoDB's own shell, with which operators asked before: fetched by npm into the build folder, once.

use super::peers::fetch;
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "mongosh@2.12.0";
const FOLDER: &str = "mongosh-2.12.0";

const HINT: &str = "Where npm is present, commands are compared with mongosh itself, which npm fetches \
    (npm install --prefix target/test-peers/mongosh-2.12.0 mongosh@2.12.0), and that failed";

/// The shell.
pub struct Mongosh {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Mongosh {
    /// The shell; `None`, said on standard output, where there is no npm to fetch it with.
    pub fn where_npm_is() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join("npm").is_file()) {
            println!("not run: mongosh comes by npm, and there is no npm on the PATH");
            return None;
        }
        let program = fetch::once(FOLDER, install).join("node_modules/.bin/mongosh");
        let home = tempfile::tempdir().unwrap();
        // It would tell its makers how it is used.
        let settings = home.path().join(".mongodb/mongosh");
        std::fs::create_dir_all(&settings).unwrap();
        std::fs::write(settings.join("config"), "{\"enableTelemetry\":false}").unwrap();
        Some(Self { program, home })
    }

    /// A shell that runs this script on this database.
    pub fn command(&self, uri: &str, script: &str) -> Command {
        let mut command = Command::new(&self.program);
        let path: OsString = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.home.path()).current_dir(self.home.path());
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

fn install(folder: &Path, wanted: &Path) {
    let fresh = folder.join("mongosh-fresh");
    drop(std::fs::remove_dir_all(&fresh));
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--omit=optional", "--prefix"]);
    fetch::fetcher(npm.arg(&fresh).arg(PACKAGE), HINT);
    std::fs::rename(fresh, wanted).unwrap();
}

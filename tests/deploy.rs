//! What ships runs: the files under deploy/ name commands and variables that exist, and the binary works in an empty root
//! that holds only what the image holds. Building the image itself needs a container engine, which tests do without.

use crate::support::markdown::{blocks, words};
use clap::Parser;
use llmbench::cli::Cli;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The image's user, as in the Dockerfile.
const USER: u32 = 65532;

fn deploy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An empty root with the binary, the libraries that it links, and a state directory.
pub struct Image(tempfile::TempDir);

impl Image {
    pub fn new() -> Self {
        let image = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(image.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_llmbench"));
        image.put(binary, "/usr/bin/llmbench");
        for library in libraries(binary) {
            image.put(&library, library.to_str().unwrap());
        }
        let state = image.0.path().join("var/lib/llmbench");
        fs::create_dir_all(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        if is_root() {
            chown(&state, Some(USER), Some(USER)).unwrap();
        }
        image
    }

    fn put(&self, from: &Path, to: &str) {
        let to = self.0.path().join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
    }

    /// Runs the binary with this root, as the image's user where the test may choose one.
    fn llmbench(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Its command line, with the image's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("chroot");
            command.arg(format!("--userspec={USER}:{USER}"));
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "chroot"]);
            command
        };
        let state = "/var/lib/llmbench";
        command.arg(self.0.path()).arg("/usr/bin/llmbench").args(arguments).env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", state)
            .env("LLMBENCH_STATE_DIR", state);
        command
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The files that the dynamic linker would load.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(binary).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let paths: Vec<PathBuf> =
        text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect();
    assert!(paths.len() >= 2, "ldd said: {text}");
    paths
}

#[test]
fn the_image_needs_the_c_library_and_nothing_else() {
    let may_be_there = ["ld-linux", "libc.so", "libm.so", "libgcc_s.so"];
    for library in libraries(Path::new(env!("CARGO_BIN_EXE_llmbench"))) {
        let name = library.file_name().unwrap().to_string_lossy().into_owned();
        assert!(may_be_there.iter().any(|own| name.starts_with(own)), "{name} is not in the image");
    }
}

#[test]
fn the_binary_works_in_an_empty_root_as_the_images_user() {
    let image = Image::new();
    let measured = image.llmbench(&["run", "--model", "sim:flood", "--json", "-n", "2"]);
    let said = String::from_utf8_lossy(&measured.stderr);
    assert!(measured.status.success(), "{said}");
    let listed = image.llmbench(&["results", "list", "--probe", "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(listed.status.success() && rows.to_string().matches("\"_id\"").count() >= 2, "{rows}");
}

/// The words behind `ExecStart=/usr/bin/`.
fn started(unit: &str) -> Vec<String> {
    let unit = deploy(unit);
    words(unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap())
}

/// The items of the `command` of a service that stand on a line each.
fn served() -> Vec<String> {
    let compose = deploy("compose.bridge.yaml");
    let items = compose.lines().skip_while(|line| line.trim() != "command:").skip(1);
    let items = items.take_while(|line| line.starts_with("      "));
    let items = items.filter_map(|line| line.trim().strip_prefix("- ").map(str::to_owned));
    ["llmbench".to_owned()].into_iter().chain(items).collect()
}

/// What deploy/README.md has an operator type: `llmbench …` as it is, or in a container of the stack.
fn typed() -> Vec<Vec<String>> {
    let text = deploy("README.md");
    let lines: Vec<String> = blocks(&text)
        .into_iter()
        .filter(|block| block.info == "sh")
        .flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let command = |line: &String| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let bridge = line.strip_prefix("stack run --rm bridge ").map(|rest| format!("llmbench {rest}"));
        let inside = line.strip_prefix("stack exec daemon ").map(str::to_owned);
        bridge.or(inside).or_else(|| line.starts_with("llmbench ").then(|| line.to_owned()))
    };
    lines.iter().filter_map(command).map(|line| words(&line)).collect()
}

#[test]
fn every_command_of_the_deploy_files_is_accepted() {
    let dockerfile = deploy("Dockerfile");
    assert!(dockerfile.contains(r#"CMD ["/usr/bin/llmbench", "status", "--check"]"#));
    assert!(dockerfile.contains(r#"CMD ["daemon"]"#));
    let fixed = ["llmbench status --check", "llmbench db init"].map(words);
    let typed = typed();
    assert!(typed.len() >= 8, "{typed:?}");
    assert!(served().len() > 4);
    let units = [started("llmbench.service"), started("llmbench-runner.service"), served()];
    for words in fixed.into_iter().chain(units).chain(typed) {
        let parsed = Cli::try_parse_from(&words);
        assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
    }
}

#[test]
fn every_variable_of_the_example_environments_is_known() {
    let read = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let names = read("src/domain/env_vars.rs") + &read("src/domain/env_vars/providers.rs");
    for file in ["llmbench.env.example", "llmbench-runner.env.example", "bridge.env.example"] {
        // What is commented out is meant to be taken in.
        for line in deploy(file).lines().map(|line| line.trim_start_matches('#')) {
            let Some((name, _)) = line.split_once('=').filter(|(name, _)| !name.contains(' ')) else {
                continue;
            };
            let known = names.contains(&format!("\"{name}\""));
            assert!(known, "{file}: {name} is no variable that is read");
        }
    }
}

#[test]
fn the_graces_of_the_deploy_files_exceed_the_daemons_and_the_bridges() {
    for compose in ["compose.yaml", "compose.bridge.yaml"] {
        assert!(deploy(compose).contains("stop_grace_period: 45s"), "{compose}");
    }
    for unit in ["llmbench.service", "llmbench-runner.service"] {
        assert!(deploy(unit).contains("TimeoutStopSec=45"), "{unit}");
    }
}

#[test]
fn the_two_units_are_guarded_alike() {
    let guards = |unit: &str| -> Vec<String> {
        let text = deploy(unit);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let own = ["Description", "ExecStart", "Environment", "StateDirectory="];
        lines.filter(|line| !own.iter().any(|own| line.starts_with(own))).map(str::to_owned).collect()
    };
    assert_eq!(guards("llmbench.service"), guards("llmbench-runner.service"));
}

//! What ships runs: the files under deploy/ name commands and variables that exist, and the binary works in an empty root
//! that holds only what the image holds. Building the image itself needs a container engine, which tests do without.

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
struct Image(tempfile::TempDir);

impl Image {
    fn new() -> Self {
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
            .env("LLMBENCH_STATE_DIR", state)
            .output()
            .unwrap()
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

#[test]
fn every_command_of_the_deploy_files_is_accepted() {
    let unit = deploy("llmbench.service");
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
    let dockerfile = deploy("Dockerfile");
    let checked = ["llmbench", "status", "--check"];
    assert!(dockerfile.contains(r#"CMD ["/usr/bin/llmbench", "status", "--check"]"#));
    assert!(dockerfile.contains(r#"CMD ["daemon"]"#));
    for words in [started.split(' ').collect::<Vec<_>>(), checked.into(), vec!["llmbench", "db", "init"]] {
        assert!(Cli::try_parse_from(&words).is_ok(), "{words:?}");
    }
}

#[test]
fn every_variable_of_the_example_environment_is_known() {
    let names =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/names.rs")).unwrap();
    for line in deploy("llmbench.env.example").lines().filter(|line| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once('=') else { continue };
        assert!(names.contains(&format!("\"{name}\"")), "{name} is no variable that is read");
    }
}

#[test]
fn the_graces_of_the_deploy_files_exceed_the_daemons() {
    assert!(deploy("compose.yaml").contains("stop_grace_period: 45s"));
    assert!(deploy("llmbench.service").contains("TimeoutStopSec=45"));
}

//! What is given away, made of the binary under test: it is whole, it works where nothing else is, and it says what is in it.

use crate::support::Home;
use crate::support::markdown::document;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The files of a release, made once for all tests.
struct Release {
    out: PathBuf,
    target: String,
}

/// Runs the script on a binary.
fn packed(binary: &Path, out: &Path, more: &[&str]) -> Output {
    let mut script = Command::new("python3");
    script.arg(Path::new(ROOT).join("packaging/release.py")).arg("--binary").arg(binary);
    script.arg("--out").arg(out).args(["--offline", "--level", "1"]).args(more).output().unwrap()
}

static RELEASE: LazyLock<Release> = LazyLock::new(|| {
    // Nobody drops what is static: the files of the run before are removed instead.
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release-files");
    let _ = fs::remove_dir_all(&out);
    let made = packed(Path::new(env!("CARGO_BIN_EXE_llmbench")), &out, &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let target = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    Release { out, target }
});

impl Release {
    fn name(&self) -> String {
        format!("llmbench-{}-{}", env!("CARGO_PKG_VERSION"), self.target)
    }

    fn file(&self, end: &str) -> PathBuf {
        self.out.join(format!("{}{end}", self.name()))
    }

    /// The tarball's folder, unpacked below a home.
    fn unpacked(&self, home: &Home) -> PathBuf {
        done(Command::new("tar").arg("-xzf").arg(self.file(".tar.gz")).arg("-C").arg(home.path()));
        home.path().join(self.name())
    }

    fn bill(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.file(".cdx.json")).unwrap()).unwrap()
    }
}

/// Runs a command that has to succeed; gives its standard output.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_tarball_alone_is_measuring_after_two_commands() {
    let home = Home::new();
    let folder = RELEASE.unpacked(&home);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(folder.join("llmbench"));
        home.scrub(command.args(arguments).env_clear());
        done(&mut command)
    };
    assert!(run(&["run", "sim:steady-ttft5-gap1-n8"]).contains("TTFT"));
    run(&["init", "-m", "sim:steady-ttft5-gap1-n8"]);
    assert!(run(&["run", "--all"]).contains("TTFT"));
    for (mine, printed) in [
        ("completions/llmbench.bash", run(&["completions", "bash"])),
        ("man/llmbench-run.1", run(&["man", "--page", "run"])),
    ] {
        assert!(fs::read_to_string(folder.join(mine)).unwrap() == printed, "{mine}");
    }
    for file in
        ["LICENSE", "README.md", "TROUBLESHOOTING.md", "llmbench.example.toml", "deploy/llmbench.service"]
    {
        assert!(fs::read(folder.join(file)).unwrap() == document(file).into_bytes(), "{file}");
    }
}

#[test]
fn checksums_are_those_of_the_files() {
    let said = done(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&RELEASE.out));
    let files = fs::read_dir(&RELEASE.out).unwrap().count() - 1;
    assert!(files >= 2 && said.matches(": OK").count() == files, "{said}");
}

/// The packages that a release is built from, as `name version`.
fn release_graph(edges: &str) -> BTreeSet<String> {
    let mut tree = Command::new("cargo");
    tree.args(["tree", "--locked", "--offline", "--edges", edges, "--target", &RELEASE.target]);
    let text = done(tree.args(["--prefix", "none", "--format", "{p}"]).current_dir(ROOT));
    let name = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?.trim_start_matches('v')))
    };
    text.lines().filter_map(name).collect()
}

#[test]
fn the_bill_of_materials_names_every_package_of_the_release_graph() {
    let bill = RELEASE.bill();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&Value::from("CycloneDX"), &Value::from("1.5")));
    let components = bill["components"].as_array().unwrap();
    let name =
        |one: &Value| format!("{} {}", one["name"].as_str().unwrap(), one["version"].as_str().unwrap());
    let named: BTreeSet<String> =
        components.iter().chain([&bill["metadata"]["component"]]).map(name).collect();
    let graph = release_graph("normal,build");
    assert!(graph.len() > 200, "{graph:?}");
    let lost: Vec<_> = graph.difference(&named).collect();
    assert!(lost.is_empty(), "not in the bill: {lost:?}");
    let more: Vec<_> = named.difference(&graph).filter(|name| !name.starts_with("sqlite ")).collect();
    assert!(more.is_empty(), "in the bill, and not built in: {more:?}");
    assert!(named.iter().any(|name| name.starts_with("sqlite 3.")), "SQLite is compiled in");
    let lock = document("Cargo.lock");
    for one in components.iter().filter(|one| one["name"] != "sqlite") {
        let sum = one["hashes"][0]["content"].as_str().unwrap();
        assert!(lock.contains(&format!("checksum = \"{sum}\"")), "{one}");
        assert!(one["licenses"][0]["expression"].as_str().is_some_and(|words| !words.contains('/')), "{one}");
    }
    let known: BTreeSet<&str> =
        bill["dependencies"].as_array().unwrap().iter().filter_map(|one| one["ref"].as_str()).collect();
    assert_eq!(known.len(), graph.len());
}

#[test]
fn every_package_that_is_linked_has_its_licence() {
    let home = Home::new();
    let text = fs::read_to_string(RELEASE.unpacked(&home).join("THIRD-PARTY-LICENSES.txt")).unwrap();
    for name in release_graph("normal").iter().filter(|name| !name.starts_with("llmbench ")) {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} ("))), "{name} has no licence");
    }
    assert!(text.contains("the Rust standard library, ") && text.contains("SQLite"), "{}", &text[..400]);
}

#[test]
fn the_debian_package_has_the_files_where_debian_has_them() {
    let architecture = if RELEASE.target.starts_with("x86_64") { "amd64" } else { "arm64" };
    let package = RELEASE.out.join(format!("llmbench_{}_{architecture}.deb", env!("CARGO_PKG_VERSION")));
    // Where there is no dpkg-deb the script says so and makes none.
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        assert!(!package.exists());
        return;
    }
    let info = done(Command::new("dpkg-deb").arg("-I").arg(&package));
    for line in [" Package: llmbench", &format!(" Architecture: {architecture}"), " Depends: libc6 (>= 2."] {
        assert!(info.contains(line), "{info}");
    }
    let root = tempfile::tempdir().unwrap();
    done(Command::new("dpkg-deb").arg("-x").arg(&package).arg(root.path()));
    for file in [
        "usr/share/man/man1/llmbench-run.1.gz",
        "usr/share/bash-completion/completions/llmbench",
        "usr/share/zsh/vendor-completions/_llmbench",
        "usr/share/fish/vendor_completions.d/llmbench.fish",
        "usr/lib/systemd/system/llmbench.service",
        "usr/share/doc/llmbench/copyright",
        "usr/share/doc/llmbench/changelog.gz",
    ] {
        assert!(root.path().join(file).is_file(), "{file}");
    }
    let home = Home::new();
    let mut command = Command::new(root.path().join("usr/bin/llmbench"));
    home.scrub(command.args(["run", "--no-store", "sim:steady-ttft5-gap1-n8"]).env_clear());
    assert!(done(&mut command).contains("TTFT"));
}

#[test]
fn a_binary_for_another_processor_or_none_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let script = out.path().join("script");
    fs::write(&script, "#!/bin/sh\n# no program, and long enough to have a head\n").unwrap();
    for (binary, more, words) in [
        (script.as_path(), &[][..], "is no ELF program"),
        (
            Path::new(env!("CARGO_BIN_EXE_llmbench")),
            &["--target", "riscv64gc-unknown-linux-gnu"],
            "--target says riscv64gc",
        ),
    ] {
        let refused = packed(binary, &out.path().join("files"), more);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(words) && !said.contains("Traceback"), "{said}");
    }
    assert!(!out.path().join("files").exists());
}

#[test]
fn cargo_binstall_is_pointed_at_the_tarball() {
    let manifest: toml::Table = document("Cargo.toml").parse().unwrap();
    let told = &manifest["package"]["metadata"]["binstall"];
    let filled = |key: &str| {
        let text = told[key].as_str().unwrap();
        let text = text.replace("{ name }", "llmbench").replace("{ bin }", "llmbench");
        let text =
            text.replace("{ version }", env!("CARGO_PKG_VERSION")).replace("{ target }", &RELEASE.target);
        text.replace("{ binary-ext }", "")
    };
    let tarball = RELEASE.file(".tar.gz");
    assert!(filled("pkg-url").ends_with(&format!("/{}", tarball.file_name().unwrap().to_str().unwrap())));
    let listed = done(Command::new("tar").arg("-tzf").arg(&tarball));
    assert!(listed.lines().any(|line| line == filled("bin-dir")), "{}", filled("bin-dir"));
    assert_eq!(told["pkg-fmt"].as_str(), Some("tgz"));
}

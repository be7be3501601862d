//! Records the commit of a release build for `--version`: from git, else from `LLMBENCH_COMMIT` and
//! `LLMBENCH_COMMIT_DATE`, else unknown, as in an unpacked archive. The date is that of the commit, so that one commit
//! always gives one binary. Other builds do not record it, because each commit would recompile them.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "this is how a build script speaks with cargo"
)]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let unasked = "not asked in a debug build";
    for (name, question) in [("LLMBENCH_COMMIT", "--format=%H"), ("LLMBENCH_COMMIT_DATE", "--format=%cs")] {
        println!("cargo::rerun-if-env-changed={name}");
        let given = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let asked = || if release { from_git(&["log", "-1", question]) } else { Some(unasked.to_owned()) };
        let value = given.or_else(asked).unwrap_or_else(|| "unknown".to_owned());
        println!("cargo::rustc-env={name}={}", value.trim());
    }
    println!("cargo::rustc-env=LLMBENCH_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    if let Some(log) = from_git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|_| release) {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// Runs git in this repository. An archive unpacked inside another repository does not get that one's commit.
fn from_git(arguments: &[&str]) -> Option<String> {
    let root = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    Path::new(&root).join(".git").exists().then_some(())?;
    let output = Command::new("git").arg("-C").arg(&root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

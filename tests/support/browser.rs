//! A headless Chromium, and what drives it: one named by the environment, one on the PATH, or one that a package of npm
//! carries, fetched into the build folder, once. Neither root nor a desktop is needed for that.

use super::node;
use super::peers::fetch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const HINT: &str = "The tests look at pages with Chromium 120 or newer. Install it, or name it in LLMBENCH_TEST_CHROMIUM; \
    otherwise npm fetches the package @sparticuz/chromium, which carries one for x86-64, and that failed";

/// A package that carries a Chromium without windows, its libraries and a font, each compressed.
const PACKAGE: &str = "@sparticuz/chromium@153.0.0";
const FOLDER: &str = "chromium-package-153.0.0";
const UNPACKED: &str = "chromium-153.0.0";

/// Drives the browser.
const DRIVER: &str = "playwright-core@1.65.1";
const DRIVER_FOLDER: &str = "playwright-core-1.65.1";

/// Looks for what keeps people with disabilities out.
const AXE: &str = "axe-core@4.14.1";
const AXE_FOLDER: &str = "axe-core-4.14.1";

/// A program, and the folder of the libraries and fonts that came with it.
struct FoundChromium {
    program: PathBuf,
    companions: Option<PathBuf>,
}

/// Opens each page as visitors do, in light, dark, on a phone, by keyboard, without scripts and on paper; what is wrong, in
/// sentences. Where `LLMBENCH_TEST_PICTURES` names a folder, screenshots are left there.
pub fn problems(pages: &[PathBuf]) -> Vec<String> {
    let chromium = chromium();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let address = |page: &PathBuf| url::Url::from_file_path(page).unwrap().to_string();
    let wanted = json!({
        "browser": chromium.program,
        "driver": node::package(DRIVER_FOLDER, DRIVER),
        "axe": node::package(AXE_FOLDER, AXE),
        "pages": pages.iter().map(address).collect::<Vec<_>>(),
        "pictures": std::env::var_os("LLMBENCH_TEST_PICTURES").map(PathBuf::from),
    });
    let mut node = node::node();
    node.arg(folder.join("check.mjs")).arg(wanted.to_string());
    if let Some(companions) = &chromium.companions {
        node.env("LD_LIBRARY_PATH", companions.join("lib")).env("FONTCONFIG_PATH", companions);
    }
    let output = node.output().expect(HINT);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the browser could not be driven:\n{said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn chromium() -> FoundChromium {
    let installed = named().or_else(on_path);
    installed.map(|program| FoundChromium { program, companions: None }).unwrap_or_else(fetched)
}

fn named() -> Option<PathBuf> {
    std::env::var_os("LLMBENCH_TEST_CHROMIUM").filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-headless-shell", "google-chrome"];
    let files = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    files.into_iter().find(|file| file.is_file())
}

fn fetched() -> FoundChromium {
    let package = node::package(FOLDER, PACKAGE);
    let unpacked = fetch::once(UNPACKED, |peers, wanted| {
        let partial = peers.join(format!("{UNPACKED}.part"));
        drop(std::fs::remove_dir_all(&partial));
        std::fs::create_dir_all(&partial).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/unpack.mjs");
        let from = package.join("node_modules/@sparticuz/chromium/bin");
        let mut unpack = Command::new("node");
        fetch::fetcher(unpack.env("PATH", node::path()).arg(script).arg(from).arg(&partial), HINT);
        std::fs::rename(partial, wanted).unwrap();
    });
    FoundChromium { program: unpacked.join("chromium"), companions: Some(unpacked) }
}

//! Holds the architecture: which folder may name which crate, and which layer may use which.

use std::fs;
use std::path::{Path, PathBuf};

/// A name, and the places under `src/` where it may appear: how a path begins, `*` for one folder.
const CRATES: &[(&str, &[&str])] = &[
    ("clap::", &["cli/", "main.rs"]),
    ("clap_mangen::", &["cli/man_pages.rs"]),
    ("mongodb::", &["storage/mongo/", "storage/*/mongo", "storage/store_url.rs"]),
    ("rusqlite::", &["storage/sqlite/", "storage/*/sqlite", "outbox/"]),
    ("aws_config::", &["providers/aws.rs", "providers/bedrock.rs"]),
    ("aws_types::", &["providers/aws.rs"]),
    ("aws_smithy_http_client::", &["providers/aws_http.rs"]),
    ("aws_sdk_sts::", &["providers/aws.rs"]),
    ("aws_sdk_bedrockruntime::", &["providers/bedrock.rs"]),
    ("aws_smithy_eventstream::", &["providers/protocols/", "simulator/"]),
    ("reqwest::", &["http/"]),
    ("hyper::", &["http/", "simulator/", "daemon/telemetry/monitoring_server.rs", "bridge/server/"]),
    ("subtle::", &["bridge/server/auth.rs"]),
    ("tracing::", &["daemon/", "output/log.rs", "output/log/", "commands/"]),
    ("tracing_subscriber::", &["output/log.rs"]),
    ("comfy_table::", &["output/"]),
    ("dialoguer::", &["output/"]),
    ("indicatif::", &["output/"]),
    ("ratatui::", &["output/live/"]),
    ("lettre::", &["notify/mail.rs"]),
    ("std::env::", &["settings/env.rs", "commands/calibrate/simulator_process.rs"]),
    ("io::stdout", &["output/"]),
    ("io::stderr", &["output/"]),
    ("tokio::signal", &["commands/interrupt.rs"]),
    ("parquet::", &["export/"]),
    ("maud::", &["report/"]),
    ("ring::signature", &["export/receipts/signature.rs"]),
    ("toml::", &["settings/"]),
];

/// A layer, and the layers that it may use. Arrows point one way.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("http", &["domain", "wire"]),
    ("providers", &["domain", "wire", "http"]),
    ("storage", &["domain"]),
    ("simulator", &["domain", "wire", "providers"]),
    ("outbox", &["domain", "storage"]),
    ("measure", &["domain", "wire", "providers"]),
    ("listings", &["domain", "wire", "http", "providers", "measure"]),
    ("notify", &["domain", "wire", "http"]),
    ("bridge/server", &["domain", "storage"]),
    ("bridge/client", &["domain", "wire", "http", "providers", "storage", "outbox"]),
    ("daemon", &["domain", "wire", "providers", "storage", "outbox", "measure", "listings", "bridge/client"]),
    ("output", &["domain", "measure", "listings"]),
    ("export", &["domain", "storage", "measure", "output"]),
    ("report", &["domain", "measure", "output"]),
    ("cli", &[]),
    ("settings", &["cli", "domain", "http", "notify", "providers", "storage", "wire"]),
    (
        "commands",
        &[
            "cli",
            "settings",
            "export",
            "report",
            "output",
            "notify",
            "daemon",
            "listings",
            "bridge/server",
            "bridge/client",
            "measure",
            "providers",
            "simulator",
            "outbox",
            "storage",
            "http",
            "wire",
            "domain",
        ],
    ),
];

/// Files that only name their children.
const OUTSIDE: &[&str] = &["lib.rs", "main.rs", "bridge/mod.rs"];

/// The Rust files of a folder and all below it.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its path below `src/` and its code: comments left out, and the test module at its end.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code)
    };
    files.into_iter().map(read).collect()
}

/// Whether a path begins with a place; `*` stands for the name of one folder.
fn belongs(path: &str, place: &str) -> bool {
    match place.split_once("*/") {
        None => path.starts_with(place),
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(_, rest)| rest.starts_with(after)),
    }
}

#[test]
fn each_crate_stays_in_its_folder() {
    let mut wrong = Vec::new();
    for (path, code) in code() {
        for (name, places) in CRATES {
            if code.contains(name) && !places.iter().any(|place| belongs(&path, place)) {
                wrong.push(format!("src/{path} names {name}, which belongs into {places:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for (path, code) in code() {
        if OUTSIDE.contains(&path.as_str()) {
            continue;
        }
        let layer = LAYERS.iter().find(|(name, _)| path.starts_with(&format!("{name}/")));
        let Some((layer, allowed)) = layer else {
            wrong.push(format!("src/{path} is in no layer that this test knows"));
            continue;
        };
        for (other, _) in LAYERS {
            let uses = code.contains(&format!("crate::{}::", other.replace('/', "::")));
            if uses && other != layer && !allowed.contains(other) {
                wrong.push(format!("src/{path} uses {other}, which is not below {layer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    const LONGEST: usize = 400;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not open with its purpose", path.display()));
        }
        let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        if product > LONGEST {
            wrong.push(format!("{} has {product} lines; split it by meaning", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! The documents tell the truth: the commands that they show are accepted, the flags that they name exist, every kind of
//! failure has its section, every field its line.

use crate::boundaries::sources;
use crate::support::markdown::{
    blocks, document, documents_for_users, first_column, pages, section, spans, words,
};
use crate::support::{Home, llmbench};
use clap::{CommandFactory, Parser};
use llmbench::cli::{Cli, EXIT_STATUS};
use llmbench::domain::{FailureKind, env_vars};
use llmbench::measure::METRICS;
use llmbench::output::csv;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The documents that show commands, and how many there are at least.
const SHOWN: [(&str, usize); 11] = [
    ("README.md", 12),
    ("TROUBLESHOOTING.md", 15),
    ("docs/output.md", 2),
    ("docs/measuring.md", 4),
    ("docs/load.md", 4),
    ("docs/stores.md", 15),
    ("docs/daemon.md", 8),
    ("docs/providers.md", 3),
    ("docs/bridge.md", 2),
    ("docs/runner.md", 2),
    ("docs/installing.md", 10),
];

/// The commands that a text shows, each without what stands before `llmbench`: variables, a cron schedule, a prompt.
fn commands(text: &str) -> Vec<Vec<String>> {
    let shown = blocks(text).into_iter().filter(|block| block.info.starts_with("sh") || block.info == "text");
    let lines: Vec<String> =
        shown.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let after_cargo = |line: &String| line.replace("cargo run --release -- run", "llmbench run");
    lines
        .iter()
        .map(after_cargo)
        .filter_map(|line| {
            let words = words(&line);
            let is_prefix = |word: &String| {
                word.contains('=') || word == "*" || word == "$" || word.parse::<u8>().is_ok()
            };
            let start = words.iter().position(|word| !is_prefix(word))?;
            (words[start] == "llmbench").then(|| words[start..].to_vec())
        })
        .collect()
}

#[test]
fn every_command_that_is_shown_is_accepted() {
    let mut counts = BTreeMap::new();
    for name in documents_for_users() {
        let commands = commands(&document(&name));
        for command in &commands {
            let parsed = Cli::try_parse_from(command);
            assert!(parsed.is_ok(), "{name}: {}\n{}", command.join(" "), parsed.unwrap_err());
        }
        counts.insert(name, commands.len());
    }
    for (name, least) in SHOWN {
        assert!(counts[name] >= least, "{name}: only {} commands were found", counts[name]);
    }
}

#[test]
fn every_flag_that_is_named_exists() {
    let mut command = Cli::command();
    command.build();
    let mut known = BTreeSet::new();
    collect_flags(&command, &mut known);
    for name in documents_for_users() {
        for span in spans(&document(&name)) {
            let flag = span.split([' ', '=']).next().unwrap_or_default();
            if flag.starts_with('-') {
                assert!(known.contains(flag), "{name} names `{span}`");
            }
        }
    }
}

fn collect_flags(command: &clap::Command, known: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        known.extend(argument.get_long().map(|long| format!("--{long}")));
        known.extend(argument.get_short().map(|short| format!("-{short}")));
    }
    command.get_subcommands().for_each(|below| collect_flags(below, known));
}

#[test]
fn every_kind_of_failure_has_its_section() {
    let text = document("TROUBLESHOOTING.md");
    for kind in FailureKind::ALL {
        let section = section(&text, &format!("### {kind}"));
        assert!(section.trim().len() > 80, "the section of {kind} says nothing");
    }
    let statuses = EXIT_STATUS.split_once('\n').unwrap().1;
    assert!(section(&text, "## Exit statuses").contains(statuses));
}

#[test]
fn what_the_program_points_at_is_there() {
    let text = document("TROUBLESHOOTING.md");
    section(&text, "### suspect");
    let refused = llmbench(&["run", "--model", "sim:steady", "--store", "sqlite:/nonexistent/x.db"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    let heading = said.split("TROUBLESHOOTING.md, \"").nth(1).and_then(|rest| rest.split('"').next());
    section(&text, &format!("## {}", heading.unwrap_or_else(|| panic!("no pointer in: {said}"))));
}

#[test]
fn every_heading_that_a_text_of_the_program_names_is_there() {
    let text = document("TROUBLESHOOTING.md");
    let headings: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("## ").or(line.strip_prefix("### "))).collect();
    let (mut files, mut named) = (Vec::new(), BTreeSet::new());
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    for file in files {
        let code = std::fs::read_to_string(file).unwrap();
        let after = code.split("TROUBLESHOOTING.md, \\\"").skip(1);
        let words = after.filter_map(|rest| rest.split("\\\"").next());
        named.extend(words.filter(|words| !words.contains('{')).map(str::to_owned));
    }
    assert!(named.len() >= 5, "{named:?}");
    let lost: Vec<&String> = named.iter().filter(|name| !headings.contains(name.as_str())).collect();
    assert!(lost.is_empty(), "TROUBLESHOOTING.md lacks {lost:?}");
}

/// The fields of every line that a run of these models prints.
fn lines(models: &[&str]) -> Vec<Map<String, Value>> {
    let mut arguments = vec!["run", "--no-store", "--ndjson", "--timeout", "20s"];
    arguments.extend(models.iter().flat_map(|model| ["--model", model]));
    let output = Home::new().llmbench(&arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Map<String, Value>> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), models.len(), "{text}");
    lines
}

fn fields(lines: &[Map<String, Value>]) -> BTreeSet<String> {
    lines.iter().flat_map(|line| line.keys().cloned()).collect()
}

fn documented(heading: &str) -> BTreeSet<String> {
    first_column(section(&document("docs/output.md"), heading)).into_iter().collect()
}

#[test]
fn the_fields_of_lines_are_those_that_are_documented() {
    assert_eq!(fields(&lines(&["sim:steady-ttft10-gap1-n8"])), documented("### A success"));
    // One that got no stream, and one whose stream was cut.
    let failures = lines(&["sim:error429", "sim:cut-ttft10-gap1-n8"]);
    assert_eq!(fields(&failures), documented("### A failure"));
}

#[test]
fn columns_and_metrics_are_those_that_are_documented() {
    let lines: BTreeSet<String> =
        documented("### A success").union(&documented("### A failure")).cloned().collect();
    for column in csv::columns() {
        assert!(lines.contains(column), "docs/output.md does not know the column {column}");
    }
    let in_json = documented("## The JSON document (`--json`)");
    for metric in &METRICS {
        assert!(in_json.contains(metric.key), "docs/output.md does not know the metric {}", metric.key);
    }
}

#[test]
fn the_json_document_has_the_fields_that_are_documented() {
    let output = Home::new()
        .llmbench(&["run", "--no-store", "--json", "-m", "sim:steady-ttft10-gap1-n8"])
        .output()
        .unwrap();
    let found: Map<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
    let documented = documented("## The JSON document (`--json`)");
    let metrics: BTreeSet<&str> = METRICS.iter().map(|metric| metric.key).collect();
    let top: BTreeSet<&str> =
        documented.iter().map(String::as_str).filter(|name| !metrics.contains(name)).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), top);
}

/// Variables that the documents name and that others read: the AWS SDK, the HTTP clients of logins.
const FOREIGN_VARIABLES: [&str; 8] = [
    "AWS_PROFILE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    // Those of the Python runner that nothing here reads.
    "BENCHMARK_RETRY_BACKOFF_SECONDS",
    "BENCHMARK_DEAD_LETTER_RETRY_AFTER_SECONDS",
    "VERTEX_PUBLISHER",
];

#[test]
fn every_variable_that_is_named_is_read() {
    let files = ["src/domain/env_vars.rs", "src/domain/env_vars/providers.rs", "src/output/terminal.rs"];
    let read: String = files.into_iter().map(document).collect();
    for name in documents_for_users() {
        for span in spans(&document(&name)) {
            let variable = span.split('=').next().unwrap_or_default().trim_start_matches('$');
            let fits = |ch: char| ch.is_ascii_uppercase() || ch.is_ascii_digit() || ch == '_';
            if variable.contains('_') && variable.chars().all(fits) && variable != "NAME_STATISTIC" {
                let known = read.contains(&format!("\"{variable}\""));
                assert!(known || FOREIGN_VARIABLES.contains(&variable), "{name} names `{span}`");
            }
        }
    }
}

#[test]
fn every_variable_of_ours_is_documented() {
    let named: BTreeSet<String> = pages("docs").iter().flat_map(|name| spans(&document(name))).collect();
    for variable in env_vars::ALL {
        let is_ours = variable.starts_with("LLMBENCH_") || variable.starts_with("MONGODB_");
        assert!(!is_ours || named.contains(*variable), "no document of docs/ names {variable}");
    }
}

/// The name of a document is that of the command that prints it, or of its noun and what it is: words with dots between.
#[test]
fn names_of_json_documents_are_made_alike() {
    let mut command = Cli::command();
    command.build();
    let mut found = BTreeSet::new();
    collect_names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 15, "{found:?}");
    for name in found {
        let (words, version) = name.split_once('/').unwrap();
        let words: Vec<&str> = words.split('.').collect();
        let plain = |word: &&str| word.chars().all(|ch| ch.is_ascii_lowercase()) && !word.is_empty();
        assert!(words.iter().all(plain) && version == "1", "{name}");
        assert!(command.find_subcommand(words[1]).is_some(), "{name}");
    }
}

/// Every `llmbench.…/1` that stands in the sources as a text of its own.
fn collect_names(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_names(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let texts = text.split('"').filter(|text| text.starts_with("llmbench.") && text.ends_with("/1"));
            found.extend(texts.map(str::to_owned));
        }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|ch| ch.is_alphanumeric() || " -_".contains(*ch));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Whether a document has a heading with this anchor.
fn has_heading(path: &Path, wanted: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|line| anchor(line.trim_start_matches('#').trim()) == wanted)
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let others = ["ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned);
    for name in documents_for_users().into_iter().chain(others).chain(pages("docs/decisions")) {
        let text = document(&name);
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { beside.clone() } else { beside.with_file_name(file) };
            let there = path.exists() && (heading.is_empty() || has_heading(&path, heading));
            assert!(there, "{name} links to {target}");
        }
    }
}

#[test]
fn the_index_of_troubleshooting_leads_to_every_section() {
    let text = document("TROUBLESHOOTING.md");
    let index = section(&text, "## By area");
    let headings = text.lines().filter_map(|line| line.strip_prefix("## ").or(line.strip_prefix("### ")));
    for heading in headings.filter(|heading| *heading != "By area") {
        let link = format!("[{heading}](#{})", anchor(heading));
        assert!(index.contains(&link), "the index of TROUBLESHOOTING.md lacks {link}");
    }
}

/// The pages of decisions, without their index.
fn decisions() -> Vec<String> {
    let mut found = pages("docs/decisions");
    found.retain(|name| !name.ends_with("README.md"));
    assert!(found.len() >= 50, "{found:?}");
    found
}

/// Whether a code span is the path of a file, of a folder or of a module.
fn is_path(span: &str) -> bool {
    let is_file = [".rs", ".toml", ".md", ".sh", ".json"].iter().any(|end| span.ends_with(end));
    !span.contains(' ') && (span.contains('/') || is_file)
}

/// Whether a path is there: from the top, below `src/`, or as a module of `src/` without its ending.
fn is_there(path: &str) -> bool {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let src = top.join("src");
    top.join(path).exists() || src.join(path).exists() || src.join(format!("{path}.rs")).exists()
}

#[test]
fn every_path_that_architecture_and_decisions_name_exists() {
    let mut texts = vec![("ARCHITECTURE.md".to_owned(), document("ARCHITECTURE.md"))];
    for page in decisions() {
        let text = document(&page);
        let code = text.split("\nCode: ").nth(1).and_then(|rest| rest.split("\n\n").next());
        let code = code.unwrap_or_else(|| panic!("{page} has no line that begins with `Code:`")).to_owned();
        texts.push((page, code));
    }
    let mut seen = 0;
    for (name, text) in texts {
        for path in spans(&text).iter().filter(|span| is_path(span)) {
            assert!(is_there(path), "{name} names {path}");
            seen += 1;
        }
    }
    assert!(seen >= 200, "only {seen} paths were found");
}

#[test]
fn the_index_of_decisions_lists_every_page_under_its_areas() {
    let index = document("docs/decisions/README.md");
    for page in decisions() {
        let text = document(&page);
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap();
        let (number, title) =
            title.split_once(". ").unwrap_or_else(|| panic!("{page}: no number in {title}"));
        let entry = format!("- [{number}]({}) {title}", page.rsplit('/').next().unwrap());
        let areas = text.lines().find_map(|line| line.strip_prefix("Area: ")).unwrap_or_default();
        for area in areas.trim_end_matches('.').split(", ") {
            let heading = format!("## {}{}", area[..1].to_uppercase(), &area[1..]);
            assert!(section(&index, &heading).lines().any(|line| line == entry), "{heading} lacks {entry}");
        }
    }
}

//! Man pages are committed, rendered from the command definition, and so are the tables of a row's fields in docs/output.md:
//! these tests fail when they are stale and rewrite them under `BLESS=1`.

use crate::support::markdown::{document, section, words};
use clap::{CommandFactory, Parser};
use llmbench::cli::{Cli, EXIT_STATUS, examples};
use llmbench::domain::row_fields::{self, RowField};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages of a command and of everything below it.
fn pages(command: &clap::Command, name: &str, pages: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let mut page = Vec::new();
    // clap wants a name that lives as long as the program.
    let static_name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let named = command.clone().name(static_name).display_name(static_name).version(None::<&'static str>);
    let named = named.long_version(None::<&'static str>);
    // No date and no version: a release does not rewrite every page.
    clap_mangen::Man::new(named).date("").source("llmbench").render(&mut page).unwrap();
    page.extend(below_the_options(command, name).into_bytes());
    pages.insert(PathBuf::from(format!("man/{name}.1")), page);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set())
    {
        self::pages(below, &format!("{name}-{}", below.get_name()), pages);
    }
}

/// The sections that clap does not know: examples, exit statuses, other pages.
fn below_the_options(command: &clap::Command, name: &str) -> String {
    // Hyphens of commands are hyphens for whoever copies them.
    let roff = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut sections = String::new();
    let examples =
        examples::of(name.trim_start_matches("llmbench").trim_start_matches('-').replace('-', " ").as_str());
    if !examples.is_empty() {
        sections.push_str(".SH EXAMPLES\n");
    }
    for (typed, does) in examples {
        sections.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", roff(typed), roff(does)));
    }
    // The first page has them from its help.
    if name != "llmbench" {
        sections.push_str(".SH \"EXIT STATUS\"\n.nf\n");
        EXIT_STATUS.lines().skip(1).for_each(|line| sections.push_str(&format!("{}\n", roff(line))));
        sections.push_str(".fi\n");
    }
    let below = command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set());
    let mut others: Vec<String> =
        name.rsplit_once('-').map(|(above, _)| above.to_owned()).into_iter().collect();
    others.extend(below.map(|below| format!("{name}-{}", below.get_name())));
    let others: Vec<String> = others.iter().map(|other| format!("\\fB{}\\fR(1)", roff(other))).collect();
    sections + &format!(".SH \"SEE ALSO\"\n{}\n", others.join(", "))
}

fn rendered() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut command = Cli::command();
    command.build();
    pages(&command, "llmbench", &mut files);
    files
}

fn committed(root: &Path) -> Vec<PathBuf> {
    let list =
        |folder: &str| fs::read_dir(root.join(folder)).into_iter().flatten().flatten().collect::<Vec<_>>();
    list("man").into_iter().map(|entry| entry.path().strip_prefix(root).unwrap().to_owned()).collect()
}

#[test]
fn man_pages_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rendered();
    let bless = std::env::var_os("BLESS").is_some();
    let mut stale = Vec::new();
    for (path, content) in &files {
        if fs::read(root.join(path)).ok().as_ref() != Some(content) {
            stale.push(path.clone());
            if bless {
                fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
                fs::write(root.join(path), content).unwrap();
            }
        }
    }
    for path in committed(root) {
        if !files.contains_key(&path) {
            stale.push(path.clone());
            if bless {
                fs::remove_file(root.join(path)).unwrap();
            }
        }
    }
    assert!(bless || stale.is_empty(), "stale: {stale:?}; rewrite them with BLESS=1 cargo test generated");
}

/// A table in Markdown whose columns are aligned in the source as well.
fn markdown_table(rows: &[[String; 3]]) -> String {
    let widths: Vec<usize> =
        (0..3).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap()).collect();
    let line = |row: &[String; 3]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect();
    line(&rows[0]) + &format!("|{rule}\n") + &rows[1..].iter().map(line).collect::<String>()
}

fn field_table<'a>(outcome: &str, fields: impl Iterator<Item = &'a RowField>) -> String {
    let first = [
        ["field", "unit or type", "meaning"].map(str::to_owned),
        ["`outcome`".to_owned(), "text".to_owned(), format!("`{outcome}`")],
    ];
    let row =
        |field: &RowField| [format!("`{}`", field.name), field.unit.to_owned(), field.meaning.to_owned()];
    markdown_table(&first.into_iter().chain(fields.map(row)).collect::<Vec<_>>())
}

#[test]
fn the_documented_fields_of_rows_are_fresh() {
    let before = document("docs/output.md");
    let tables = [
        ("### A success", field_table("success", row_fields::of_runs())),
        ("### A failure", field_table("failure", row_fields::of_failures())),
    ];
    let mut after = before.clone();
    for (heading, table) in tables {
        let lines = section(&after, heading).lines().filter(|line| line.starts_with('|'));
        let stale: String = lines.map(|line| format!("{line}\n")).collect();
        after = after.replace(&stale, &table);
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/output.md"), &after).unwrap();
        return;
    }
    assert!(after == before, "docs/output.md is stale; rewrite it with BLESS=1 cargo test generated");
}

#[test]
fn every_example_is_accepted_and_belongs_to_its_command() {
    for (path, examples) in examples::EXAMPLES {
        for (typed, does) in *examples {
            let words = words(typed.split(" > ").next().unwrap());
            assert!(Cli::try_parse_from(&words).is_ok(), "{typed}");
            assert!(path.is_empty() || typed.starts_with(&format!("llmbench {path}")), "{typed}");
            assert!(does.ends_with('.'), "{does}");
        }
    }
}

#[test]
fn the_command_definition_is_sound() {
    Cli::command().debug_assert();
}

//! Man pages are committed, rendered from the command definition, and so are the tables of a row's fields in docs/output.md:
//! these tests fail when they are stale and rewrite them under `BLESS=1`.

use crate::support::Home;
use crate::support::markdown::{document, section, words};
use clap::{CommandFactory, Parser};
use llmbench::cli::man_pages::man_pages;
use llmbench::cli::{Cli, examples};
use llmbench::domain::row_fields::{self, RowField};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn rendered() -> BTreeMap<PathBuf, Vec<u8>> {
    let pages = man_pages().unwrap();
    pages.into_iter().map(|(name, page)| (PathBuf::from(format!("man/{name}.1")), page)).collect()
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

#[test]
fn the_program_writes_the_pages_that_are_committed() {
    let home = Home::new();
    let said = home.ran(&["man", "pages/here"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = committed(root);
    assert!(pages.len() > 50 && said.err.contains(&format!("{} pages", pages.len())), "{said:?}");
    for page in &pages {
        let written = fs::read(home.path().join("pages/here").join(page.file_name().unwrap())).unwrap();
        assert!(written == fs::read(root.join(page)).unwrap(), "{}", page.display());
    }
    assert_eq!(fs::read_dir(home.path().join("pages/here")).unwrap().count(), pages.len());
    // A second time over the first: an update.
    assert_eq!(home.ran(&["man", "pages/here"]).code, 0);
}

#[test]
fn one_page_goes_to_standard_output() {
    let home = Home::new();
    for (arguments, file) in [
        (&["man"][..], "man/llmbench.1"),
        (&["man", "--page", "models add"], "man/llmbench-models-add.1"),
        (&["man", "--page", "llmbench-run"], "man/llmbench-run.1"),
    ] {
        let said = home.ran(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
        assert!(said.out == document(file), "{arguments:?} is not {file}");
    }
    let wrong = home.ran(&["man", "--page", "model add"]);
    assert!(wrong.code == 2 && wrong.err.contains("did you mean llmbench-models-add?"), "{wrong:?}");
    let both = home.ran(&["man", "there", "--page", "run"]);
    assert!(both.code == 2 && both.err.contains("cannot be used with"), "{both:?}");
}

#[test]
fn a_directory_that_takes_no_pages_is_named() {
    let home = Home::new();
    fs::write(home.path().join("file"), "").unwrap();
    let said = home.ran(&["man", "file/pages"]);
    assert!(said.code == 1 && said.err.contains("file/pages cannot be written"), "{said:?}");
}

#[test]
fn the_program_prints_the_completions_that_are_committed() {
    let home = Home::new();
    for (shell, file) in [("bash", "llmbench.bash"), ("zsh", "_llmbench"), ("fish", "llmbench.fish")] {
        let said = home.ran(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        assert!(said.out == document(&format!("completions/{file}")), "{shell}");
    }
    let wrong = home.ran(&["completions", "tcsh"]);
    assert!(wrong.code == 2 && wrong.err.contains("bash, zsh, fish"), "{wrong:?}");
    assert_eq!(home.ran(&["completions"]).code, 2);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "neither reads or makes anything");
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

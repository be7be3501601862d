//! `llmbench man`: writes the man pages into a directory, or prints one.

use crate::cli::man::ManArgs;
use crate::cli::man_pages::man_pages;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::domain::nearest::did_you_mean;
use crate::output::{print, units};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Runs `llmbench man` to its exit status.
///
/// # Errors
/// Status 2 for a command that has no page, 1 if a page cannot be written.
pub fn run(args: &ManArgs) -> Result<Exit, CommandError> {
    let pages = man_pages().map_err(CommandError::usage)?;
    match &args.directory {
        Some(directory) => write(&pages, directory)?,
        None => show(&pages, args.page.as_deref().unwrap_or_default())?,
    }
    Ok(Exit::Yes)
}

fn write(pages: &BTreeMap<String, Vec<u8>>, directory: &Path) -> Result<(), CommandError> {
    let failed = |path: &Path, error: std::io::Error| {
        CommandError::usage(format!("{} cannot be written: {error}", path.display())).exit(Exit::No)
    };
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    for (name, page) in pages {
        let path = directory.join(format!("{name}.1"));
        fs::write(&path, page).map_err(|error| failed(&path, error))?;
    }
    let count = units::counted(pages.len() as u64, "page");
    print::note(&format!("{count} written to {}", directory.display()));
    Ok(())
}

/// Prints the page of a command, named with or without the program in front.
fn show(pages: &BTreeMap<String, Vec<u8>>, command: &str) -> Result<(), CommandError> {
    let words = command.split(|ch: char| ch == '-' || ch.is_whitespace());
    let mut words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.first() != Some(&"llmbench") {
        words.insert(0, "llmbench");
    }
    let name = words.join("-");
    let Some(page) = pages.get(&name) else {
        let near = did_you_mean(&name, pages.keys().map(String::as_str));
        return Err(CommandError::usage(format!("no page `{name}`{near}"))
            .hint("`llmbench man DIR` writes all pages; `llmbench --help` lists the commands"));
    };
    stdout::text(&String::from_utf8_lossy(page))
}

//! `llmbench results verify`: checks an export with receipts, as a stranger can: with these files and a public key alone.

use crate::cli::results::ResultsVerifyArgs;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::stdout;
use crate::export::receipts::ReceiptPaths;
use crate::export::receipts::checking::{VerifyError, check};
use crate::export::receipts::signature::PublicKey;
use crate::output::terminal::Terminal;
use crate::output::verify::{document, list};
use crate::output::{ReportView, print};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest file of a public key, bytes.
const LARGEST_KEY: u64 = 64 * 1024;

/// Runs the command and returns its exit status.
///
/// # Errors
/// Status 2 for a file that is missing or cannot be read, and for a public key that is none.
pub fn run(args: &ResultsVerifyArgs, terminal: Terminal) -> Result<Exit, CommandError> {
    let key = args.public_key.as_deref().map(public_key).transpose()?;
    let paths = ReceiptPaths::of_any(&args.file);
    let report = check(&paths, key).map_err(|error| unread(&error, &paths))?;
    if args.json {
        stdout::document(&document(&report))?;
    } else {
        stdout::text(&list(&report, &ReportView::new(terminal, args.wide)))?;
    }
    if !report.is_true() {
        return Ok(Exit::No);
    }
    if report.is_empty_handed() {
        print::note(match report.rows {
            0 => "the export has no rows: no figure was checked",
            _ => "no run has a receipt that this version computes: no figure was checked",
        });
        return Ok(Exit::Usage);
    }
    Ok(Exit::Yes)
}

fn unread(error: &VerifyError, paths: &ReceiptPaths) -> CommandError {
    let said = CommandError::usage(error);
    match error {
        VerifyError::Missing(path) if *path == paths.rows && !paths.manifest.exists() => {
            said.hint("name the file that `llmbench results export --receipts` wrote")
        }
        VerifyError::Missing(path) if *path == paths.manifest => {
            said.hint("`llmbench results export --receipts` writes it beside the export")
        }
        VerifyError::Missing(_) => {
            said.hint("export, receipts, manifest and signature belong into one directory")
        }
        VerifyError::Io(..) | VerifyError::Newer(..) => said,
    }
}

fn public_key(path: &Path) -> Result<PublicKey, CommandError> {
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::usage(format!("the public key {} cannot be used: {error}", path.display()))
    };
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST_KEY).read_to_end(&mut pem));
    read.map_err(|error| failed(&error))?;
    PublicKey::from_pem(&pem).map_err(|error| failed(&error))
}

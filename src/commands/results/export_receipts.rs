//! What `--receipts` adds to `results export`: when it is refused, the key that signs, what is told at the end.

use super::export::ExportSelection;
use crate::cli::results::ResultsExportArgs;
use crate::commands::context::Context;
use crate::commands::exit::CommandError;
use crate::domain::sourced::Sourced;
use crate::export::ExportFormat;
use crate::export::receipts::lines::{RECEIPTS, ReceiptsHead};
use crate::export::receipts::signature::SigningKey;
use crate::export::receipts::writing::ReceiptTotals;
use crate::export::receipts::{MANIFEST_ENDING, RECEIPTS_ENDING, ReceiptPaths};
use crate::measure::outcome_row::measured_by;
use crate::measure::timeline::DEFINITIONS_VERSION;
use crate::output::recompute::without_receipts;
use crate::output::{json, print};
use crate::storage::history::HistoryFilter;
use std::path::{Path, PathBuf};

/// What is needed besides the rows; `None` without `--receipts`.
pub(super) struct ReceiptsPlan {
    pub(super) head: ReceiptsHead,
    pub(super) key: Option<SigningKey>,
}

impl ReceiptsPlan {
    /// Reads the key before any row is read.
    ///
    /// # Errors
    /// Status 2 on standard output, for failures, and for a key that cannot be used.
    pub(super) fn of(
        args: &ResultsExportArgs,
        chosen: &ExportSelection,
        format: ExportFormat,
        scope: &HistoryFilter,
        context: &Context,
    ) -> Result<Option<Self>, CommandError> {
        if !args.receipts {
            return refuse_beside_others(&args.output).map(|()| None);
        }
        if args.output == Path::new("-") {
            return Err(CommandError::usage(
                "--receipts writes files beside the export, and standard output is none",
            )
            .hint("name a file: --output runs.csv"));
        }
        if ReceiptPaths::of_any(&args.output).rows != args.output {
            return Err(CommandError::usage(
                "the name of the export ends like that of its receipts or its manifest",
            )
            .hint("name another file: --output runs.csv"));
        }
        if chosen.series.is_empty() {
            return Err(CommandError::usage("failures have no receipts: --receipts needs runs")
                .hint("leave --series errors out"));
        }
        Ok(Some(Self { head: head(args, chosen.name, format, scope), key: key(context)? }))
    }
}

/// Refuses to write an export beside the receipts, the manifest or the signature of another one: they would seem to be of
/// this one, and without them nobody could check the other one. They are not removed either, because it may have been
/// moved or may be in other hands.
fn refuse_beside_others(output: &Path) -> Result<(), CommandError> {
    if output == Path::new("-") {
        return Ok(());
    }
    let ReceiptPaths { receipts, manifest, signature, .. } = ReceiptPaths::beside(output);
    let is_there = |path: &&PathBuf| path.symlink_metadata().is_ok();
    let Some(there) = [manifest, signature, receipts].iter().find(is_there).cloned() else { return Ok(()) };
    Err(CommandError::usage(format!(
        "{} is there, of an export with receipts, and would seem to be of this one",
        there.display()
    ))
    .hint("name another file, move it away with its export, or add --receipts (with --force, which replaces all of them)"))
}

/// The key that signs, if one is configured.
fn key(context: &Context) -> Result<Option<SigningKey>, CommandError> {
    let Some(file) = context.settings.signing_key_file() else { return Ok(None) };
    let pem = context.settings.signing_key(&file).map_err(CommandError::usage)?;
    let Sourced { value: path, source } = file;
    let unusable =
        |error| CommandError::usage(format!("signing_key_file ({source}): {}: {error}", path.display()));
    SigningKey::from_pem(&pem).map(Some).map_err(unusable)
}

fn head(args: &ResultsExportArgs, series: &str, format: ExportFormat, scope: &HistoryFilter) -> ReceiptsHead {
    let file = args.output.file_name().map(|name| name.to_string_lossy().into_owned());
    ReceiptsHead {
        schema: RECEIPTS.to_owned(),
        file: file.unwrap_or_default(),
        format,
        program: measured_by(),
        definitions: DEFINITIONS_VERSION,
        series: series.to_owned(),
        from: scope.window.from.map(json::time),
        to: scope.window.to.map(json::time),
        provider: scope.provider.clone(),
        model: scope.model.clone(),
    }
}

/// Says what stands beside the export.
pub(super) fn tell(path: &Path, rows: u64, totals: ReceiptTotals) {
    let ReceiptTotals { receipts, unreadable, signed } = totals;
    let name = path.display();
    if receipts == 0 && rows > 0 {
        print::note(&without_receipts(rows));
    }
    print::note(&format!("{receipts} receipts in {name}{RECEIPTS_ENDING}"));
    if unreadable > 0 {
        print::note(&format!(
            "{unreadable} of them cannot be read: `llmbench results recompute` names their runs"
        ));
    }
    let manifest = format!("{name}{MANIFEST_ENDING}");
    print::note(&match signed {
        true => format!(
            "{manifest} is signed: whoever has your public key can check it with `llmbench results verify`"
        ),
        false => format!("{manifest} is not signed: LLMBENCH_SIGNING_KEY_FILE names the key that would"),
    });
}

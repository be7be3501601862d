//! `llmbench results export`: writes stored rows to files. This task reads the store page by page; a separate thread
//! encodes and writes the pages, so that neither waits for the other and only a few pages are in memory.

use super::export_receipts::{self, ReceiptsPlan};
use crate::cli::results::{FormatArg, ResultsExportArgs, SeriesArg};
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::scope::{read_error, scope, window};
use crate::commands::unknown_names;
use crate::export::new_file::{NewFile, NewFileError};
use crate::export::receipts::writing::{ReceiptTotals, ReceiptedExport};
use crate::export::{Encoder, ExportFormat, ExportTotals, encoder};
use crate::output::progress_counter::ProgressCounter;
use crate::output::{json, print};
use crate::storage::history::merged_rows::Merged;
use crate::storage::history::row_pages::{RowPage, RowPages, RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use serde_json::{Map, Value};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use tokio::sync::{mpsc, oneshot};

const DOCUMENT: &str = "llmbench.results.export/1";

/// Pages that may wait for the writer.
const AHEAD: usize = 2;

/// Runs the command and returns its exit status.
///
/// # Errors
/// Status 2 for a file that may not be replaced, for Parquet on a terminal and for a signing key that cannot be used, 1 if the file cannot be written, 75 if
/// the store cannot be reached, 130 if it was interrupted. None of them leaves a file.
pub async fn run(args: ResultsExportArgs, context: Context) -> Result<Exit, CommandError> {
    let scope = scope(&args.of, window(&args.window, None)?)?;
    let chosen = ExportSelection::of(if args.published { SeriesArg::Published } else { args.series });
    let what = if chosen.series.is_empty() { "errors" } else { "runs" };
    let format = format(&args)?;
    let to_file = args.output != Path::new("-");
    if format == ExportFormat::Parquet && !to_file && context.terminal.stdout_tty {
        return Err(CommandError::usage("Parquet is binary and standard output is a terminal")
            .hint("name a file: --output runs.parquet"));
    }
    let receipts = ReceiptsPlan::of(&args, &chosen, format, &scope, &context)?;
    let store = context.open_store().await?;
    unknown_names::provider(&scope, &context, &*store).await?;
    let interrupt = Interrupt::listen()
        .map_err(|error| CommandError::usage(format!("no signal handler can be set: {error}")))?;
    let target = if to_file { create(&args, receipts)? } else { ExportTarget::Standard };
    let place = if to_file { args.output.display().to_string() } else { "standard output".to_owned() };
    let table = chosen.table();
    let job = ExportJob { format, table, head: head(chosen.name, &scope), place };
    let mut counter = ProgressCounter::start(what, &context.terminal, args.quiet);
    let pages: Box<dyn RowPages + '_> = match chosen.series {
        [] => store.pages(RowQuery { table, scope: scope.clone(), fields: None }),
        series => Box::new(Merged::new(&*store, series, &scope)),
    };
    let ended = copy(pages, job, target, &mut counter, &interrupt).await;
    counter.done();
    let (written, kept) = ended?;
    if !args.quiet {
        tell(what, written, kept.map(|kept| (args.output.as_path(), kept)));
        match what {
            _ if written.rows > 0 || written.closed => {}
            "runs" => super::nothing_fits(&scope, chosen.series, &*store).await?,
            _ => {
                print::note("no error is stored that fits");
                let hinted = unknown_names::hint_at_model(&scope, &*store).await;
                hinted.map_err(|error| read_error("reading names", error))?;
            }
        }
    }
    Ok(Exit::Yes)
}

/// The format that the flag names, else that of the file's name.
fn format(args: &ResultsExportArgs) -> Result<ExportFormat, CommandError> {
    let ending = args.output.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    Ok(match (args.format, ending.as_deref()) {
        (Some(FormatArg::Csv), _) | (None, Some("csv") | None) => ExportFormat::Csv,
        (Some(FormatArg::Json), _) | (None, Some("json")) => ExportFormat::Json,
        (Some(FormatArg::Ndjson), _) | (None, Some("ndjson" | "jsonl")) => ExportFormat::Ndjson,
        (Some(FormatArg::Parquet), _) | (None, Some("parquet")) => ExportFormat::Parquet,
        (None, Some(ending)) => {
            let said = format!("`.{}` names no form", ending.escape_debug());
            return Err(CommandError::usage(said).hint("add --format csv, json, ndjson or parquet"));
        }
    })
}

pub(super) struct ExportSelection {
    /// The name in the JSON document.
    pub(super) name: &'static str,
    /// The series of runs; empty for errors.
    pub(super) series: &'static [RunSeries],
}

impl ExportSelection {
    fn of(series: SeriesArg) -> Self {
        let (name, series): (_, &[RunSeries]) = match series {
            SeriesArg::All => ("all", &RunSeries::ALL),
            SeriesArg::Published => ("published", &[RunSeries::Published]),
            SeriesArg::Probe => ("probe", &[RunSeries::Probe]),
            SeriesArg::Errors => ("errors", &[]),
        };
        Self { name, series }
    }

    /// The table, whose columns are the same for all series of runs.
    fn table(&self) -> RowSource {
        self.series.first().map_or(RowSource::Errors, |series| RowSource::Runs(*series))
    }
}

/// The first fields of the JSON document.
fn head(series: &str, scope: &HistoryFilter) -> Map<String, Value> {
    let at = |at: Option<_>| at.map_or(Value::Null, |at| json::time(at).into());
    let fields = [
        ("schema", DOCUMENT.into()),
        ("series", series.into()),
        ("from", at(scope.window.from)),
        ("to", at(scope.window.to)),
        ("provider", scope.provider.clone().into()),
        ("model", scope.model.clone().into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Creates the files of the export.
fn create(args: &ResultsExportArgs, receipts: Option<ReceiptsPlan>) -> Result<ExportTarget, CommandError> {
    let (path, force) = (&args.output, args.force);
    let created = match receipts {
        None => NewFile::create(path, force).map(|file| ExportTarget::File(Box::new(file))),
        Some(ReceiptsPlan { head, key }) => ReceiptedExport::create(path, force, &head, key)
            .map(|files| ExportTarget::WithReceipts(Box::new(files))),
    };
    created.map_err(|error| {
        let said = CommandError::usage(&error);
        match error {
            NewFileError::Exists(_) => said.hint("--force replaces it"),
            NewFileError::NoFile(_) => said.hint("name a file, or write to standard output: --output -"),
            NewFileError::Io(..) => said,
        }
    })
}

enum ExportTarget {
    Standard,
    File(Box<NewFile>),
    WithReceipts(Box<ReceiptedExport>),
}

/// The form in which rows are written.
struct ExportJob {
    format: ExportFormat,
    table: RowSource,
    head: Map<String, Value>,
    /// The destination, for people.
    place: String,
}

/// A kept file.
struct KeptFile {
    bytes: u64,
    /// What stands beside it.
    receipts: Option<ReceiptTotals>,
}

/// The totals, and the kept file.
type ExportResult = (ExportTotals, Option<KeptFile>);

/// Reads all pages and has them written.
async fn copy(
    reading: Box<dyn RowPages + '_>,
    job: ExportJob,
    target: ExportTarget,
    counter: &mut ProgressCounter,
    interrupt: &Interrupt,
) -> Result<ExportResult, CommandError> {
    let (pages, queue) = mpsc::channel(AHEAD);
    let (reply, done) = oneshot::channel();
    let (to_file, place) = (!matches!(target, ExportTarget::Standard), job.place.clone());
    // On a thread of its own: the disk or a reader may be slow, and Ctrl-C must still be handled.
    let writing = move || drop(reply.send(write(&job, target, queue)));
    std::thread::Builder::new()
        .name("export".to_owned())
        .spawn(writing)
        .map_err(|error| CommandError::usage(format!("no thread to write: {error}")))?;
    let read = tokio::select! {
        read = read(reading, &pages, counter) => read,
        () = interrupt.stop.cancelled() => Err(CommandError::usage("interrupted").exit(Exit::Interrupted)),
    };
    drop(pages);
    if let Err(error) = read {
        // The writer removes its unfinished file; on standard output it may block forever, so it is not waited for.
        if to_file {
            tokio::select! {
                _ = done => {}
                () = interrupt.abort.cancelled() => {}
            }
        }
        return Err(error.hint("the export is not whole; no file is kept"));
    }
    tokio::select! {
        ended = done => match ended {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(unwritten(&place, &error)),
            Err(_) => Err(CommandError::usage("the writer has ended without a word").exit(Exit::No)),
        },
        // Everything is read; the rest of a file is written soon.
        () = if to_file { interrupt.abort.cancelled() } else { interrupt.stop.cancelled() } => {
            Err(CommandError::usage("interrupted").exit(Exit::Interrupted))
        }
    }
}

/// Reads pages and passes them on, with an explicit end: a queue that ends without one means that the reader failed.
async fn read(
    mut reading: Box<dyn RowPages + '_>,
    pages: &mpsc::Sender<Option<RowPage>>,
    counter: &mut ProgressCounter,
) -> Result<(), CommandError> {
    while let Some(page) = reading.next().await.map_err(|error| read_error("reading rows", error))? {
        let rows = page.len() as u64;
        if pages.send(Some(page)).await.is_err() {
            // The writer has ended and reports the reason itself.
            return Ok(());
        }
        counter.more(rows);
    }
    drop(pages.send(None).await);
    Ok(())
}

/// Writes pages until the last one. `None` marks the end.
fn write(
    job: &ExportJob,
    target: ExportTarget,
    mut queue: mpsc::Receiver<Option<RowPage>>,
) -> io::Result<ExportResult> {
    let mut next = move || queue.blocking_recv();
    match target {
        ExportTarget::File(mut file) => {
            let written = encode(job, &mut file, None, &mut next)?.ok_or(ErrorKind::Interrupted)?;
            Ok((written, Some(KeptFile { bytes: file.keep()?, receipts: None })))
        }
        ExportTarget::WithReceipts(mut files) => {
            let (rows, receipts) = files.parts();
            let mut take = |rows: &[&str]| receipts.rows(rows);
            let written = encode(job, rows, Some(&mut take), &mut next)?.ok_or(ErrorKind::Interrupted)?;
            let (bytes, receipts) = files.keep()?;
            Ok((written, Some(KeptFile { bytes, receipts: Some(receipts) })))
        }
        ExportTarget::Standard => {
            match encode(job, &mut io::BufWriter::with_capacity(1 << 16, print::sink()), None, &mut next) {
                // A reader that has gone has seen all it wanted.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    Ok((ExportTotals { closed: true, ..ExportTotals::default() }, None))
                }
                ended => Ok((ended?.unwrap_or_default(), None)),
            }
        }
    }
}

/// Takes the rows of a page as well.
type RowsTaker<'a> = &'a mut dyn FnMut(&[&str]) -> io::Result<()>;

/// Encodes pages, and passes them on to `beside`; `None` if they stopped without an end mark. Nothing is written before
/// the store has answered.
fn encode(
    job: &ExportJob,
    out: &mut (impl Write + Send),
    mut beside: Option<RowsTaker<'_>>,
    next: &mut impl FnMut() -> Option<Option<RowPage>>,
) -> io::Result<Option<ExportTotals>> {
    let Some(mut page) = next() else { return Ok(None) };
    let mut rows: Box<dyn Encoder + '_> = encoder(job.format, job.table, &job.head, out)?;
    let mut written = ExportTotals::default();
    while let Some(filled) = page {
        let texts: Vec<&str> = filled.rows().collect();
        written.odd += rows.rows(&texts)?;
        if let Some(beside) = &mut beside {
            beside(&texts)?;
        }
        written.rows += texts.len() as u64;
        let Some(following) = next() else { return Ok(None) };
        page = following;
    }
    rows.finish()?;
    Ok(Some(written))
}

fn unwritten(place: &str, error: &io::Error) -> CommandError {
    let said = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            format!("no room for the export: the disk, its quota or the limit on files is full ({error})")
        }
        ErrorKind::NotFound => {
            format!(
                "cannot write {place}: its directory, or what was written so far, was taken away meanwhile ({error})"
            )
        }
        _ => format!("cannot write {place}: {error}"),
    };
    CommandError::usage(said).exit(Exit::No).hint("nothing is kept; --output names another place")
}

fn tell(what: &str, written: ExportTotals, file: Option<(&Path, KeptFile)>) {
    let ExportTotals { rows, odd, .. } = written;
    if let Some((path, KeptFile { bytes, receipts })) = file {
        let megabytes = bytes as f64 / 1e6;
        print::note(&format!("{rows} {what} in {} ({megabytes:.1} MB)", path.display()));
        receipts.into_iter().for_each(|totals| export_receipts::tell(path, rows, totals));
    }
    if odd > 0 {
        print::note(&format!(
            "{odd} of them hold values of another type than the data contract gives them; they are in it as they are"
        ));
    }
}

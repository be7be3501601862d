//! `llmbench report`: brings blocks and changes up to date, reads what is known, and writes pages of it.

pub mod facts;
mod opening;
pub mod watch;

use crate::cli::report::ReportArgs;
use crate::cli::{calibrate, changes, rank};
use crate::commands::changes::up_to_date;
use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::commands::scope::{NO_RUNNER, read_error, wanted_circumstances};
use crate::commands::stdout;
use crate::domain::series_change::MeasuredSeries;
use crate::export::new_file::{NewFile, NewFileError};
use crate::measure::ranking::circumstances::WantedCircumstances;
use crate::output::text::escape;
use crate::output::units::{counted, grouped};
use crate::report::contents::ReportContents;
use crate::report::contents::facts::ReportFacts;
use crate::report::page::methodology::MethodTexts;
use crate::report::page::{PageLinks, index};
use crate::report::site::{self, SiteAddress, SiteError, SiteFolder, SiteSummary};
use facts::{ReportFactsError, ReportQuery};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// What `--help` says, for the page about the method.
const TEXTS: MethodTexts =
    MethodTexts { ranking: rank::RANKED, changes: changes::CHANGED, calibration: calibrate::CALIBRATED };

/// Runs the command and returns its exit status.
///
/// # Errors
/// Status 2 for flags that cannot be used and folders of somebody else, 75 for a store that cannot be reached, 1 for
/// files that cannot be written and a site that another report is writing.
pub async fn run(args: ReportArgs, context: Context) -> Result<Exit, CommandError> {
    if args.output.is_none() && args.site.is_none() && !args.json {
        let nothing = CommandError::usage("it is not said what to write");
        return Err(
            nothing.hint("--output report.html for one file, --site DIR for a site, --json for the numbers")
        );
    }
    if args.output.as_deref() == Some(Path::new("-")) {
        return Err(CommandError::usage("--output: a report does not go to standard output")
            .hint("name a file, for example --output report.html; --json prints the numbers"));
    }
    let address = address(args.url.as_deref())?;
    let wanted = wanted_circumstances(args.profile.as_deref(), args.connection, &args.runner, &context);
    let query = ReportQuery { since: args.since.clone(), wanted };
    let store = context.open_store().await?;
    let failed = |error| read_error("reading what was measured", error);
    let now = store.server_time().await.map_err(failed)?;
    up_to_date(&*store, now, &context.terminal, args.quiet || args.json).await.map_err(failed)?;
    let facts = query.read(&*store, now).await.map_err(unread)?;
    let contents = ReportContents::of(&facts);
    check(&query.wanted, &facts, &contents)?;
    if contents.models.is_empty() {
        let said = "no request of a daemon is stored in this time, or its first 3 hours are not over: requests by hand are not \
                    in reports; `llmbench daemon` measures around the clock";
        context.note(args.quiet, said);
    }
    if let Some(path) = &args.output {
        let bytes = write_file(path, &contents)?;
        context.note(args.quiet, &format!("{}: {} bytes", shown(path), grouped(bytes)));
    }
    if let Some(path) = &args.site {
        let written = write_site(path, args.force, &facts, &contents, &address).map_err(unwritten)?;
        context.note(args.quiet, &format!("{}: {}", shown(path), said(written)));
    }
    if args.json {
        stdout::document(&serde_json::to_value(&contents).map_err(CommandError::usage)?)?;
    }
    if args.open {
        let page = args.output.clone().or_else(|| args.site.map(|site| site.join("index.html")));
        page.iter().for_each(|page| opening::open(page));
    }
    Ok(Exit::Yes)
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

fn said(written: SiteSummary) -> String {
    format!("{}, {} bytes", counted(written.files, "file"), grouped(written.bytes))
}

fn address(url: Option<&str>) -> Result<SiteAddress, CommandError> {
    SiteAddress::parse(url).map_err(|why| CommandError::usage(format!("--url: {why}")))
}

/// Refuses circumstances of which nothing was measured, because a name may be mistyped.
fn check(
    wanted: &WantedCircumstances,
    facts: &ReportFacts,
    contents: &ReportContents,
) -> Result<(), CommandError> {
    let is_asked = *wanted != WantedCircumstances::default();
    if !is_asked || facts.series.is_empty() || facts.series.iter().any(|one| contents.circumstances.hold(one))
    {
        return Ok(());
    }
    let known = |name: fn(&MeasuredSeries) -> Option<&str>, none: &str| {
        let names = facts.series.iter().map(|one| name(&one.series).map_or_else(|| none.to_owned(), escape));
        names.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    Err(CommandError::usage("nothing was measured under these circumstances in this time").hint(format!(
        "there are measurements of the profiles {} by the runners {} over the connections {}",
        known(|series| series.profile.as_deref(), "none"),
        known(|series| series.runner.as_deref(), NO_RUNNER),
        known(|series| series.connection.as_deref(), "none"),
    )))
}

/// Writes the report in one file, in the place of an earlier one; returns its size.
fn write_file(path: &Path, contents: &ReportContents) -> Result<u64, CommandError> {
    let refused = |error: NewFileError| CommandError::usage(format!("--output: {error}"));
    let failed = |error: io::Error| {
        CommandError::usage(format!("{} cannot be written: {error}", shown(path))).exit(Exit::No)
    };
    let page = index::page(contents, &TEXTS, PageLinks::Nowhere);
    let mut file = NewFile::create(path, true).map_err(refused)?;
    file.write_all(page.as_bytes()).map_err(failed)?;
    file.keep().map_err(failed)
}

/// Writes the site in the place of an earlier one.
///
/// # Errors
/// Any case of [`SiteError`]; the earlier site is still there.
pub fn write_site(
    path: &Path,
    force: bool,
    facts: &ReportFacts,
    contents: &ReportContents,
    address: &SiteAddress,
) -> Result<SiteSummary, SiteError> {
    let mut folder = SiteFolder::begin(path, force)?;
    site::write(&mut folder, facts, contents, &TEXTS, address)?;
    folder.publish()
}

fn unread(error: ReportFactsError) -> CommandError {
    match error {
        ReportFactsError::Since(why) => CommandError::usage(format!("--since: {why}")),
        ReportFactsError::Store(error) => read_error("reading what was measured", error),
    }
}

fn unwritten(error: SiteError) -> CommandError {
    let hint = match &error {
        SiteError::Foreign(..) => {
            "name another folder, or write the site beside them with --force: they stay there"
        }
        SiteError::Busy(_) => {
            "wait for it; a daemon writes the site that `[report]` of its configuration names"
        }
        SiteError::Taken(_) => "move it away, or name another folder",
        SiteError::Leftover(_) | SiteError::NoFolder(_) => "TROUBLESHOOTING.md, \"Pages of a report\"",
        SiteError::Io(..) => "the site before is still there",
    };
    let exit = match &error {
        SiteError::Busy(_) | SiteError::Io(..) => Exit::No,
        _ => Exit::Usage,
    };
    CommandError::usage(&error).exit(exit).hint(hint)
}

//! `llmbench report`: pages of what was measured.

use super::rank::ConnectionArg;
use clap::Args;
use std::path::PathBuf;

/// Write pages of what was measured: one file that anybody can open, or a site for any static host
#[derive(Debug, Args)]
#[command(after_help = REPORTED)]
pub struct ReportArgs {
    /// One HTML file with everything in it
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A folder with an index, a page a model and a provider, data files, a feed and badges; it is replaced as a whole
    #[arg(long, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// From when on: 30d, 12w, 2026-11-01 or RFC 3339; lengths count back from the newest measurement
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub since: String,
    /// Compare answers to this profile, by name or id [default: the one that most models have]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Compare answers over such connections [default: the kind that most models have]
    #[arg(long, value_enum, value_name = "KIND")]
    pub connection: Option<ConnectionArg>,
    /// Compare what this runner measured; - for rows that no bridge received (repeatable, or with commas between)
    /// [default: the runner that measures most models, and those that measure all of these too]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub runner: Vec<String>,
    /// Address at which the site will be, for the feed
    #[arg(long, value_name = "URL", requires = "site")]
    pub url: Option<String>,
    /// Write the site into a folder that holds somebody else's files; they stay there
    #[arg(long, requires = "site")]
    pub force: bool,
    /// Open the page in the browser
    #[arg(long)]
    pub open: bool,
    /// One JSON document on standard output: what stands on the index
    #[arg(long)]
    pub json: bool,
    /// No progress and no notes; errors still appear, on standard error
    #[arg(short, long)]
    pub quiet: bool,
}

/// An explanation of reports, printed by `--help` and the man page.
const REPORTED: &str = "\
A report counts what daemons measure around the clock, from medians of 3 hours; requests by hand are not in it. It ends with \
the newest measurement and says nothing of the moment at which it is written, so the same rows give the same bytes. Pages \
load nothing from anywhere, and work without scripts.

Only files that a report wrote are ever deleted; .llmbench-report in the folder names them. A reader never sees half a site, \
and whatever ends the command leaves the site before as it was.

  llmbench report --output report.html --open
  llmbench report --site /srv/www/bench --url https://bench.example.org
  llmbench report --json --since 7d";

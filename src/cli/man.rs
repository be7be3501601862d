//! `llmbench man`: the man pages of this program.

use clap::Args;
use std::path::PathBuf;

/// The man pages: all of them into a directory, or one on standard output
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Directory that all pages are written to; it is made where it is missing. Without it, one page goes to standard
    /// output
    #[arg(value_name = "DIR", conflicts_with = "page")]
    pub directory: Option<PathBuf>,
    /// Command whose page goes to standard output, such as 'models add'; without it, that of llmbench itself
    #[arg(long, value_name = "COMMAND")]
    pub page: Option<String>,
}

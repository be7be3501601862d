//! `llmbench doctor`: checks that this installation is in order.

use clap::Args;

/// Look whether configuration, keys, store, catalog and files are in order, and say how to mend what is not
///
/// Nothing is changed, nothing is stored and no token is paid for: a provider is asked for its list of models, the store
/// for what it is. Checks run side by side, each with a deadline of 10 seconds. A check that could not look says so: that is
/// not "fine". Keys are shown as set or unset alone.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_STATUS)]
pub struct DoctorArgs {
    /// Ask this provider alone (repeatable) [default: every provider with a key, or with enabled models]
    #[arg(short, long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// Ask no provider and run no key command; the store is looked at all the same
    #[arg(long)]
    pub offline: bool,
    /// Differences once this takes the place of the Python containers whose environment and database it sees
    #[arg(long, conflicts_with_all = ["providers", "offline"])]
    pub switch: bool,
    /// Every check, not only what is wrong, missing or worth knowing
    #[arg(short, long)]
    pub verbose: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

const DOCTOR_STATUS: &str = "\
Exit status: 0 all was looked at and nothing is wrong, 1 something is wrong or could not be looked at, 2 wrong usage or a \
configuration that cannot be read";

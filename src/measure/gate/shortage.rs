//! Why a gate against history is not decided, in words that say what is missing and how long it takes.

use super::prediction::{DAYS_NEEDED, SAMPLES_NEEDED};
use std::fmt;

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryShortage {
    /// The run reaches over more than one block of time.
    LongRun,
    /// The run has nothing but suspect samples.
    Suspect,
    /// The run has too few samples of the metric.
    FewSamples { has: usize },
    /// Nothing is stored of the model in these circumstances.
    NothingStored,
    /// Too few earlier days have runs at the run's time of the day, and they are of too few other hours.
    FewDays { at_this_hour: usize },
}

impl fmt::Display for HistoryShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryShortage::LongRun => {
                f.write_str("the run lasted over 3 hours; `llmbench results compare` compares long windows")
            }
            HistoryShortage::Suspect => f.write_str("every sample of this run is suspect"),
            HistoryShortage::FewSamples { has } => write!(
                f,
                "this run has {has} sample{} of it and needs {SAMPLES_NEEDED}: `-n {SAMPLES_NEEDED}` or more",
                if *has == 1 { "" } else { "s" }
            ),
            HistoryShortage::NothingStored => {
                f.write_str("nothing is stored that it could be compared with; ")?;
                write!(f, "{DAYS_NEEDED} days with runs at this time of the day are needed")
            }
            HistoryShortage::FewDays { at_this_hour } => {
                let more = DAYS_NEEDED - at_this_hour;
                let stored = match at_this_hour {
                    0 => "no earlier day has".to_owned(),
                    1 => "1 earlier day has".to_owned(),
                    days => format!("{days} earlier days have"),
                };
                write!(
                    f,
                    "{stored} runs within 90 minutes of this time of the day and {DAYS_NEEDED} are needed: "
                )?;
                write!(f, "{more} more day{}", if more == 1 { "" } else { "s" })
            }
        }
    }
}

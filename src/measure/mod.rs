//! One request, one outcome: the measuring thread, the timeline that turns stamps into figures, the
//! verdict, load shapes; then many outcomes: statistics and gates. Knows providers; does not know storage,
//! the command line or the terminal.

pub mod block_comparison;
pub mod busy_loop;
pub mod calibration;
pub mod canary_answer;
pub mod change_cause;
pub mod change_state;
pub mod change_windows;
pub mod clock_thread;
pub mod collect;
pub mod compare;
pub mod decode_thread;
pub mod failure_shares;
pub mod gate;
pub mod joined_change;
pub mod judge;
pub mod lag;
pub mod level_shift;
pub mod load;
pub mod measurer;
pub mod metric_dialect;
pub mod metrics;
pub mod outcome_row;
pub mod paired;
pub mod plausibility;
pub mod quality;
pub mod ranking;
pub mod receipt;
pub mod receipt_figures;
pub mod redact_outcome;
pub mod report;
pub mod series_incidents;
pub mod shift_changes;
pub mod stats;
pub mod student_t;
pub mod swap;
pub mod swap_changes;
#[cfg(test)]
pub mod synthetic_series;
#[cfg(test)]
pub mod testing;
pub mod timeline;
pub mod tokens;
#[cfg(test)]
pub mod trials;
pub mod verdict;

pub use collect::OutcomeCollector;
pub use gate::Gate;
pub use metrics::{METRICS, Metric};
pub use report::{ModelReport, Report};
pub use stats::{Statistic, SummaryStats};

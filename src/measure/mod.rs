//! One request, one outcome: the measuring thread, the timeline that turns stamps into figures, the verdict, load shapes;
//! then many outcomes: statistics and gates. Knows providers; does not know storage, the command line or the terminal.

pub mod collect;
pub mod compare;
pub mod desk;
pub mod foreign;
pub mod gate;
pub mod judge;
pub mod laboratory;
pub mod lag;
pub mod load;
pub mod meter;
pub mod metrics;
pub mod plausible;
pub mod quality;
pub mod report;
pub mod rows;
pub mod stats;
#[cfg(test)]
pub mod testing;
pub mod timeline;
pub mod tokens;
pub mod verdict;

pub use collect::Collector;
pub use gate::Gate;
pub use metrics::{METRICS, Metric};
pub use report::{ModelReport, Report};
pub use stats::{Statistic, Summary};

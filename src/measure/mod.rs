//! From one request to one outcome, and from many outcomes to figures. Knows no storage and no terminal.

pub mod collect;
pub mod gate;
pub mod metrics;
pub mod report;
pub mod stats;
#[cfg(test)]
pub mod testing;

pub use collect::Collector;
pub use gate::Gate;
pub use metrics::{METRICS, Metric};
pub use report::{ModelReport, Report};
pub use stats::{Statistic, Summary};

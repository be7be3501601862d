//! The rows of the table: each part makes its measurements and gives its lines.

pub mod bridge_latency;
pub mod bridge_load;
pub mod bridge_memory;
pub mod build;
pub mod cold;
pub mod daemon_idle;
pub mod daemon_lanes;
pub mod daemon_own;
pub mod daemon_pass;
pub mod daemon_restart;
pub mod drain;
pub mod export;
pub mod flood;
pub mod memory;
pub mod operate;
pub mod receipts;
pub mod start;
pub mod streams;
pub mod sync;
pub mod truth_of_many;

/// `0.123` s as `123 ms`.
fn whole_milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

/// `0.00123` s as `1.23 ms`.
fn milliseconds(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1000.0)
}

/// `0.00123` as `0.12 %`.
fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

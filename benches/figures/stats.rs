//! The few statistics of the table.

use crate::Failed;

/// How often everything is measured.
pub const TIMES: usize = 5;

/// The middle of the values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 50.0)
}

/// The value below or at which `percent` of the values lie (nearest rank); NaN of nothing.
pub fn percentile(values: impl IntoIterator<Item = f64>, percent: f64) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// The mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The largest; NaN of nothing.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 100.0)
}

/// Does something [`TIMES`] times.
pub fn repeated<T>(mut measure: impl FnMut() -> Result<T, Failed>) -> Result<Vec<T>, Failed> {
    (0..TIMES).map(|_| measure()).collect()
}

//! An interval between two numbers: a figure with how well it is known.

use serde::Serialize;

/// A confidence interval, in the unit of what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

//! Blocks of a series: what its rows of 3 hours say together. Changes are found in blocks, because runs that are close in
//! time share the load of that time. Derived from rows, and derived again where rows arrive late. Pure data.

use super::series_change::{MeasuredSeries, WatchedFigure};
use chrono::{DateTime, TimeDelta, Utc};

/// The length of a block's slot.
pub const SLOT_MILLISECONDS: i64 = 3 * 3_600_000;

/// Slots of a UTC day.
pub const SLOTS_OF_DAY: i64 = 8;

/// Days before a block beyond which nothing is looked at, and that stores derive: three months, and what comes before them as
/// their measure.
pub const HISTORY_DAYS: i64 = 120;

/// The number of the 3 hours since 1970 that hold a moment, in milliseconds since 1970.
pub fn slot_of(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(SLOT_MILLISECONDS)
}

/// The moment at which a slot begins; the last representable one for numbers beyond it.
pub fn slot_start(slot: i64) -> DateTime<Utc> {
    let milliseconds = slot.saturating_mul(SLOT_MILLISECONDS);
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The moment at which a slot ends.
pub fn slot_end(slot: i64) -> DateTime<Utc> {
    slot_start(slot)
        .checked_add_signed(TimeDelta::milliseconds(SLOT_MILLISECONDS))
        .unwrap_or(slot_start(slot))
}

/// The UTC day of a slot, in days since 1970.
pub fn day_of_slot(slot: i64) -> i64 {
    slot.div_euclid(SLOTS_OF_DAY)
}

/// A figure in a block: the median of its samples, those in doubt left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockFigure {
    /// In the figure's unit; more than 0.
    pub median: f64,
    pub samples: u32,
}

/// Medians of what a change may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BlockNumbers {
    pub network_rtt_seconds: Option<f64>,
    pub kernel_lag_max_seconds: Option<f64>,
    pub loop_lag_seconds: Option<f64>,
    pub output_tokens: Option<f64>,
    pub input_tokens: Option<f64>,
    /// `output_tokens` of answers at temperature 0 that their budget did not cut.
    pub answer_tokens: Option<f64>,
}

/// What most rows of a block say of the answer and of who gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockFacts {
    pub finish_reason: Option<String>,
    pub response_model: Option<String>,
    pub system_fingerprint: Option<String>,
    pub quantization: Option<String>,
    pub route_endpoint_tag: Option<String>,
    pub observed_provider: Option<String>,
    /// Program and version that measured.
    pub measured_by: Option<String>,
    /// The newest calibration of the host that measured.
    pub calibration_id: Option<String>,
    /// A canary's answer, and the natural logarithms of its tokens' probabilities with blanks between them.
    pub canary_answer: Option<String>,
    pub canary_logprobs: Option<String>,
}

/// The block of a series in one slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesBlock {
    pub slot: i64,
    pub ttft: Option<BlockFigure>,
    pub tokens_per_second: Option<BlockFigure>,
    /// Requests, without those that the measuring side failed.
    pub attempts: u32,
    pub failures: u32,
    pub numbers: BlockNumbers,
    pub facts: BlockFacts,
}

impl SeriesBlock {
    pub fn figure(&self, figure: WatchedFigure) -> Option<BlockFigure> {
        match figure {
            WatchedFigure::Ttft => self.ttft,
            WatchedFigure::TokensPerSecond => self.tokens_per_second,
        }
    }
}

/// A block with its series.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockOfSeries {
    pub series: MeasuredSeries,
    pub block: SeriesBlock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_three_hours_of_utc_and_eight_make_a_day() {
        let at = "2026-11-24T14:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let slot = slot_of(at.timestamp_millis());
        assert_eq!(slot_start(slot), "2026-11-24T12:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!(slot_end(slot), "2026-11-24T15:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!((slot_of(-1), slot_of(0), day_of_slot(-1), day_of_slot(7)), (-1, 0, -1, 0));
        assert_eq!(slot_start(i64::MAX), DateTime::<Utc>::MAX_UTC);
    }
}

//! What is stored around changes of series: levels of other series over the same windows, and facts beside the figure. A
//! store gathers it from blocks of series; `measure::change_cause` makes scope and cause of it. Pure data.
//!
//! Two windows belong to each change. **Before**: up to [`DAYS_BEFORE`] that end at `began.earliest`. **After**: from
//! `began.latest` to the end of the newest block, or to `ended.earliest` where the change is over; where that leaves
//! nothing, from `began.at`. Suspect rows are left out of both.

use super::series_change::MeasuredSeries;

/// Length of the window before a change, days.
pub const DAYS_BEFORE: i64 = 7;

/// Series of other providers beyond which a store need not look. Of the same series elsewhere and of the provider's other
/// models it gives all, because sentences count them.
pub const MOST_NEIGHBOURS: usize = 40;

/// The evidence for the changes of one look.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeEvidence {
    /// One entry for each change, in any order. A change without one is judged by the other changes alone.
    pub around: Vec<ChangeSurroundings>,
}

impl ChangeEvidence {
    /// What is stored around a change.
    pub fn of(&self, change_id: &str) -> Option<&ChangeSurroundings> {
        self.around.iter().find(|around| around.change_id == change_id)
    }
}

/// What is stored around one change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeSurroundings {
    /// The id of the change.
    pub change_id: String,
    /// Facts of the changed series itself in the window before.
    pub before: StoredFacts,
    /// The same in the window after.
    pub after: StoredFacts,
    /// Another version of the measuring program, where it came while the change began.
    pub program: Option<ProgramChange>,
    /// Other series over the same two windows, in any order: the same model, profile and connection as other runners
    /// measure it; other models of the provider, as the same runner measures them (all of both); other providers, as the
    /// same runner measures them (up to [`MOST_NEIGHBOURS`]; the same profile and connection first). A series without
    /// samples in the window before is left out; one without samples after has `blocks_after` 0.
    pub neighbours: Vec<SeriesNeighbour>,
}

/// Facts of a series in one window. Numbers are medians over the window's successes, texts the most frequent value;
/// `None` if no row has the field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredFacts {
    /// Blocks of 3 hours with samples.
    pub blocks: u32,
    /// `network_rtt_seconds`.
    pub network_rtt_seconds: Option<f64>,
    /// `kernel_lag_max_seconds`: how late this host read what had arrived.
    pub kernel_lag_seconds: Option<f64>,
    /// `loop_lag_seconds`: how late the measuring loop was.
    pub loop_lag_seconds: Option<f64>,
    /// `output_tokens`.
    pub output_tokens: Option<f64>,
    /// `input_tokens`: the tokenizer's count of a fixed prompt.
    pub input_tokens: Option<f64>,
    /// Failures as a share of all attempts, 0 to 1; `None` without attempts.
    pub failure_share: Option<f64>,
    /// `finish_reason`.
    pub finish_reason: Option<String>,
    /// `response_model`.
    pub response_model: Option<String>,
    /// `system_fingerprint`.
    pub system_fingerprint: Option<String>,
    /// `quantization`.
    pub quantization: Option<String>,
    /// `route_endpoint_tag`, or else `observed_provider`.
    pub endpoint: Option<String>,
    /// The mean of measured minus true TTFT in the newest calibration of the runner's host that was made by the
    /// window's end, seconds (`CalibrationSummary::ttft_error_mean`).
    pub calibration_error_seconds: Option<f64>,
    /// Whether that calibration says that the host may publish.
    pub calibration_fit: Option<bool>,
    /// `measured_by`: program and version.
    pub measured_by: Option<String>,
}

/// Programs that measured a series, `NAME/VERSION`, and after one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramChange {
    pub before: String,
    pub after: String,
    /// True if the first block of the other program is the one in which the change most likely began.
    pub same_block: bool,
}

/// Another series over the windows of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesNeighbour {
    pub series: MeasuredSeries,
    pub reading: NeighbourReading,
}

/// What a neighbour shows of what changed.
#[derive(Debug, Clone, PartialEq)]
pub enum NeighbourReading {
    /// For a change of a figure: the same figure of the neighbour.
    Figure {
        /// The median of the medians of blocks, in the figure's unit.
        before: f64,
        after: f64,
        /// Blocks of 3 hours with at least half their usual samples.
        blocks_before: u32,
        blocks_after: u32,
        /// The standard deviation of the logarithm of the medians of blocks before, without the daily profile where
        /// that is known.
        noise: f64,
    },
    /// For a swap: the neighbour's most frequent value of the fact.
    Fact { before: Option<String>, after: Option<String> },
}

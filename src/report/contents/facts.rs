//! What a report is made of: series of medians of 3 hours, changes, calibrations, failures. Whoever reads the store fills
//! it. Small, because thousands of series are held at once.

use crate::domain::ModelRef;
use crate::domain::calibration::CalibrationSummary;
use crate::domain::series_block::{BlockFacts, BlockFigure, SeriesBlock};
use crate::domain::series_change::{MeasuredSeries, SeriesChange, WatchedFigure};
use crate::measure::ranking::circumstances::WantedCircumstances;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Everything that stands on pages, as stores give it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportFacts {
    /// The start of the first day.
    pub from: DateTime<Utc>,
    /// The end of the newest block of 3 hours: a report is about the rows, not about the moment at which it is written.
    pub as_of: DateTime<Utc>,
    /// The circumstances under which models are compared; what is open is chosen.
    pub wanted: WantedCircumstances,
    pub series: Vec<BlockHistory>,
    pub changes: Vec<SeriesChange>,
    pub calibrations: Vec<CalibrationSummary>,
    /// Failures by model, without its pinned endpoint, and kind.
    pub failures: BTreeMap<ModelRef, BTreeMap<String, u64>>,
}

/// The blocks of a series in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockHistory {
    pub series: MeasuredSeries,
    /// The slots of its first and last block, also outside the report's time.
    pub first_slot: i64,
    pub last_slot: i64,
    pub blocks: Vec<HistoryBlock>,
    /// What the newest block says of the model.
    pub newest: BlockFacts,
}

/// The figures of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HistoryBlock {
    pub slot: i64,
    pub ttft: Option<BlockFigure>,
    pub tokens_per_second: Option<BlockFigure>,
    pub attempts: u32,
    pub failures: u32,
}

impl ReportFacts {
    /// A number that is another one for other facts, so that who wrote a report of them need not keep them.
    pub fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Self { from, as_of, wanted, series, changes, calibrations, failures } = self;
        format!("{from} {as_of} {wanted:?} {changes:?} {calibrations:?} {failures:?}").hash(&mut hasher);
        for one in series {
            (&one.series, one.first_slot, one.last_slot, format!("{:?}", one.newest)).hash(&mut hasher);
            one.blocks.iter().for_each(|block| block.mark(&mut hasher));
        }
        hasher.finish()
    }
}

impl HistoryBlock {
    fn mark(&self, hasher: &mut DefaultHasher) {
        (self.slot, self.attempts, self.failures).hash(hasher);
        for figure in WatchedFigure::ALL {
            self.figure(figure).map(|known| (known.median.to_bits(), known.samples)).hash(hasher);
        }
    }

    /// The same block without its facts.
    pub fn of(block: &SeriesBlock) -> Self {
        Self {
            slot: block.slot,
            ttft: block.ttft,
            tokens_per_second: block.tokens_per_second,
            attempts: block.attempts,
            failures: block.failures,
        }
    }

    pub fn figure(&self, figure: WatchedFigure) -> Option<BlockFigure> {
        match figure {
            WatchedFigure::Ttft => self.ttft,
            WatchedFigure::TokensPerSecond => self.tokens_per_second,
        }
    }
}

//! The rows of a ranking: attempts of every model by runner, profile and connection, and the half hours in which the
//! dashboard has samples of its lanes. Of a run one figure and its 3 hours are kept, 16 bytes.

use super::pairs::measured;
use super::stored_attempts::{self, StoredAttempt, StoredEnd};
use crate::commands::exit::CommandError;
use crate::domain::publication::{HALF_HOUR, HalfHours, LaneRanking, WINDOW};
use crate::domain::{ModelRef, Window};
use crate::measure::failure_shares::AttemptCount;
use crate::measure::ranking::standings::ModelAttempts;
use crate::storage::Store;
use crate::storage::history::{HistoryFilter, RunSeries};
use crate::storage::rankings::LaneKey;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Everything that was read.
#[derive(Debug, Default)]
pub struct RankedRows {
    pub models: BTreeMap<ModelRef, ReadModel>,
    /// Rows left out because they name no provider and model as texts, have no time that can be true, or are no documents,
    /// and values left out because they are no number above 0.
    pub odd: u64,
}

/// A model, at a router at one endpoint.
#[derive(Debug, Default)]
pub struct ReadModel {
    pub attempts: ModelAttempts,
    lanes: BTreeMap<LaneKey, HalfHours>,
}

impl ReadModel {
    /// Its lane with the best place in the dashboard's ranking at a moment; of equal ones the one with the most samples.
    pub fn lane(&self, model: &ModelRef, at: DateTime<Utc>) -> LaneRanking {
        let ranking = |((endpoint_tag, quantization), half_hours): (&LaneKey, &HalfHours)| LaneRanking {
            model: model.clone(),
            endpoint_tag: endpoint_tag.clone(),
            quantization: quantization.clone(),
            coverage: half_hours.coverage(at),
        };
        let nothing = (&(None, None), &HalfHours::default());
        let lanes = self.lanes.iter().map(ranking);
        lanes.max_by_key(|lane| (lane.place(), lane.coverage.samples)).unwrap_or_else(|| ranking(nothing))
    }
}

/// What is read: runs and failures of a window for the ranking by one figure, and the dashboard's week before its end.
pub struct RankedQuery<'a> {
    pub scope: &'a HistoryFilter,
    pub series: &'a [RunSeries],
    /// The figure's index in [`crate::measure::compare::FIGURES`].
    pub figure: usize,
    pub now: DateTime<Utc>,
}

impl RankedQuery<'_> {
    /// The moment at which the dashboard is asked: the end of the window.
    pub fn end(&self) -> DateTime<Utc> {
        self.scope.window.to.map_or(self.now, |to| to.min(self.now))
    }

    /// Reads the rows.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn read(&self, store: &dyn Store) -> Result<RankedRows, CommandError> {
        let Window { from, to } = self.scope.window;
        let from_of_both = from.map(|from| from.min(self.end() - WINDOW));
        let scope = HistoryFilter { window: Window { from: from_of_both, to }, ..self.scope.clone() };
        let mut rows = RankedRows::default();
        let take = |attempt: &StoredAttempt, at: i64, end: StoredEnd| self.take(&mut rows, attempt, at, end);
        stored_attempts::each(store, &scope, self.series, take).await?;
        rows.models.retain(|_, model| !model.attempts.attempts.is_empty());
        Ok(rows)
    }

    fn take(&self, rows: &mut RankedRows, attempt: &StoredAttempt, at: i64, end: StoredEnd) {
        let may_be = 0 < at && at <= stored_attempts::latest(self.now);
        let Some(model) = attempt.model().filter(|_| may_be) else {
            rows.odd += u64::from(end != StoredEnd::Failure);
            return;
        };
        if attempt.ours {
            return;
        }
        let model = measured(model, attempt.endpoint_tag.as_deref());
        let model = rows.models.entry(model).or_default();
        if end == StoredEnd::Run(RunSeries::Published) {
            self.add_to_lane(model, attempt, at);
        }
        if self.scope.window.from.is_some_and(|from| at < from.timestamp_millis()) {
            return;
        }
        let failures = u64::from(end == StoredEnd::Failure);
        let source = (attempt.stratum.runner.clone(), attempt.stratum.profile.clone());
        let counted = model.attempts.attempts.entry(source).or_default();
        counted.add(AttemptCount { attempts: 1, failures });
        if end == StoredEnd::Failure {
            return;
        }
        let value = attempt.values[self.figure].filter(|_| !attempt.suspect);
        let runs = model.attempts.series.entry(attempt.stratum.clone()).or_default();
        runs.add(at, value);
        rows.odd += u64::from(attempt.odd[self.figure]);
    }

    fn add_to_lane(&self, model: &mut ReadModel, attempt: &StoredAttempt, at: i64) {
        let number = at.div_euclid(HALF_HOUR * 1000);
        if HalfHours::window(self.end()).contains(&number) {
            let lane = (attempt.endpoint_tag.clone(), attempt.quantization.clone());
            model.lanes.entry(lane).or_default().add(number);
        }
    }
}

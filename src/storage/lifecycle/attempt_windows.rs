//! Attempts of the last 7, 30 and 120 days by model. Counting 120 days of a large catalog reads millions of entries of
//! an index, so the windows are kept and moved: what entered is added and what left is taken away, and once a day they
//! are counted anew, because rows may arrive days after their attempt.

use super::FailureCounts;
use crate::domain::model_lifecycle::LifecycleCounts;
use crate::domain::{ModelRef, Window};
use crate::storage::health::model_health::CLOCK_SLACK;
use crate::storage::history::HistoryFilter;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;

/// Lengths of the windows. Failures are counted in the first two.
const SPANS: [TimeDelta; 3] = [TimeDelta::days(7), TimeDelta::days(30), TimeDelta::days(120)];

/// Rows of this long before the present are counted at every look, because they may still arrive.
const ARRIVING: TimeDelta = TimeDelta::hours(2);

/// Age at which the windows are counted anew.
const ANEW: TimeDelta = TimeDelta::hours(24);

/// The counts of all models up to a moment, and the moments between which they were counted.
#[derive(Debug, Clone, Default)]
pub struct AttemptWindows {
    counted: Option<CountedWindows>,
}

#[derive(Debug, Clone)]
struct CountedWindows {
    /// When the windows were counted whole.
    anew_at: DateTime<Utc>,
    starts: [DateTime<Utc>; 3],
    end: DateTime<Utc>,
    by_model: HashMap<ModelRef, LifecycleCounts>,
}

/// Whether a range of time entered a window or left it.
#[derive(Clone, Copy)]
enum Passage {
    Enters,
    Leaves,
}

impl AttemptWindows {
    /// The attempts of every model that had one, up to `now`.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(
        &mut self,
        store: &dyn Store,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, LifecycleCounts>, StoreError> {
        // Taken: a failure half-way must not leave windows behind that moved only in part.
        let fits = |counted: &CountedWindows| {
            counted.end <= now - ARRIVING && now - counted.anew_at < ANEW && counted.anew_at <= now
        };
        let counted = match self.counted.take().filter(fits) {
            Some(counted) => counted.moved(store, now).await?,
            None => CountedWindows::anew(store, now).await?,
        };
        let mut all = counted.by_model.clone();
        let arriving = range(counted.end, now + CLOCK_SLACK);
        apply(store, &arriving, Passage::Enters, 0..3, &mut all).await?;
        self.counted = Some(counted);
        Ok(all)
    }
}

impl CountedWindows {
    async fn anew(store: &dyn Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let (starts, end) = (SPANS.map(|span| now - span), now - ARRIVING);
        let mut by_model = HashMap::new();
        // A row of the last week is one of the last month, too.
        for (at, window) in [(0, end), (1, starts[0]), (2, starts[1])] {
            apply(store, &range(starts[at], window), Passage::Enters, at..3, &mut by_model).await?;
        }
        Ok(Self { anew_at: now, starts, end, by_model })
    }

    async fn moved(mut self, store: &dyn Store, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let (starts, end) = (SPANS.map(|span| now - span), now - ARRIVING);
        apply(store, &range(self.end, end), Passage::Enters, 0..3, &mut self.by_model).await?;
        for (at, start) in starts.into_iter().enumerate() {
            let left = range(self.starts[at], start);
            apply(store, &left, Passage::Leaves, at..at + 1, &mut self.by_model).await?;
        }
        (self.starts, self.end) = (starts, end);
        self.by_model.retain(|_, counts| *counts != LifecycleCounts::default());
        Ok(self)
    }
}

fn range(from: DateTime<Utc>, to: DateTime<Utc>) -> HistoryFilter {
    HistoryFilter { window: Window { from: Some(from), to: Some(to) }, ..HistoryFilter::default() }
}

/// Adds the attempts of a range of time to these windows, or takes them away.
async fn apply(
    store: &dyn Store,
    scope: &HistoryFilter,
    passage: Passage,
    windows: std::ops::Range<usize>,
    by_model: &mut HashMap<ModelRef, LifecycleCounts>,
) -> Result<(), StoreError> {
    let step = |count: &mut u32, by: u32| {
        *count = match passage {
            Passage::Enters => count.saturating_add(by),
            Passage::Leaves => count.saturating_sub(by),
        }
    };
    if scope.window.from >= scope.window.to {
        return Ok(());
    }
    for (model, successes) in store.success_counts(scope).await? {
        let counts = by_model.entry(model).or_default();
        counts.successes[windows.clone()].iter_mut().for_each(|count| step(count, successes));
    }
    let of_errors = windows.start.min(2)..windows.end.min(2);
    if of_errors.is_empty() {
        return Ok(());
    }
    for (model, failures) in store.failure_counts(scope).await? {
        let counts = by_model.entry(model).or_default();
        counts.errors[of_errors.clone()].iter_mut().for_each(|count| step(count, failures.errors));
        counts.hard_failures[of_errors.clone()].iter_mut().for_each(|count| step(count, failures.hard));
    }
    Ok(())
}

/// The attempts of one model, counted from its own ranges of the indexes.
pub(super) async fn of_model(
    store: &dyn Store,
    model: &ModelRef,
    now: DateTime<Utc>,
) -> Result<LifecycleCounts, StoreError> {
    let mut counts = LifecycleCounts::default();
    for (at, span) in SPANS.into_iter().enumerate() {
        let scope = HistoryFilter {
            provider: Some(model.provider.clone()),
            model: Some(model.model_id.clone()),
            ..range(now - span, now + CLOCK_SLACK)
        };
        counts.successes[at] = store.success_counts(&scope).await?.first().map_or(0, |(_, count)| *count);
        if at < 2 {
            let found = store.failure_counts(&scope).await?.first().map(|(_, found)| *found);
            let FailureCounts { errors, hard } = found.unwrap_or_default();
            (counts.errors[at], counts.hard_failures[at]) = (errors, hard);
        }
    }
    Ok(counts)
}

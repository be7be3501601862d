//! The half hours of every lane, kept and moved: what is new is read, what left the window is cleared, and once a day all
//! of it is read anew, because rows may arrive days after their attempt.

use super::LaneKey;
use crate::domain::ModelRef;
use crate::domain::publication::{HalfHours, WINDOW};
use crate::storage::health::model_health::CLOCK_SLACK;
use crate::storage::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};

/// Rows of this long before the last count are read again, because they may still arrive.
const ARRIVING: TimeDelta = TimeDelta::hours(2);

/// Age at which everything is read anew.
const ANEW: TimeDelta = TimeDelta::hours(24);

/// The range of time of one question: whoever else asks the store does not wait for a week of rows.
const SLICE: TimeDelta = TimeDelta::hours(6);

/// The lanes of all models as they were counted last.
#[derive(Debug, Clone, Default)]
pub struct RankingWindows {
    counted: Option<CountedLanes>,
}

#[derive(Debug, Clone)]
struct CountedLanes {
    anew_at: DateTime<Utc>,
    at: DateTime<Utc>,
    lanes: HashMap<(ModelRef, LaneKey), HalfHours>,
}

impl RankingWindows {
    /// The half hours of every lane with rows in the window before `now`.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(
        &mut self,
        store: &dyn Store,
        now: DateTime<Utc>,
    ) -> Result<HashMap<ModelRef, BTreeMap<LaneKey, HalfHours>>, StoreError> {
        let fits = |counted: &CountedLanes| counted.at <= now && now - counted.anew_at < ANEW;
        // Taken: a failure half-way must not leave lanes behind that moved only in part.
        let mut counted = match self.counted.take().filter(fits) {
            Some(mut counted) => {
                counted.leave(now);
                counted.read(store, counted.at - ARRIVING, now).await?;
                counted
            }
            None => {
                let mut counted = CountedLanes { anew_at: now, at: now, lanes: HashMap::new() };
                counted.read(store, now - WINDOW, now).await?;
                counted
            }
        };
        counted.at = now;
        let mut lanes: HashMap<ModelRef, BTreeMap<LaneKey, HalfHours>> = HashMap::new();
        for ((model, lane), half_hours) in &counted.lanes {
            lanes.entry(model.clone()).or_default().insert(lane.clone(), *half_hours);
        }
        self.counted = Some(counted);
        Ok(lanes)
    }
}

impl CountedLanes {
    /// Clears what left the window since the last count.
    fn leave(&mut self, now: DateTime<Utc>) {
        let left = *HalfHours::window(self.at).start()..*HalfHours::window(now).start();
        self.lanes.retain(|_, half_hours| {
            left.clone().for_each(|number| half_hours.remove(number));
            !half_hours.is_empty()
        });
    }

    /// Adds the rows of a range of time, as far as they are in the window that ends at `now`.
    async fn read(
        &mut self,
        store: &dyn Store,
        mut from: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (window, end) = (HalfHours::window(now), now + CLOCK_SLACK);
        while from < end {
            let to = (from + SLICE).min(end);
            for found in store.half_hours(from, to).await? {
                if window.contains(&found.number) {
                    self.lanes.entry((found.model, found.lane)).or_default().add(found.number);
                }
            }
            from = to;
        }
        Ok(())
    }
}

//! The plan of a day from a store: the noise of series from their stored blocks, and the series that are measured.
//!
//! It reads whole days only, up to the day before yesterday: their blocks are derived, so all daemons of a store that
//! plan the same series on one day come to the same plan.

use super::{BlockNoise, NoiseBlock, SamplingPlan, SeriesDemand};
use crate::daemon::price::{ListedPrices, worst_case};
use crate::daemon::roster::RosterByProvider;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::median::median;
use crate::domain::series_block::{SLOTS_OF_DAY, day_of_slot, slot_of};
use crate::domain::series_change::WatchedFigure;
use crate::domain::{ModelRef, Profile};
use crate::storage::series_blocks::{SeriesDay, StoredSeries};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// Days whose blocks say how much a series scatters.
const DAYS: i64 = 28;

/// Days that say how many runs a block has now. A change of levels is looked for in periods of four.
const RECENT_DAYS: i64 = 8;

/// Series read at once.
const AT_ONCE: usize = 64;

/// The noise of series: by model and id of the profile.
pub type KnownNoise = HashMap<(ModelRef, String), BlockNoise>;

/// The noise of all series that this store's own daemons measure.
///
/// # Errors
/// The store's.
pub async fn known_noise(store: &dyn Store, now: DateTime<Utc>) -> Result<KnownNoise, StoreError> {
    let to = day_of_slot(slot_of(now.timestamp_millis())) - 1;
    let from = to - DAYS;
    let series = newest_of_each(store.measured_series().await?, from);
    let keys: Vec<String> = series.keys().cloned().collect();
    let mut known = HashMap::new();
    for keys in keys.chunks(AT_ONCE) {
        let days = store.series_days(keys, from, to).await?;
        for of_series in days.chunk_by(|one, other| one.key == other.key) {
            let Some(name) = series.get(&of_series[0].key) else { continue };
            if let Some(noise) = noise_of(of_series, (to - RECENT_DAYS) * SLOTS_OF_DAY) {
                known.insert(name.clone(), noise);
            }
        }
    }
    Ok(known)
}

/// By key: of a model and a profile that were measured lately, the series with the most blocks.
fn newest_of_each(all: Vec<StoredSeries>, from_day: i64) -> HashMap<String, (ModelRef, String)> {
    let mut best: HashMap<(ModelRef, String), StoredSeries> = HashMap::new();
    let own = |one: &StoredSeries| one.series.runner.is_none() && day_of_slot(one.last_slot) >= from_day;
    for one in all.into_iter().filter(own) {
        let Some(profile) = one.series.profile.clone() else { continue };
        let name = (one.series.model.clone(), profile);
        let better =
            |known: &StoredSeries| (one.sampled_blocks, &one.key) > (known.sampled_blocks, &known.key);
        if best.get(&name).is_none_or(better) {
            best.insert(name, one);
        }
    }
    best.into_iter().map(|(name, one)| (one.key, name)).collect()
}

/// The noise of the figure that scatters more.
fn noise_of(days: &[SeriesDay], recent_from: i64) -> Option<BlockNoise> {
    let of = |figure: WatchedFigure| {
        let blocks = days.iter().flat_map(|day| day.columns.levels(day.day, figure));
        let mut blocks: Vec<NoiseBlock> = blocks
            .filter(|(_, level)| level.median > 0.0 && level.samples > 0)
            .map(|(slot, level)| NoiseBlock { slot, ln_median: level.median.ln(), samples: level.samples })
            .collect();
        blocks.sort_by_key(|block| block.slot);
        BlockNoise::of(&blocks, recent_from)
    };
    let mut noise = WatchedFigure::ALL.into_iter().filter_map(of).reduce(BlockNoise::or_worse)?;
    // Failures took a turn, too: by its successes alone a series that often fails would look as if it were asked rarely,
    // and would become rarer by two steps.
    let recent = days.iter().filter(|day| day.day * SLOTS_OF_DAY >= recent_from);
    let blocks = recent.flat_map(|day| day.columns.blocks(day.day));
    let mut attempts: Vec<f64> = blocks.map(|block| f64::from(block.attempts)).collect();
    noise.recent_samples = median(&mut attempts).unwrap_or(noise.recent_samples).max(noise.recent_samples);
    Some(noise)
}

/// The plan for these models under these profiles.
pub fn plan<'a>(
    asked: &RosterByProvider,
    profiles: impl Iterator<Item = &'a Profile>,
    known: &KnownNoise,
    daemon_config: &DaemonConfig,
    prices: &ListedPrices,
) -> SamplingPlan {
    let models = asked.values().flat_map(|asked| &asked.measured).map(|item| &item.model);
    let demand = |model: &ModelRef, profile: &Profile| SeriesDemand {
        model: model.clone(),
        profile_id: profile.id.clone(),
        cadence_seconds: daemon_config.cadence(model, &profile.id),
        noise: known.get(&(model.clone(), profile.id.clone())).copied(),
        tokens: worst_case(profile),
        price: daemon_config.price(model, prices.get(model)),
    };
    let profiles: Vec<&Profile> = profiles.collect();
    let demands: Vec<SeriesDemand> = models
        .flat_map(|model| profiles.iter().map(move |profile| (model, *profile)))
        .map(|(model, profile)| demand(model, profile))
        .collect();
    SamplingPlan::of(&demands, daemon_config)
}

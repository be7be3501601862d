//! How far every lane of the catalog is from a place in the dashboard's ranking, kept beside `model_status` as its field
//! `ranking`. Rows are read once over the window and then only where they are new, because a week of a large catalog has
//! millions of them ([`RankingWindows`]).

pub(super) mod mongo;
pub(super) mod sqlite;
mod windows;

pub use windows::RankingWindows;

use crate::domain::ModelRef;
use crate::domain::publication::{BLOCKS, HalfHours, LaneCoverage, LaneRanking};
use crate::storage::catalog::endpoint_lanes::pinned_endpoints;
use crate::storage::{Store, StoreError, WorkItem};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most lanes of one model that are kept, those with the most samples.
const MOST_LANES: usize = 50;

/// Endpoint and quantization of a lane.
pub type LaneKey = (Option<String>, Option<String>);

/// A half hour in which a lane has published rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneHalfHour {
    pub model: ModelRef,
    pub lane: LaneKey,
    /// Its number since 1970.
    pub number: i64,
}

/// The lanes of one model, as they were counted.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRanking {
    pub model: ModelRef,
    pub counted_at: DateTime<Utc>,
    pub lanes: Vec<KeptLane>,
}

/// A lane under its stored names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLane {
    pub endpoint_tag: Option<String>,
    pub quantization: Option<String>,
    pub samples: u32,
    pub span_seconds: u32,
    pub dates: u32,
    pub blocks: u32,
    /// On how many days of the window each 4-hour block of the day has a sample.
    #[serde(default)]
    pub block_days: [u32; BLOCKS],
}

impl KeptLane {
    fn new((endpoint_tag, quantization): LaneKey, half_hours: HalfHours, now: DateTime<Utc>) -> Self {
        let LaneCoverage { samples, span, dates, blocks } = half_hours.coverage(now);
        let span_seconds = u32::try_from(span.num_seconds()).unwrap_or(0);
        let block_days = half_hours.block_days(now);
        Self { endpoint_tag, quantization, samples, span_seconds, dates, blocks, block_days }
    }
}

impl From<ModelRanking> for Vec<LaneRanking> {
    fn from(ranking: ModelRanking) -> Self {
        let lane = |lane: KeptLane| LaneRanking {
            model: ranking.model.clone(),
            endpoint_tag: lane.endpoint_tag,
            quantization: lane.quantization,
            coverage: LaneCoverage {
                samples: lane.samples,
                span: TimeDelta::seconds(lane.span_seconds.into()),
                dates: lane.dates,
                blocks: lane.blocks,
            },
        };
        ranking.lanes.into_iter().map(lane).collect()
    }
}

/// Published rows as rankings see them, and what was made of them.
#[async_trait]
pub trait RankingStore: Send + Sync {
    /// The half hours with published rows that began in a range of time, each lane's once.
    async fn half_hours(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<LaneHalfHour>, StoreError>;

    /// Keeps rankings with the status of their models. Models without a status are passed over.
    async fn keep_rankings(&self, rankings: &[ModelRanking]) -> Result<(), StoreError>;

    /// The rankings of models that are not switched off, by provider and model.
    async fn rankings(&self) -> Result<Vec<ModelRanking>, StoreError>;
}

/// Counts the lanes of every measured model at `now`, and keeps them. `windows` makes the next refresh cheap.
///
/// # Errors
/// The store's; everything is then counted anew by the next refresh.
pub async fn refresh(
    store: &dyn Store,
    windows: &mut RankingWindows,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut counted = windows.count(store, now).await?;
    let ranking = |item: WorkItem| {
        let lanes = with_targets(&item.metadata, counted.remove(&item.model).unwrap_or_default());
        let mut lanes: Vec<KeptLane> =
            lanes.into_iter().map(|(lane, half_hours)| KeptLane::new(lane, half_hours, now)).collect();
        if lanes.len() > MOST_LANES {
            lanes.sort_by_key(|lane| std::cmp::Reverse(lane.samples));
            lanes.truncate(MOST_LANES);
        }
        ModelRanking { model: item.model, counted_at: now, lanes }
    };
    let rankings: Vec<ModelRanking> = store.work_list(None).await?.into_iter().map(ranking).collect();
    store.keep_rankings(&rankings).await
}

/// Adds the lanes that have no rows yet: a pinned endpoint is a lane, and a model without rows and pins has one.
pub fn with_targets<T: Default>(
    metadata: &Map<String, Value>,
    mut lanes: BTreeMap<LaneKey, T>,
) -> BTreeMap<LaneKey, T> {
    for endpoint in pinned_endpoints(metadata) {
        lanes.entry((Some(endpoint.tag), endpoint.quantization)).or_default();
    }
    if lanes.is_empty() {
        lanes.insert((None, None), T::default());
    }
    lanes
}

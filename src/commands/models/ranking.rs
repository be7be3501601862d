//! How far a model is from a place in the dashboard's ranking, and what keeps it.

use crate::domain::publication::{LaneCoverage, WINDOW};
use crate::domain::{ModelRef, Window};
use crate::output::models::RankingView;
use crate::storage::history::{HistoryFilter, RunSeries};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// The coverage of a model's published rows of the last week, with everything that keeps it from the next place.
///
/// # Errors
/// The store's.
pub async fn ranking(
    store: &dyn Store,
    model: &ModelRef,
    now: DateTime<Utc>,
) -> Result<RankingView, StoreError> {
    let since = now - WINDOW;
    let coverage = LaneCoverage::of(store.run_times(model, since).await?, now);
    let scope = HistoryFilter {
        window: Window { from: Some(since), to: None },
        provider: Some(model.provider.clone()),
        model: Some(model.model_id.clone()),
        ..HistoryFilter::default()
    };
    let newest = store.runs(&scope, RunSeries::Published, 1).await?;
    let mut missing = coverage.next().map(|place| coverage.missing(place)).unwrap_or_default();
    if let Some(newest) = newest.first() {
        let is_named = |field: &str| newest.get(field).and_then(Value::as_str).is_some();
        if !is_named("route_endpoint_tag") {
            missing.push(
                "its newest row names no endpoint (route_endpoint_tag): no place without one".to_owned(),
            );
        } else if !is_named("quantization") {
            missing.push("its quantization is unknown: a place, but no rank".to_owned());
        }
    }
    Ok(RankingView { coverage, missing })
}

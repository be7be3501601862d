//! How far each lane of a model is from a place in the dashboard's ranking, and what keeps it. The dashboard ranks by
//! provider, model, endpoint and quantization, so that a model may have several lanes.

use crate::domain::publication::{LaneCoverage, LaneRanking, WINDOW};
use crate::storage::catalog::CatalogEntry;
use crate::storage::history::PublishedSample;
use crate::storage::rankings::{LaneKey, with_targets};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The coverage of the published rows of the last week of each lane. A pinned endpoint without rows is a lane, too; a
/// model without rows and pins has one.
///
/// # Errors
/// The store's.
pub async fn rankings(
    store: &dyn Store,
    entry: &CatalogEntry,
    now: DateTime<Utc>,
) -> Result<Vec<LaneRanking>, StoreError> {
    let samples = store.published_samples(&entry.model, now - WINDOW).await?;
    let ranking = |((endpoint_tag, quantization), times): (LaneKey, Vec<DateTime<Utc>>)| LaneRanking {
        model: entry.model.clone(),
        endpoint_tag,
        quantization,
        coverage: LaneCoverage::of(times, now),
    };
    Ok(lanes(entry, samples).into_iter().map(ranking).collect())
}

fn lanes(entry: &CatalogEntry, samples: Vec<PublishedSample>) -> BTreeMap<LaneKey, Vec<DateTime<Utc>>> {
    let mut lanes: BTreeMap<LaneKey, Vec<DateTime<Utc>>> = BTreeMap::new();
    for PublishedSample { at, endpoint_tag, quantization } in samples {
        lanes.entry((endpoint_tag, quantization)).or_default().push(at);
    }
    with_targets(&entry.metadata().unwrap_or_default(), lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_endpoint_is_a_lane_of_its_own() {
        let entry = |metadata| {
            let fields = json!({"provider": "openrouter", "model_id": "a/b", "metadata": metadata});
            CatalogEntry::new(fields.as_object().cloned().unwrap())
        };
        let now = Utc::now();
        let sample = |tag: Option<&str>| PublishedSample {
            at: now,
            endpoint_tag: tag.map(str::to_owned),
            quantization: tag.and(Some("fp8".to_owned())),
        };
        let pinned = entry(json!({"endpoints": [{"tag": "x/fp8", "quantization": "fp8"}, {"tag": "y"}]}));
        let told: Vec<(Option<String>, usize)> = lanes(&pinned, vec![sample(Some("x/fp8")), sample(None)])
            .into_iter()
            .map(|((tag, _), times)| (tag, times.len()))
            .collect();
        assert_eq!(told, [(None, 1), (Some("x/fp8".to_owned()), 1), (Some("y".to_owned()), 0)]);
        assert_eq!(lanes(&entry(json!(null)), Vec::new()).len(), 1);
    }
}

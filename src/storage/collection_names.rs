//! Names of the MongoDB collections: defaults of the data contract, each of which the environment can change. The
//! caller reads the environment.

/// Names of the database and of its collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionNames {
    /// The value of `MONGODB_DB`; `None` leaves it to the path of the URI, and then to [`DEFAULT_DATABASE`].
    pub database: Option<String>,
    /// The catalog of measured models.
    pub models: String,
    pub cloud: String,
    /// All runs that are not published.
    pub cloud_probe: String,
    pub errors: String,
    /// Failed attempts, grouped by fingerprint.
    pub error_rollups: String,
    /// The daemon's queue: one row per series.
    pub bench_jobs: String,
    /// Freshness, one row per model.
    pub model_health: String,
    /// Heartbeats, one row per component.
    pub scheduler_heartbeats: String,
    pub check_runs: String,
    /// Lifecycle status, one row per model.
    pub model_status: String,
    /// Keys under which models of several providers are one.
    pub model_identity: String,
    /// Reads of providers' lists.
    pub discovery_runs: String,
    /// Models that providers list.
    pub provider_catalog: String,
    /// Endpoints of a router's measured models.
    pub endpoints: String,
    /// Adaptations learned for models' requests.
    pub model_adaptations: String,
    /// Author, time and reason of catalog changes, one row per batch.
    pub catalog_batches: String,
    /// The values before and after, one row per batch and model.
    pub catalog_changes: String,
    /// Notices about providers' lists, one row per destination and finding.
    pub notices: String,
    /// Keys of remote runners, by their ids.
    pub ingest_keys: String,
    /// Calibrations of hosts, by the ids that rows name.
    pub calibrations: String,
    /// Series that have blocks, by their keys.
    pub series: String,
    /// Blocks of series, one row per series and day.
    pub series_blocks: String,
    /// The slots of which blocks were made, with the number of their rows.
    pub series_slots: String,
    /// Changes of series.
    pub series_changes: String,
}

/// The database if neither `MONGODB_DB` nor the URI names one.
pub const DEFAULT_DATABASE: &str = "llm-bench";

impl CollectionNames {
    /// Calls `lookup` for each variable; an unset or empty one keeps its default.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = |variable: &str| {
            lookup(variable).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
        };
        let named = |suffix: &str, default: &str| {
            set(&format!("MONGODB_COLLECTION_{suffix}")).unwrap_or_else(|| default.to_owned())
        };
        Self {
            database: set("MONGODB_DB"),
            models: named("MODELS", "models"),
            cloud: named("CLOUD", "metrics_cloud_v2"),
            cloud_probe: named("CLOUD_PROBE", "metrics_cloud_probe"),
            errors: named("ERRORS", "errors_cloud"),
            error_rollups: named("ERROR_ROLLUPS", "error_rollups"),
            bench_jobs: named("BENCH_JOBS", "bench_jobs"),
            model_health: named("MODEL_HEALTH", "bench_model_health"),
            scheduler_heartbeats: named("SCHEDULER_HEARTBEATS", "bench_scheduler_heartbeats"),
            check_runs: named("CHECK_RUNS", "bench_check_runs"),
            model_status: named("MODEL_STATUS", "model_status"),
            model_identity: named("MODEL_IDENTITY", "bench_model_identity"),
            discovery_runs: named("DISCOVERY_RUNS", "bench_discovery_runs"),
            provider_catalog: named("PROVIDER_CATALOG", "provider_catalog"),
            endpoints: named("ENDPOINTS", "bench_endpoints"),
            model_adaptations: named("MODEL_ADAPTATIONS", "bench_model_adaptations"),
            catalog_batches: named("CATALOG_BATCHES", "bench_catalog_batches"),
            catalog_changes: named("CATALOG_CHANGES", "bench_catalog_changes"),
            notices: named("NOTICES", "bench_notices"),
            ingest_keys: named("INGEST_KEYS", "bench_ingest_keys"),
            calibrations: named("CALIBRATIONS", "bench_calibrations"),
            series: named("SERIES", "bench_series"),
            series_blocks: named("SERIES_BLOCKS", "bench_series_blocks"),
            series_slots: named("SERIES_SLOTS", "bench_series_slots"),
            series_changes: named("SERIES_CHANGES", "bench_series_changes"),
        }
    }

    pub fn all(&self) -> [&str; 24] {
        [
            &self.models,
            &self.endpoints,
            &self.cloud,
            &self.cloud_probe,
            &self.errors,
            &self.error_rollups,
            &self.bench_jobs,
            &self.model_health,
            &self.scheduler_heartbeats,
            &self.check_runs,
            &self.model_status,
            &self.model_identity,
            &self.discovery_runs,
            &self.provider_catalog,
            &self.model_adaptations,
            &self.catalog_batches,
            &self.catalog_changes,
            &self.notices,
            &self.ingest_keys,
            &self.calibrations,
            &self.series,
            &self.series_blocks,
            &self.series_slots,
            &self.series_changes,
        ]
    }

    /// A name that two collections share, if there is one: unpublished rows in the published
    /// collection would be published.
    pub fn shared(&self) -> Option<&str> {
        let mut all = self.all();
        all.sort_unstable();
        all.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }
}

impl Default for CollectionNames {
    fn default() -> Self {
        Self::from_lookup(|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_contract() {
        let names = CollectionNames::from_lookup(|variable| match variable {
            "MONGODB_DB" => Some("other".into()),
            "MONGODB_COLLECTION_CLOUD" => Some("mine".into()),
            "MONGODB_COLLECTION_ERRORS" => Some(String::new()),
            _ => None,
        });
        assert_eq!(names.database.as_deref(), Some("other"));
        assert_eq!((names.cloud.as_str(), names.errors.as_str()), ("mine", "errors_cloud"));
        assert_eq!(names.shared(), None);
    }

    #[test]
    fn a_name_used_twice_is_found() {
        let names = CollectionNames { cloud_probe: "metrics_cloud_v2".into(), ..CollectionNames::default() };
        assert_eq!(names.shared(), Some("metrics_cloud_v2"));
    }
}

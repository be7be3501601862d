//! The indexes, with the names and options that the Python runner and the dashboard gave them: a server refuses the
//! same keys under another name, and then one program or the other would not start. (Their `background` is left out:
//! servers ignore it.) Created by `init` alone, never implicitly.

use super::MongoContext;
use super::errors::MongoCallError;
use crate::storage::CollectionNames;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::{Collation, CollationStrength, IndexOptions};

struct Index {
    collection: fn(&CollectionNames) -> &str,
    name: &'static str,
    keys: &'static [(&'static str, i32)],
    kind: IndexKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IndexKind {
    Plain,
    Unique,
    /// Unique among enabled models, with `X` and `x` equal.
    UniqueEnabledAnyCase,
    /// Only of rows that have the field.
    Sparse,
}

const fn index(
    collection: fn(&CollectionNames) -> &str,
    name: &'static str,
    keys: &'static [(&'static str, i32)],
    kind: IndexKind,
) -> Index {
    Index { collection, name, keys, kind }
}

const BY_MODEL_AND_TIME: &[(&str, i32)] = &[("provider", 1), ("model_name", 1), ("run_ts", -1)];
const BY_RUN_TIME: &[(&str, i32)] = &[("run_ts", -1), ("provider", 1), ("model_name", 1)];
const BY_MODEL: &[(&str, i32)] = &[("provider", 1), ("model_id", 1)];

/// The order in which rows are exported. Includes provider and model so that other rows are skipped unread.
const RUNS_IN_ORDER: &[(&str, i32)] = &[("run_ts", 1), ("_id", 1), ("provider", 1), ("model_name", 1)];
const ERRORS_IN_ORDER: &[(&str, i32)] = &[("ts", 1), ("_id", 1), ("provider", 1), ("model_name", 1)];

/// Failures of a window, counted by model and kind: with every field of the filter, so that no row is read.
const FAILURES_OF_WINDOW: &str =
    "ts_1_provider_1_model_name_1_error_kind_1_sample_role_1_benchmark_profile_id_1_proxy_1";
const BY_TIME_AND_KIND: &[(&str, i32)] = &[
    ("ts", 1),
    ("provider", 1),
    ("model_name", 1),
    ("error_kind", 1),
    ("sample_role", 1),
    ("benchmark_profile_id", 1),
    ("proxy", 1),
];

/// Rows that came through a bridge, by arrival; rows that came directly cost nothing.
pub(in crate::storage) const RECEIVED: &str = "received_at_1";
const BY_RECEIPT: &[(&str, i32)] = &[("received_at", 1)];

static INDEXES: [Index; 34] = [
    index(|n| &n.cloud, "provider_1_model_name_1_run_ts_-1", BY_MODEL_AND_TIME, IndexKind::Plain),
    index(
        |n| &n.cloud,
        "provider_1_gen_ts_-1_run_ts_-1",
        &[("provider", 1), ("gen_ts", -1), ("run_ts", -1)],
        IndexKind::Plain,
    ),
    index(|n| &n.cloud, "run_ts_-1_provider_1_model_name_1", BY_RUN_TIME, IndexKind::Plain),
    index(|n| &n.cloud_probe, "provider_1_model_name_1_run_ts_-1", BY_MODEL_AND_TIME, IndexKind::Plain),
    index(|n| &n.cloud_probe, "run_ts_-1_provider_1_model_name_1", BY_RUN_TIME, IndexKind::Plain),
    index(|n| &n.cloud, "run_ts_1__id_1_provider_1_model_name_1", RUNS_IN_ORDER, IndexKind::Plain),
    index(|n| &n.cloud_probe, "run_ts_1__id_1_provider_1_model_name_1", RUNS_IN_ORDER, IndexKind::Plain),
    index(|n| &n.errors, "ts_1__id_1_provider_1_model_name_1", ERRORS_IN_ORDER, IndexKind::Plain),
    index(
        |n| &n.errors,
        "provider_1_model_name_1_ts_-1_error_kind_1",
        &[("provider", 1), ("model_name", 1), ("ts", -1), ("error_kind", 1)],
        IndexKind::Plain,
    ),
    index(|n| &n.errors, FAILURES_OF_WINDOW, BY_TIME_AND_KIND, IndexKind::Plain),
    index(|n| &n.errors, "ts_-1", &[("ts", -1)], IndexKind::Plain),
    index(|n| &n.errors, "fingerprint_1", &[("fingerprint", 1)], IndexKind::Plain),
    index(|n| &n.cloud, RECEIVED, BY_RECEIPT, IndexKind::Sparse),
    index(|n| &n.errors, RECEIVED, BY_RECEIPT, IndexKind::Sparse),
    index(|n| &n.error_rollups, "fingerprint_1", &[("fingerprint", 1)], IndexKind::Unique),
    index(|n| &n.models, "provider_1_model_id_1", BY_MODEL, IndexKind::Unique),
    index(|n| &n.models, "uniq_enabled_provider_model_ci", BY_MODEL, IndexKind::UniqueEnabledAnyCase),
    index(|n| &n.model_health, "provider_1_model_id_1", BY_MODEL, IndexKind::Unique),
    index(
        |n| &n.model_health,
        "freshness_status_1_updated_at_-1",
        &[("freshness_status", 1), ("updated_at", -1)],
        IndexKind::Plain,
    ),
    index(|n| &n.model_health, "enabled_1_provider_1", &[("enabled", 1), ("provider", 1)], IndexKind::Plain),
    index(
        |n| &n.bench_jobs,
        "provider_1_status_1_not_before_1_priority_-1_created_at_1",
        &[("provider", 1), ("status", 1), ("not_before", 1), ("priority", -1), ("created_at", 1)],
        IndexKind::Plain,
    ),
    index(
        |n| &n.bench_jobs,
        "status_1_lease_expires_at_1",
        &[("status", 1), ("lease_expires_at", 1)],
        IndexKind::Plain,
    ),
    index(
        |n| &n.bench_jobs,
        "job_kind_1_updated_at_-1",
        &[("job_kind", 1), ("updated_at", -1)],
        IndexKind::Plain,
    ),
    index(
        |n| &n.bench_jobs,
        "status_1_last_attempt_error_kind_1_updated_at_-1",
        &[("status", 1), ("last_attempt_error_kind", 1), ("updated_at", -1)],
        IndexKind::Plain,
    ),
    index(|n| &n.provider_catalog, "provider_1_model_id_1", BY_MODEL, IndexKind::Unique),
    index(
        |n| &n.endpoints,
        "model_id_1_endpoint_tag_1",
        &[("model_id", 1), ("endpoint_tag", 1)],
        IndexKind::Unique,
    ),
    index(
        |n| &n.discovery_runs,
        "provider_1_started_at_-1",
        &[("provider", 1), ("started_at", -1)],
        IndexKind::Plain,
    ),
    index(|n| &n.scheduler_heartbeats, "component_1", &[("component", 1)], IndexKind::Unique),
    index(
        |n| &n.catalog_changes,
        "provider_1_model_id_1_changed_at_-1",
        &[("provider", 1), ("model_id", 1), ("changed_at", -1)],
        IndexKind::Plain,
    ),
    index(|n| &n.calibrations, "host_1_at_-1", &[("host", 1), ("at", -1)], IndexKind::Plain),
    index(|n| &n.notices, "destination_1_sent_at_1", &[("destination", 1), ("sent_at", 1)], IndexKind::Plain),
    index(
        |n| &n.catalog_changes,
        "batch_1_changed_at_1",
        &[("batch", 1), ("changed_at", 1)],
        IndexKind::Plain,
    ),
    index(|n| &n.series_blocks, "series_1_day_1", &[("series", 1), ("day", 1)], IndexKind::Plain),
    index(|n| &n.series_changes, "began_at_-1__id_1", &[("began_at", -1), ("_id", 1)], IndexKind::Plain),
];

/// The indexes that [`create`] creates, one line each.
pub fn plan(names: &CollectionNames) -> Vec<String> {
    INDEXES.iter().map(|index| index.spoken(names)).collect()
}

/// Every index with its collection, as [`create`] makes it.
pub(in crate::storage) fn wanted(names: &CollectionNames) -> Vec<(&str, IndexModel)> {
    INDEXES.iter().map(|index| ((index.collection)(names), index.model())).collect()
}

/// Creates the indexes that are missing, and with them their collections.
pub(super) async fn create(shared: &MongoContext) -> Result<(), MongoCallError> {
    let mut failed = None;
    for index in &INDEXES {
        let collection = shared.collection((index.collection)(&shared.names));
        // One that cannot be created, for example beside doubled rows, keeps no other from being there.
        if let Err(error) = collection.create_index(index.model()).await {
            failed = failed.or(Some(error));
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

impl Index {
    fn spoken(&self, names: &CollectionNames) -> String {
        let keys: Vec<_> = self.keys.iter().map(|(field, order)| format!("{field} {order}")).collect();
        let kind = match self.kind {
            IndexKind::Plain => "index",
            IndexKind::Unique => "unique index",
            IndexKind::Sparse => "index of rows that have the field",
            IndexKind::UniqueEnabledAnyCase => "unique index among enabled rows in any case",
        };
        format!("{}: {kind} {} ({})", (self.collection)(names), self.name, keys.join(", "))
    }

    fn model(&self) -> IndexModel {
        let keys: Document =
            self.keys.iter().map(|(field, order)| ((*field).to_owned(), (*order).into())).collect();
        let unique = matches!(self.kind, IndexKind::Unique | IndexKind::UniqueEnabledAnyCase);
        let mut options = IndexOptions::builder().name(self.name.to_owned()).build();
        options.unique = unique.then_some(true);
        options.sparse = (self.kind == IndexKind::Sparse).then_some(true);
        if self.kind == IndexKind::UniqueEnabledAnyCase {
            options.partial_filter_expression = Some(doc! { "enabled": true });
            options.collation =
                Some(Collation::builder().locale("en").strength(CollationStrength::Secondary).build());
        }
        IndexModel::builder().keys(keys).options(options).build()
    }
}

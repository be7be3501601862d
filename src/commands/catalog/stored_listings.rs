//! What the commands read of the store's lists, and the checks of what was asked for.

use crate::commands::context::{Context, store_error};
use crate::commands::exit::CommandError;
use crate::domain::glob;
use crate::domain::listing::{CatalogRow, MeasuredModel, ReadRow};
use crate::listings::diff::{ABSENT_READS, DiffInput};
use crate::storage::Store;
use chrono::Utc;

/// The store's data about lists, of some providers or of all.
pub struct StoredListings {
    /// All models that are listed.
    pub rows: Vec<CatalogRow>,
    pub reads: Vec<ReadRow>,
    /// All models of the catalog.
    pub measured: Vec<MeasuredModel>,
}

impl StoredListings {
    /// Loads the data of these providers.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn load(store: &dyn Store, providers: &[String]) -> Result<Self, CommandError> {
        // The database selects one provider; several are selected here.
        let one = if let [one] = providers { Some(one.as_str()) } else { None };
        let loaded = async {
            Ok(Self {
                rows: store.listed(one).await?,
                reads: store.list_reads(one).await?,
                measured: store.measured_models().await?,
            })
        };
        let mut known = loaded.await.map_err(|error| store_error("catalog", error))?;
        let wanted = |provider: &String| providers.is_empty() || providers.contains(provider);
        known.rows.retain(|row| wanted(&row.provider));
        known.reads.retain(|read| wanted(&read.provider));
        known.measured.retain(|entry| wanted(&entry.model.provider));
        Ok(known)
    }

    /// The input of a diff, with the present as its start.
    pub fn now(&self) -> DiffInput<'_> {
        DiffInput {
            rows: &self.rows,
            reads: &self.reads,
            measured: &self.measured,
            since: Utc::now(),
            absent_reads: ABSENT_READS,
        }
    }
}

/// Refuses providers that neither the table of hosts nor the store knows.
pub(super) fn check_providers(
    providers: &[String],
    known: &StoredListings,
    context: &Context,
) -> Result<(), CommandError> {
    for name in providers {
        let listed = known.rows.iter().any(|row| row.provider == *name);
        if !listed && let Err(unknown) = context.settings.hosts.find(name) {
            return Err(CommandError::usage(unknown));
        }
    }
    Ok(())
}

/// True if the pattern matches the model's id or `provider:id`.
pub(super) fn fits(pattern: &str, row: &CatalogRow) -> bool {
    let full = format!("{}:{}", row.provider, row.model_id);
    glob::matches(pattern, &row.model_id) || glob::matches(pattern, &full)
}

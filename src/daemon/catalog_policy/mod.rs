//! Reviews the catalog: sets models aside ([`set_aside`]), tries them again, admits new ones ([`trial`]), and enables
//! those whose date has come. All decisions are based on rows of the store, so nothing is lost in a restart; every
//! change is a batch of the catalog's history that `models undo` reverts ([`batch`]). The rules are in `quarantine` and
//! `admission`; the lanes make the trial calls like any other.

mod batch;
mod set_aside;
mod trial;

pub use trial::{PlannedTrial, TrialReason, foresee};

use super::context::DaemonContext;
use crate::daemon::roster::Roster;
use crate::daemon::store_handle::StoreHandle;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::daemon_status::SuspectedProvider;
use crate::domain::{FailureKind, ModelRef, Window};
use crate::storage::catalog::CatalogEntry;
use crate::storage::catalog::enabled_fields::on;
use crate::storage::history::{HistoryFilter, StoredRow};
use crate::storage::outcomes::field_types::parse_date;
use crate::storage::{StoreError, WorkItem};
use batch::PolicyDecision;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// Sample role of the rows of a model that is tried.
pub const ROLE: &str = "probe";
/// Value of `disabled_class` for models that were set aside here.
const CLASS: &str = "hard_model";
/// Maximum number of rows that are read for one model.
const ROWS: u32 = 500;
/// Maximum number of models whose rows are read in one review; the others follow in the next ones.
const MODELS: usize = 50;

/// The result of a review.
#[derive(Debug, Clone, Default)]
pub struct CatalogReview {
    /// Models to call now, although they are not measured.
    pub tried: Vec<WorkItem>,
    /// Providers that are suspected instead of their models.
    pub suspected: Vec<SuspectedProvider>,
}

/// Reviews the catalog and changes it. `roster` contains the measured models.
///
/// # Errors
/// The store's errors. Changes up to then are in the history.
pub async fn look(
    shared: &Arc<DaemonContext>,
    roster: &Roster,
    now: DateTime<Utc>,
) -> Result<CatalogReview, StoreError> {
    let policy = CatalogPolicy::new(&shared.store_handle, &shared.daemon_config, now);
    let waiting = policy.waiting().await?;
    let mut judged = CatalogReview::default();
    policy.return_on_their_day(&waiting).await?;
    if shared.daemon_config.quarantine.enabled {
        judged.suspected = policy.set_aside(roster).await?;
        policy.recheck(&waiting, &mut judged.tried).await?;
    }
    if shared.daemon_config.admission.enabled {
        policy.admit(&waiting, &mut judged.tried).await?;
    }
    Ok(judged)
}

struct CatalogPolicy<'a> {
    store_handle: &'a Arc<StoreHandle>,
    daemon_config: &'a DaemonConfig,
    who: String,
    now: DateTime<Utc>,
}

impl<'a> CatalogPolicy<'a> {
    fn new(store_handle: &'a Arc<StoreHandle>, daemon_config: &'a DaemonConfig, now: DateTime<Utc>) -> Self {
        Self { store_handle, daemon_config, who: format!("daemon {}", daemon_config.vantage), now }
    }

    /// Disabled entries of this daemon's providers that wait for something.
    async fn waiting(&self) -> Result<Vec<CatalogEntry>, StoreError> {
        let entries = self.store_handle.ask(|store| async move { store.waiting().await }).await?;
        let ours = |entry: &CatalogEntry| {
            entry.sound && self.daemon_config.covers(&entry.model.provider) && is_off(entry)
        };
        Ok(entries.into_iter().filter(ours).collect())
    }

    /// Enables models that were disabled until a date that has come.
    async fn return_on_their_day(&self, waiting: &[CatalogEntry]) -> Result<(), StoreError> {
        let come =
            |entry: &&CatalogEntry| entry.instant("disabled_until").is_some_and(|until| until <= self.now);
        let back = |entry: &CatalogEntry| (entry.clone(), on(Some(entry)));
        let changes = waiting.iter().filter(come).map(back).collect();
        let why = "the day has come until which they were disabled";
        self.carry_out(PolicyDecision { action: "enable", part: "until", why, changes }).await
    }

    /// A model's failures, oldest first.
    async fn errors(
        &self,
        model: &ModelRef,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<(DateTime<Utc>, StoredRow)>, StoreError> {
        let scope = scope(model, since);
        let rows =
            self.store_handle.ask(move |store| async move { store.errors(&scope, ROWS).await }).await?;
        Ok(rows.into_iter().rev().filter_map(|row| Some((at(&row, "ts")?, row))).collect())
    }
}

fn is_off(entry: &CatalogEntry) -> bool {
    entry.fields.get("enabled") == Some(&Value::Bool(false)) && !entry.flag("deprecated")
}

fn scope(model: &ModelRef, since: Option<DateTime<Utc>>) -> HistoryFilter {
    HistoryFilter {
        window: Window { from: since, to: None },
        provider: Some(model.provider.clone()),
        model: Some(model.model_id.clone()),
        ..HistoryFilter::default()
    }
}

fn text<'a>(row: &'a StoredRow, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn at(row: &StoredRow, name: &str) -> Option<DateTime<Utc>> {
    parse_date(text(row, name))
}

fn kind(row: &StoredRow) -> Option<FailureKind> {
    kind_of(text(row, "error_kind"))
}

fn kind_of(word: &str) -> Option<FailureKind> {
    FailureKind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

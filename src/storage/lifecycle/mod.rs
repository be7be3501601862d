//! Where each model is in its lifecycle, `model_status` of the data contract: gathers the facts for the rule in
//! [`crate::domain::model_lifecycle`], and keeps its judgements, one document for each model. Counts come from indexes
//! on time: once over the whole windows, and then only over what entered and left them ([`AttemptWindows`]).

mod attempt_windows;
pub(super) mod mongo;
pub(super) mod sqlite;

pub use attempt_windows::AttemptWindows;

use crate::domain::ModelRef;
use crate::domain::model_lifecycle::{
    Lifecycle, LifecycleCounts, LifecycleFacts, LifecycleState, ListedState, judge,
};
use crate::storage::catalog::{CatalogEntry, Figures, ModelScope, PROBING};
use crate::storage::health::model_health::DEFAULT_CADENCE_SECONDS;
use crate::storage::history::HistoryFilter;
use crate::storage::{Store, StoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// Changed models up to which each is asked about by itself; for more, everything is counted once.
const FEW: usize = 20;

/// The document of a model; the newest replaces older ones.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelStatus {
    pub model: ModelRef,
    pub judged: Lifecycle,
    /// The time of the judgement.
    pub computed_at: DateTime<Utc>,
    pub listed: ListedState,
    /// The name for people; the id if the catalog has none.
    pub display_name: String,
    pub last_success_at: Option<DateTime<Utc>>,
    pub attempts: LifecycleCounts,
}

impl ModelStatus {
    /// The judgement of a model at `now`.
    pub fn of(facts: LifecycleFacts, now: DateTime<Utc>) -> Self {
        Self {
            judged: judge(&facts, now),
            computed_at: now,
            listed: facts.listed,
            display_name: facts.display_name.unwrap_or_else(|| facts.model.model_id.clone()),
            last_success_at: facts.last_success_at,
            attempts: facts.attempts,
            model: facts.model,
        }
    }

    /// The counts under their stored names.
    fn counts(&self) -> [(&'static str, u32); 7] {
        let LifecycleCounts { successes, errors, hard_failures } = self.attempts;
        [
            ("successes_7d", successes[0]),
            ("successes_30d", successes[1]),
            ("successes_120d", successes[2]),
            ("errors_7d", errors[0]),
            ("errors_30d", errors[1]),
            ("hard_failures_7d", hard_failures[0]),
            ("hard_failures_30d", hard_failures[1]),
        ]
    }
}

/// Failures of one model in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureCounts {
    pub errors: u32,
    /// Those of [`crate::domain::model_lifecycle::HARD_KINDS`].
    pub hard: u32,
}

/// When models were last listed, and when the newest complete read of each provider's list began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedTimes {
    pub seen: HashMap<ModelRef, DateTime<Utc>>,
    pub reads: HashMap<String, DateTime<Utc>>,
}

impl ListedTimes {
    fn state(&self, model: &ModelRef) -> ListedState {
        ListedState::of(self.seen.get(model).copied(), self.reads.get(&model.provider).copied())
    }
}

/// The facts about models, and their judgements.
#[async_trait]
pub trait LifecycleStore: Send + Sync {
    /// Every entry of the catalog as the rule needs it, without attempts and lists.
    async fn lifecycle_entries(&self) -> Result<Vec<LifecycleFacts>, StoreError>;

    /// Published runs by model, from an index alone.
    async fn success_counts(&self, scope: &HistoryFilter) -> Result<Vec<(ModelRef, u32)>, StoreError>;

    /// Failures of attempts that a success would have published, by model.
    async fn failure_counts(
        &self,
        scope: &HistoryFilter,
    ) -> Result<Vec<(ModelRef, FailureCounts)>, StoreError>;

    /// When models were listed: of one model, or of all.
    async fn listed_times(&self, model: Option<&ModelRef>) -> Result<ListedTimes, StoreError>;

    /// Stores the status of models, each in place of the previous one, unless that is newer.
    async fn keep_model_status(&self, statuses: &[ModelStatus]) -> Result<(), StoreError>;
}

/// The part of the facts that an entry tells.
impl From<CatalogEntry> for LifecycleFacts {
    fn from(entry: CatalogEntry) -> Self {
        LifecycleFacts {
            in_catalog: entry.sound,
            enabled: entry.is_enabled(),
            deprecated: entry.flag("deprecated"),
            probing: entry.text("status").as_deref() == Some(PROBING),
            display_name: entry.text("display_name"),
            disabled_reason: entry.text("disabled_reason").or_else(|| entry.text("deprecation_reason")),
            disabled_class: entry.text("disabled_class"),
            deprecation_date: entry.day("deprecation_date"),
            cadence_seconds: DEFAULT_CADENCE_SECONDS,
            ..LifecycleFacts::new(entry.model)
        }
    }
}

fn add_figures(facts: &mut LifecycleFacts, figures: &Figures) {
    facts.last_success_at = figures.last_success_at;
    facts.last_attempt_at = figures.last_attempt_at;
    facts.cadence_seconds =
        figures.cadence_seconds.filter(|cadence| *cadence > 0).unwrap_or(facts.cadence_seconds);
}

/// Judges every model of the catalog at `now` and keeps the judgements. `windows` makes the next refresh cheap.
///
/// # Errors
/// The store's; the windows are then counted anew by the next refresh.
pub async fn refresh(
    store: &dyn Store,
    windows: &mut AttemptWindows,
    now: DateTime<Utc>,
) -> Result<BTreeMap<LifecycleState, u64>, StoreError> {
    let attempts = windows.count(store, now).await?;
    let mut entries = store.lifecycle_entries().await?;
    entries.retain(|entry| entry.in_catalog);
    let listed = store.listed_times(None).await?;
    let mut health: HashMap<ModelRef, Figures> = HashMap::new();
    for row in store.health().await? {
        let figures = Figures {
            last_success_at: row.last_success_at,
            last_attempt_at: row.last_attempt_at,
            cadence_seconds: row.cadence_seconds.map(i64::from),
            ..Figures::default()
        };
        health.insert(row.model, figures);
    }
    let mut states = BTreeMap::new();
    let status = |mut facts: LifecycleFacts| {
        facts.listed = listed.state(&facts.model);
        facts.attempts = attempts.get(&facts.model).copied().unwrap_or_default();
        if let Some(figures) = health.get(&facts.model) {
            add_figures(&mut facts, figures);
        }
        let status = ModelStatus::of(facts, now);
        *states.entry(status.judged.state).or_insert(0) += 1;
        status
    };
    let statuses: Vec<ModelStatus> = entries.into_iter().map(status).collect();
    store.keep_model_status(&statuses).await?;
    Ok(states)
}

/// Judges models that have just changed. `note` is one more reason for all of them.
///
/// # Errors
/// The store's.
pub async fn refresh_models(
    store: &dyn Store,
    models: &[ModelRef],
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut statuses = Vec::new();
    if models.len() > FEW {
        refresh(store, &mut AttemptWindows::default(), now).await?;
    }
    for model in models {
        let entry = store.entry(model).await?;
        if models.len() > FEW && entry.is_some() {
            continue;
        }
        let Some(entry) = entry else {
            let facts = LifecycleFacts { in_catalog: false, ..LifecycleFacts::new(model.clone()) };
            statuses.push(ModelStatus::of(facts, now));
            continue;
        };
        let mut facts = LifecycleFacts::from(entry);
        let figures = store.figures(&ModelScope::Model(model.clone()), now).await?;
        if let Some(figures) = figures.get(model) {
            add_figures(&mut facts, figures);
        }
        facts.listed = store.listed_times(Some(model)).await?.state(model);
        facts.attempts = attempt_windows::of_model(store, model, now).await?;
        statuses.push(ModelStatus::of(facts, now));
    }
    for status in &mut statuses {
        status.judged.reasons.extend(note.map(str::to_owned));
    }
    store.keep_model_status(&statuses).await
}

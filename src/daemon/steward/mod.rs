//! What a daemon decides about the catalogue: which models it sets aside ([`aside`]), asks again, lets in ([`trial`]), and
//! switches on because their day has come. Everything follows from rows of the store, so a restart forgets nothing; every
//! change is a batch of the catalogue's history that `models undo` takes back ([`batch`]). The rules are `quarantine` and
//! `admission`; the calls that find out are made by the lanes, like any other.

mod aside;
mod batch;
mod trial;

pub use trial::{Foreseen, Trial, foresee};

use crate::daemon::keeper::Keeper;
use crate::daemon::roster::Roster;
use crate::daemon::shared::Shared;
use crate::domain::pulse::SuspectedProvider;
use crate::domain::regime::Regime;
use crate::domain::{Kind, ModelRef, Window};
use crate::storage::catalogue::Entry;
use crate::storage::contract::parse_date;
use crate::storage::history::{Scope, Stored};
use crate::storage::switched::on;
use crate::storage::{StoreError, WorkItem};
use batch::Verdict;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// The role of the rows of a model that is tried.
pub const ROLE: &str = "probe";
/// The class of models that were set aside here.
const CLASS: &str = "hard_model";
/// The most rows of one model that are looked at.
const ROWS: u32 = 500;
/// The most models whose rows are read in one look; the others have their turn in the next ones.
const MODELS: usize = 50;

/// What a look at the catalogue came to.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// Models that are to be asked now, although they are not measured.
    pub tried: Vec<WorkItem>,
    /// Providers that are suspected instead of their models.
    pub suspected: Vec<SuspectedProvider>,
}

/// Looks at the catalogue and changes what is to be changed. `roster` says which models are measured.
///
/// # Errors
/// The store's. What was changed until then is in the history.
pub async fn look(shared: &Arc<Shared>, roster: &Roster, now: DateTime<Utc>) -> Result<Judged, StoreError> {
    let steward = Steward::new(&shared.keeper, &shared.regime, now);
    let waiting = steward.waiting().await?;
    let mut judged = Judged::default();
    steward.return_on_their_day(&waiting).await?;
    if shared.regime.quarantine.enabled {
        judged.suspected = steward.set_aside(roster).await?;
        steward.recheck(&waiting, &mut judged.tried).await?;
    }
    if shared.regime.admission.enabled {
        steward.admit(&waiting, &mut judged.tried).await?;
    }
    Ok(judged)
}

struct Steward<'a> {
    keeper: &'a Arc<Keeper>,
    regime: &'a Regime,
    who: String,
    now: DateTime<Utc>,
}

impl<'a> Steward<'a> {
    fn new(keeper: &'a Arc<Keeper>, regime: &'a Regime, now: DateTime<Utc>) -> Self {
        Self { keeper, regime, who: format!("daemon {}", regime.vantage), now }
    }

    /// Entries of this daemon's providers that are off and wait for something.
    async fn waiting(&self) -> Result<Vec<Entry>, StoreError> {
        let entries = self.keeper.ask(|store| async move { store.waiting().await }).await?;
        let ours = |entry: &Entry| entry.sound && self.regime.covers(&entry.model.provider) && is_off(entry);
        Ok(entries.into_iter().filter(ours).collect())
    }

    /// Models that somebody disabled until a day that has come.
    async fn return_on_their_day(&self, waiting: &[Entry]) -> Result<(), StoreError> {
        let come = |entry: &&Entry| entry.instant("disabled_until").is_some_and(|until| until <= self.now);
        let back = |entry: &Entry| {
            let status = self.status(entry, "active", "the day has come until which it was disabled");
            (entry.clone(), on(Some(entry)), status)
        };
        let changes = waiting.iter().filter(come).map(back).collect();
        let why = "the day has come until which they were disabled";
        self.carry_out(Verdict { action: "enable", part: "until", why, changes }).await
    }

    /// A model's failures, oldest first.
    async fn errors(
        &self,
        model: &ModelRef,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<(DateTime<Utc>, Stored)>, StoreError> {
        let scope = scope(model, since);
        let rows = self.keeper.ask(move |store| async move { store.errors(&scope, ROWS).await }).await?;
        Ok(rows.into_iter().rev().filter_map(|row| Some((at(&row, "ts")?, row))).collect())
    }
}

fn is_off(entry: &Entry) -> bool {
    entry.fields.get("enabled") == Some(&Value::Bool(false)) && !entry.flag("deprecated")
}

fn scope(model: &ModelRef, since: Option<DateTime<Utc>>) -> Scope {
    Scope {
        window: Window { from: since, to: None },
        provider: Some(model.provider.clone()),
        model: Some(model.model_id.clone()),
        ..Scope::default()
    }
}

fn text<'a>(row: &'a Stored, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn at(row: &Stored, name: &str) -> Option<DateTime<Utc>> {
    parse_date(text(row, name))
}

fn kind(row: &Stored) -> Option<Kind> {
    kind_of(text(row, "error_kind"))
}

fn kind_of(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

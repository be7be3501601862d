//! What a daemon decides about the catalogue: which models it sets aside, asks again, lets in, and switches on because
//! their day has come. Everything follows from rows of the store, so a restart forgets nothing; every change is a batch of
//! the catalogue's history that `models undo` takes back. The rules are `quarantine` and `admission`; the calls that find
//! out are made by the lanes, like any other.

use crate::daemon::admission::{self, Candidate};
use crate::daemon::quarantine::{self, Quarantine, Rechecked, Streak};
use crate::daemon::shared::Shared;
use crate::domain::pulse::SuspectedProvider;
use crate::domain::{Batch, Kind, ModelRef, Window};
use crate::storage::catalogue::{ChangesOf, Entry, Order, Ordered, PROBING};
use crate::storage::contract::parse_date;
use crate::storage::history::{Scope, Series, Stored};
use crate::storage::jobs::JobState;
use crate::storage::switched::{Off, RECHECK_AT, off, on};
use crate::storage::vitals::ModelStatus;
use crate::storage::{StoreError, WorkItem};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The role of the rows of a model that is tried.
pub const ROLE: &str = "probe";
/// The role of the call that `models add` makes; it counts as a probe.
const ADDED: &str = "admission";
/// The class of models that were set aside here.
const CLASS: &str = "hard_model";
/// The most rows of one model that are looked at.
const ROWS: u32 = 500;
/// The most batches that are looked at to count today's.
const BATCHES: u32 = 500;
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

/// What is to be done to some models, and the word that the history keeps of it.
struct Verdict {
    action: &'static str,
    /// `quarantine`, `recheck`, `admission`, `until`.
    part: &'static str,
    why: &'static str,
    changes: Vec<(Entry, Map<String, Value>, ModelStatus)>,
}

/// Looks at the catalogue and changes what is to be changed.
///
/// # Errors
/// The store's. What was changed until then is in the history.
pub async fn look(shared: &Arc<Shared>, now: DateTime<Utc>) -> Result<Judged, StoreError> {
    let keeper = &shared.keeper;
    let entries = keeper.ask(|store| async move { store.entries(None).await }).await?;
    let ours = |entry: &Entry| entry.sound && shared.regime.covers(&entry.model.provider);
    let entries: Vec<Entry> = entries.into_iter().filter(ours).collect();
    let steward = Steward { shared, who: format!("daemon {}", shared.regime.vantage), now };
    let mut judged = Judged::default();
    steward.return_on_their_day(&entries).await?;
    if shared.regime.quarantine.enabled {
        judged.suspected = steward.set_aside(&entries).await?;
        steward.recheck(&entries, &mut judged.tried).await?;
    }
    if shared.regime.admission.enabled {
        steward.admit(&entries, &mut judged.tried).await?;
    }
    Ok(judged)
}

struct Steward<'a> {
    shared: &'a Arc<Shared>,
    who: String,
    now: DateTime<Utc>,
}

impl Steward<'_> {
    /// Models that somebody disabled until a day that has come.
    async fn return_on_their_day(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let come = |entry: &&Entry| {
            is_off(entry) && entry.instant("disabled_until").is_some_and(|until| until <= self.now)
        };
        let back = |entry: &Entry| {
            let status = self.status(entry, "active", "the day has come until which it was disabled");
            (entry.clone(), on(Some(entry)), status)
        };
        let changes = entries.iter().filter(come).map(back).collect();
        let why = "the day has come until which they were disabled";
        self.carry_out(Verdict { action: "enable", part: "until", why, changes }).await
    }

    async fn set_aside(&self, entries: &[Entry]) -> Result<Vec<SuspectedProvider>, StoreError> {
        let rule = &self.shared.regime.quarantine;
        let jobs = self.shared.keeper.ask(|store| async move { store.jobs(None).await }).await?;
        let mut by_model: BTreeMap<&ModelRef, Vec<&JobState>> = BTreeMap::new();
        jobs.iter().for_each(|job| by_model.entry(&job.series.model).or_default().push(job));
        let (mut enabled, mut refusing) = (BTreeMap::new(), BTreeMap::new());
        let mut ripe = Vec::new();
        for entry in entries.iter().filter(|entry| entry.is_enabled()) {
            *enabled.entry(entry.model.provider.clone()).or_insert(0) += 1;
            let jobs = by_model.get(&entry.model).map_or(&[][..], Vec::as_slice);
            if is_refusing(jobs, self.now - rule.over) {
                *refusing.entry(entry.model.provider.clone()).or_insert(0) += 1;
                if jobs.iter().any(|job| job.failures >= rule.answers) {
                    ripe.push((entry, jobs.iter().filter_map(|job| job.last_success_at).max()));
                }
            }
        }
        let suspected = quarantine::suspected(&enabled, &refusing);
        let blamed: BTreeSet<&String> = suspected.iter().map(|suspicion| &suspicion.provider).collect();
        ripe.retain(|(entry, _)| !blamed.contains(&entry.model.provider));
        let room = if ripe.is_empty() { 0 } else { self.room("quarantine", rule.per_day).await? };
        let mut changes = Vec::new();
        for (entry, success) in ripe.into_iter().take(MODELS) {
            if changes.len() >= room {
                break;
            }
            if let Some(found) = self.verdict(entry, success).await? {
                let status = self.status(entry, "quarantined", &found.reason);
                changes.push((entry.clone(), self.off(&found), status));
            }
        }
        let why = "terminal answers alone (hard_model)";
        self.carry_out(Verdict { action: "disable", part: "quarantine", why, changes }).await?;
        Ok(suspected)
    }

    fn off(&self, found: &Quarantine) -> Map<String, Value> {
        let Quarantine { reason, recheck_at } = found;
        off(&Off { reason, class: CLASS, who: &self.who, until: None, recheck_at: Some(*recheck_at) })
    }

    /// What the rows say since the model last answered, or was last changed: whoever enables it gives it a fresh start.
    async fn verdict(
        &self,
        entry: &Entry,
        success: Option<DateTime<Utc>>,
    ) -> Result<Option<Quarantine>, StoreError> {
        let of = ChangesOf::Model(entry.model.clone(), 1);
        let changes = self.shared.keeper.ask(|store| async move { store.changes(&of).await }).await?;
        let since = success.max(changes.first().map(|change| change.at));
        let mut streak = Streak::default();
        for (at, row) in self.errors(&entry.model, since).await? {
            let message = text(&row, "message").chars().take(200).collect::<String>();
            if text(&row, "sample_role") != ROLE
                && let Some(kind) = kind(&row)
            {
                streak.ended(Some(kind), &message, at);
            }
        }
        Ok(streak.verdict(&self.shared.regime.quarantine))
    }

    /// Models that were set aside here: those that answer return, the others are asked again ever more rarely.
    async fn recheck(&self, entries: &[Entry], tried: &mut Vec<WorkItem>) -> Result<(), StoreError> {
        let rule = &self.shared.regime.quarantine;
        let mut changes = Vec::new();
        let mut read = 0;
        for entry in entries.iter().filter(|entry| is_off(entry) && is_ours(entry)) {
            let Some(mut next) = entry.instant(RECHECK_AT).filter(|at| *at <= self.now) else { continue };
            read += 1;
            if read > MODELS {
                break;
            }
            let probes = self.probes(&entry.model, Some(next)).await?;
            let mut returns = false;
            for (times, (at, kind)) in (1..).zip(probes) {
                match quarantine::recheck(kind, times, rule, at) {
                    Rechecked::Returns => returns = true,
                    Rechecked::Stays(at) => next = next.max(at),
                }
            }
            if returns {
                let status = self.status(entry, "active", "it answers again");
                changes.push((entry.clone(), on(Some(entry)), status));
            } else if next <= self.now {
                tried.push(item(entry));
            }
        }
        let why = "they answer again";
        self.carry_out(Verdict { action: "enable", part: "recheck", why, changes }).await
    }

    async fn admit(&self, entries: &[Entry], tried: &mut Vec<WorkItem>) -> Result<(), StoreError> {
        let rule = &self.shared.regime.admission;
        let mut candidates = Vec::new();
        for entry in entries.iter().filter(|entry| is_candidate(entry)) {
            let probes = self.probes(&entry.model, Some(self.now - rule.within)).await?;
            let probes = probes.into_iter().map(|(at, kind)| (at, kind.is_none())).collect();
            let candidate = Candidate { model: entry.model.clone(), probes };
            if candidate.next_probe(rule, self.now) <= self.now && !candidate.is_ready(rule, self.now) {
                tried.push(item(entry));
            }
            candidates.push(candidate);
        }
        if !candidates.iter().any(|candidate| candidate.is_ready(rule, self.now)) {
            return Ok(());
        }
        let room = self.room("admission", rule.per_day).await?;
        let let_in = rule.per_day.saturating_sub(u32::try_from(room).unwrap_or(u32::MAX));
        let ready: BTreeSet<&ModelRef> =
            admission::admit(&candidates, let_in, rule, self.now).into_iter().collect();
        let ready = entries.iter().filter(|entry| ready.contains(&entry.model));
        let reason = format!("{} probes succeeded, spaced over time", rule.successes);
        if rule.dry_run {
            let reason = format!("{reason}; not enabled: admission is a dry run");
            let statuses: Vec<_> = ready.map(|entry| self.status(entry, PROBING, &reason)).collect();
            return self.keep(statuses).await;
        }
        let let_in = |entry: &Entry| (entry.clone(), on(Some(entry)), self.status(entry, "active", &reason));
        let changes = ready.map(let_in).collect();
        let why = "they keep answering";
        self.carry_out(Verdict { action: "enable", part: "admission", why, changes }).await
    }

    /// How many models may still be changed today for this reason, by whichever daemon.
    async fn room(&self, part: &str, per_day: u32) -> Result<usize, StoreError> {
        let batches = self.shared.keeper.ask(|store| async move { store.batches(BATCHES).await }).await?;
        let today = self.now.date_naive();
        let of_part = |batch: &&Batch| {
            batch.at.date_naive() == today
                && batch.who.starts_with("daemon ")
                && batch.why.as_deref().is_some_and(|why| why.starts_with(part))
        };
        let used: u64 = batches.iter().filter(of_part).map(|batch| batch.planned).sum();
        Ok(u64::from(per_day).saturating_sub(used) as usize)
    }

    /// Ends of the calls that tried a model, in order of time; `None` is a success.
    async fn probes(
        &self,
        model: &ModelRef,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<(DateTime<Utc>, Option<Kind>)>, StoreError> {
        let is_probe = |row: &Stored| [ROLE, ADDED].contains(&text(row, "sample_role"));
        let scope = scope(model, since);
        let runs = self
            .shared
            .keeper
            .ask(move |store| async move { store.runs(&scope, Series::Probe, ROWS).await })
            .await?;
        let answered =
            runs.iter().filter(|row| is_probe(row)).filter_map(|row| Some((at(row, "run_ts")?, None)));
        let mut probes: Vec<_> = answered.collect();
        let failed = self.errors(model, since).await?;
        let failed = failed.into_iter().filter(|(_, row)| is_probe(row));
        probes.extend(failed.map(|(at, row)| (at, Some(kind(&row).unwrap_or(Kind::Unknown)))));
        probes.sort_by_key(|(at, _)| *at);
        Ok(probes)
    }

    /// A model's failures, oldest first.
    async fn errors(
        &self,
        model: &ModelRef,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<(DateTime<Utc>, Stored)>, StoreError> {
        let scope = scope(model, since);
        let rows =
            self.shared.keeper.ask(move |store| async move { store.errors(&scope, ROWS).await }).await?;
        Ok(rows.into_iter().rev().filter_map(|row| Some((at(&row, "ts")?, row))).collect())
    }

    fn status(&self, entry: &Entry, status: &str, reason: &str) -> ModelStatus {
        let model = &entry.model;
        ModelStatus {
            model: model.clone(),
            status: status.to_owned(),
            computed_at: self.now,
            reasons: vec![reason.to_owned()],
            confidence: "high".to_owned(),
            recommended_actions: vec![format!("llmbench models history {model}")],
        }
    }

    async fn keep(&self, statuses: Vec<ModelStatus>) -> Result<(), StoreError> {
        self.shared.keeper.ask(move |store| async move { store.keep_model_status(&statuses).await }).await
    }

    /// One batch, written down before its first change. An entry that somebody else changed meanwhile is left alone.
    async fn carry_out(&self, verdict: Verdict) -> Result<(), StoreError> {
        let Verdict { action, part, why, changes } = verdict;
        if changes.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            id: ulid::Ulid::generate().to_string(),
            at: self.now,
            who: self.who.clone(),
            action: action.to_owned(),
            why: Some(format!("{part}: {why}")),
            planned: changes.len() as u64,
            undoes: None,
            undone_by: None,
            finished_at: None,
        };
        let (id, begun) = (batch.id.clone(), batch);
        let keeper = &self.shared.keeper;
        keeper.ask(move |store| async move { store.begin_batch(&begun).await }).await?;
        let mut statuses = Vec::new();
        for (entry, set, status) in changes {
            let expected = Some(entry.values(set.keys()));
            let order = Order { batch: id.clone(), model: entry.model, expected, set };
            match keeper.ask(move |store| async move { store.change(&order).await }).await {
                Ok(Ordered::Done { .. }) => statuses.push(status),
                // A person, or another daemon, was faster; or its twin in other letters is measured already.
                Ok(Ordered::Overtaken(_)) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        keeper.ask(move |store| async move { store.finish_batch(&id, Utc::now()).await }).await?;
        self.keep(statuses).await
    }
}

/// Whether a model's newest answers are terminal, and none was good since `since`.
fn is_refusing(jobs: &[&JobState], since: DateTime<Utc>) -> bool {
    let answered = jobs.iter().filter_map(|job| job.last_success_at).any(|at| at >= since);
    let kinds = jobs.iter().filter_map(|job| job.error_kind.as_deref());
    !answered && kinds.filter_map(kind_of).any(quarantine::is_terminal)
}

fn is_off(entry: &Entry) -> bool {
    entry.fields.get("enabled") == Some(&Value::Bool(false)) && !entry.flag("deprecated")
}

/// Whether a daemon set it aside.
fn is_ours(entry: &Entry) -> bool {
    let by = entry.text("disabled_by").unwrap_or_default();
    by.starts_with("daemon ") && entry.text("disabled_class").as_deref() == Some(CLASS)
}

/// Whether it is under admission, and nobody has said until when not.
fn is_candidate(entry: &Entry) -> bool {
    is_off(entry)
        && entry.text("status").as_deref() == Some(PROBING)
        && entry.fields.get("disabled_until").is_none_or(Value::is_null)
}

fn item(entry: &Entry) -> WorkItem {
    WorkItem {
        model: entry.model.clone(),
        display_name: entry.text("display_name").unwrap_or_else(|| entry.model.model_id.clone()),
        metadata: entry.fields.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
    }
}

fn scope(model: &ModelRef, since: Option<DateTime<Utc>>) -> Scope {
    Scope {
        window: Window { from: since, to: None },
        provider: Some(model.provider.clone()),
        model: Some(model.model_id.clone()),
        fingerprint: None,
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

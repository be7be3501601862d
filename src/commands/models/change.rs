//! A change of the catalog from plan to history: shown, confirmed if necessary, and made model by model, each with its
//! values before. A concurrent change is detected and asked about, never overwritten.

use super::identity;
use crate::cli::models::ConfirmArgs;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::prompts::ask_about;
use crate::commands::stdout;
use crate::daemon::owner_id;
use crate::domain::ModelRef;
use crate::domain::env_vars::{LOGNAME, USER};
use crate::output::{catalog_changes, print, prompt, units};
use crate::storage::catalog::{Batch, CatalogEntry, ChangeOutcome, ChangeRequest, ChangesOf};
use crate::storage::{Store, StoreError, endpoints, lifecycle};
use chrono::Utc;
use serde_json::{Map, Value};

/// The planned change of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedChange {
    pub model: ModelRef,
    /// The values as read; `None` if it is not in the catalog.
    pub before: Option<Map<String, Value>>,
    /// The new values; null removes a field.
    pub set: Map<String, Value>,
}

impl PlannedChange {
    /// A change of an entry as it was read.
    pub fn of(entry: &CatalogEntry, set: Map<String, Value>) -> Self {
        Self { model: entry.model.clone(), before: Some(entry.values(set.keys())), set }
    }

    fn line(&self) -> String {
        catalog_changes::planned(&self.model, self.before.as_ref(), &self.set)
    }
}

/// A batch before it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedBatch {
    /// One of `add`, `disable`, `enable`, `remove`, `set`, `undo`.
    pub action: &'static str,
    /// The reason that the user gave.
    pub why: Option<String>,
    /// The id of the batch that it undoes.
    pub undoes: Option<String>,
    pub changes: Vec<PlannedChange>,
}

impl PlannedBatch {
    /// The plan for people, one line per model.
    pub fn lines(&self) -> Vec<String> {
        self.changes.iter().map(PlannedChange::line).collect()
    }
}

/// The context of a change: the store, the signals, and the permission to ask.
pub struct ChangeSession<'a> {
    pub store: &'a dyn Store,
    /// The author of the change.
    pub who: String,
    pub interrupt: Interrupt,
    pub consent: ConfirmArgs,
    /// True if standard output is a terminal: then the id of a batch is printed only in the sentence about it.
    pub stdout_tty: bool,
}

impl<'a> ChangeSession<'a> {
    /// A session on this store.
    ///
    /// # Errors
    /// The operating system's, if no signal handler can be set.
    pub fn new(store: &'a dyn Store, context: &Context, consent: ConfirmArgs) -> Result<Self, CommandError> {
        let interrupt = Interrupt::listen().map_err(CommandError::usage)?;
        let stdout_tty = context.terminal.stdout_tty;
        Ok(Self { store, who: who(context), interrupt, consent, stdout_tty })
    }

    /// True if a plan may be carried out. Shows it with `--dry-run`, and asks if it `must` be confirmed.
    ///
    /// # Errors
    /// Status 2 if nobody can be asked, 130 after Ctrl-C.
    pub async fn agreed(&self, heading: &str, lines: &[String], must: bool) -> Result<bool, CommandError> {
        let shown =
            || std::iter::once(format!("{heading}:")).chain(lines.iter().map(|line| format!("  {line}")));
        if self.consent.dry_run {
            stdout::text(&shown().map(|line| line + "\n").collect::<String>())?;
            return Ok(false);
        }
        if !must || self.consent.yes {
            return Ok(true);
        }
        if !prompt::possible() {
            return Err(CommandError::usage(format!(
                "this would {heading}, and nobody can be asked: there is no terminal"
            ))
            .hint("--dry-run shows it, --yes does it"));
        }
        shown().for_each(|line| print::note(&line));
        if ask_about("Go on?".to_owned(), &self.interrupt.stop).await? {
            return Ok(true);
        }
        print::note("nothing was changed");
        Ok(false)
    }

    /// Makes the changes, and prints the id of the batch once: for a program on standard output, for people with the
    /// command that undoes it.
    ///
    /// # Errors
    /// A store that fails; changes made until then are reported and are in the batch.
    pub async fn carry_out(&self, intent: PlannedBatch) -> Result<Exit, CommandError> {
        let batch = self.begin(&intent).await?;
        let mut told = ChangeTotals::default();
        for planned in &intent.changes {
            if self.interrupt.stop.is_cancelled() {
                break;
            }
            let ended = self.one(&batch.id, planned, &mut told).await;
            if let Err(error) = ended {
                self.say(&told, &intent, &batch)?;
                return Err(error);
            }
        }
        self.judge_anew(&told.changed).await;
        let interrupted = self.interrupt.stop.is_cancelled() && told.seen < intent.changes.len();
        if !interrupted {
            let finished = self.store.finish_batch(&batch.id, Utc::now()).await;
            finished.map_err(|error| store_error("writing the history", error))?;
        }
        self.say(&told, &intent, &batch)?;
        Ok(match (interrupted, told.left) {
            (true, _) => Exit::Interrupted,
            (false, 0) => Exit::Yes,
            _ => Exit::No,
        })
    }

    /// Keeps the lifecycle and the measured endpoints of changed models, so that their readers need not wait for a daemon.
    async fn judge_anew(&self, changed: &[ModelRef]) {
        if let Err(error) = lifecycle::refresh_models(self.store, changed, None, Utc::now()).await {
            print::note(&format!(
                "warning: the change is made, and model_status does not show it yet: {error}; `llmbench db refresh` tries \
                 again"
            ));
        }
        if let Err(error) = endpoints::mark_measured(changed, self.store).await {
            print::note(&format!(
                "warning: the change is made, and bench_endpoints does not show it yet: {error}; `llmbench catalog sync` \
                 tries again"
            ));
        }
    }

    fn say(&self, told: &ChangeTotals, intent: &PlannedBatch, batch: &Batch) -> Result<(), CommandError> {
        let undo = self.stdout_tty && told.done > 0;
        let undo = if undo { format!("; to undo: llmbench models undo {}", batch.id) } else { String::new() };
        print::note(&(told.sentence(intent) + &undo));
        if self.stdout_tty { Ok(()) } else { stdout::text(&format!("{}\n", batch.id)) }
    }

    async fn begin(&self, intent: &PlannedBatch) -> Result<Batch, CommandError> {
        let batch = Batch {
            id: ulid::Ulid::generate().to_string(),
            at: Utc::now(),
            who: self.who.clone(),
            action: intent.action.to_owned(),
            why: intent.why.clone(),
            planned: intent.changes.len() as u64,
            undoes: intent.undoes.clone(),
            undone_by: None,
            finished_at: None,
        };
        let begun = self.store.begin_batch(&batch).await;
        begun.map_err(|error| store_error("writing the history", error))?;
        Ok(batch)
    }

    /// Changes one model: made, refused, or asked about again while others change it concurrently.
    async fn one(
        &self,
        batch: &str,
        planned: &PlannedChange,
        told: &mut ChangeTotals,
    ) -> Result<(), CommandError> {
        told.seen += 1;
        let mut order = ChangeRequest {
            batch: batch.to_owned(),
            model: planned.model.clone(),
            expected: planned.before.clone(),
            set: planned.set.clone(),
        };
        loop {
            let changed = match identity::before_change(self.store, planned).await {
                Ok(()) => self.store.change(&order).await,
                Err(error) => Err(error),
            };
            let present = match changed {
                Ok(ChangeOutcome::Done { cancelled_jobs }) => {
                    let kept = identity::after_change(self.store, planned).await;
                    kept.map_err(|error| store_error(&format!("keeping the key of {}", order.model), error))?;
                    told.done += 1;
                    told.changed.push(order.model);
                    told.enabled += usize::from(planned.set.get("enabled") == Some(&Value::Bool(true)));
                    told.cancelled_jobs += cancelled_jobs;
                    return Ok(());
                }
                Err(StoreError::Conflict(why)) => {
                    print::note(&format!("error: {}: {why}", order.model));
                    told.left += 1;
                    return Ok(());
                }
                Err(error) => return Err(store_error(&format!("changing {}", order.model), error)),
                Ok(ChangeOutcome::Overtaken(present)) => present,
            };
            let Some(expected) = self.again(&order, present.as_deref()).await? else {
                told.left += 1;
                return Ok(());
            };
            order.expected = expected;
        }
    }

    /// The expected values for the next try, if the user still wants the change.
    async fn again(
        &self,
        order: &ChangeRequest,
        present: Option<&CatalogEntry>,
    ) -> Result<Option<Option<Map<String, Value>>>, CommandError> {
        let model = &order.model;
        let now = present.map(|entry| entry.values(order.set.keys()));
        let seen = catalog_changes::difference(order.expected.as_ref(), now.as_ref());
        print::note(&format!("{model} was changed meanwhile{}: {seen}", self.by_whom(model).await?));
        // Removing an entry that has changed since needs a new command.
        if self.consent.yes || !prompt::possible() || order.removes() {
            print::note(&format!("error: {model} was left as it is; see: llmbench models history {model}"));
            return Ok(None);
        }
        let question = format!(
            "Change it all the same ({})?",
            catalog_changes::planned(model, now.as_ref(), &order.set)
        );
        Ok(ask_about(question, &self.interrupt.stop).await?.then_some(now))
    }

    /// The author of a model's newest change, if this program made it.
    async fn by_whom(&self, model: &ModelRef) -> Result<String, CommandError> {
        let read = |error| store_error("reading the history", error);
        let newest = self.store.changes(&ChangesOf::Model(model.clone(), 1)).await.map_err(read)?;
        let Some(change) = newest.first() else { return Ok(String::new()) };
        let batch = self.store.batch(&change.batch).await.map_err(read)?;
        Ok(batch.map_or_else(String::new, |batch| format!(" by {} (batch {})", batch.who, batch.id)))
    }
}

/// The counts of a batch.
#[derive(Debug, Default)]
struct ChangeTotals {
    /// Models processed so far.
    seen: usize,
    /// Models that were changed.
    done: usize,
    /// Their names.
    changed: Vec<ModelRef>,
    /// Changed models that are measured from now on.
    enabled: usize,
    /// Models left unchanged, with a reported reason.
    left: usize,
    cancelled_jobs: u64,
}

impl ChangeTotals {
    fn sentence(&self, intent: &PlannedBatch) -> String {
        let whole = self.done == intent.changes.len();
        let changed = if whole {
            count(self.done)
        } else {
            format!("{} of {}", self.done, count(intent.changes.len()))
        };
        let jobs = match self.cancelled_jobs {
            0 => String::new(),
            jobs => format!(", {} cancelled", units::counted(jobs, "queued job")),
        };
        // Some added models may only be stored with the reason why they are not measured.
        let enabled = match intent.action {
            "add" if self.enabled < self.done => format!(", {} of them enabled", self.enabled),
            _ => String::new(),
        };
        format!("{}: {changed} changed{enabled}{jobs}", intent.action)
    }
}

/// Formats as `1 model`, `2 models`.
pub fn count(models: usize) -> String {
    units::counted(models as u64, "model")
}

/// The author as `user@host`.
pub fn who(context: &Context) -> String {
    let env = context.settings.env();
    let user = env.first(&[USER, LOGNAME]).map(|(_, name)| name.to_owned());
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", owner_id::host())
}

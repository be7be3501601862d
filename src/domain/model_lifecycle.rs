//! Where a model is in its lifecycle, in the closed vocabulary of the readers of `model_status`, from the catalog's
//! entry, the provider's list and counts of attempts. Pure: `storage::lifecycle` gathers the facts and keeps the result.

use super::{FailureKind, ModelRef};
use chrono::{DateTime, TimeDelta, Utc};

/// The kinds of failure after which waiting does not help: the provider refuses the model, or the request as it is.
pub const HARD_KINDS: [FailureKind; 2] = [FailureKind::HardModel, FailureKind::HardCapability];

/// A success older than this, and older than [`TURNS`] turns, is no sign that the model works now.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// Turns without a success after which a model with a long cadence is late.
const TURNS: i32 = 4;

/// Silence after which refusals alone mean that the provider has withdrawn the model.
const WITHDRAWN: TimeDelta = TimeDelta::days(7);

/// Share of failures in a week, in percent, from which a model is watched, and from which it fails.
const WATCHED_PERCENT: u64 = 10;
const FAILING_PERCENT: u64 = 50;

/// Attempts of a week that make a judgement sure, and fairly sure.
const SURE: u64 = 30;
const FAIRLY_SURE: u64 = 8;

/// The words that readers of `model_status` know. They show nothing for any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifecycleState {
    /// It answers.
    Active,
    /// It answers, and something about it is worth watching.
    Monitor,
    /// It is tried and does not answer, or fails half of the time.
    Failing,
    /// It answered once, and nobody has tried it lately.
    Stale,
    /// Everything says that its provider has withdrawn it.
    LikelyDeprecated,
    /// An operator or its provider's date says so.
    Deprecated,
    /// It is not measured. Also under admission or set aside: the reasons tell.
    Disabled,
    /// It is measured and never answered.
    NeverSucceeded,
}

impl LifecycleState {
    /// All words, in the order in which they are listed.
    pub const ALL: [LifecycleState; 8] = [
        LifecycleState::Active,
        LifecycleState::Monitor,
        LifecycleState::Failing,
        LifecycleState::Stale,
        LifecycleState::LikelyDeprecated,
        LifecycleState::Deprecated,
        LifecycleState::Disabled,
        LifecycleState::NeverSucceeded,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            LifecycleState::Active => "active",
            LifecycleState::Monitor => "monitor",
            LifecycleState::Failing => "failing",
            LifecycleState::Stale => "stale",
            LifecycleState::LikelyDeprecated => "likely_deprecated",
            LifecycleState::Deprecated => "deprecated",
            LifecycleState::Disabled => "disabled",
            LifecycleState::NeverSucceeded => "never_succeeded",
        }
    }
}

/// Whether the provider's list has the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListedState {
    /// The newest complete read of the list has it.
    Present,
    /// An older read had it, and the newest complete one has not.
    Missing,
    /// The list was never read whole, or never had it: many models answer under names that no list has.
    #[default]
    Unknown,
}

impl ListedState {
    /// The stored word, `catalog_state`.
    pub fn as_str(self) -> &'static str {
        match self {
            ListedState::Present => "present",
            ListedState::Missing => "missing",
            ListedState::Unknown => "unknown",
        }
    }

    /// The state of a model last listed at `seen_at`, when the newest complete read of the list began at `read_at`.
    pub fn of(seen_at: Option<DateTime<Utc>>, read_at: Option<DateTime<Utc>>) -> Self {
        match (seen_at, read_at) {
            (Some(seen), Some(read)) if seen >= read => ListedState::Present,
            (Some(_), Some(_)) => ListedState::Missing,
            _ => ListedState::Unknown,
        }
    }
}

/// Attempts of the published series, counted to the present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LifecycleCounts {
    /// Successes of the last 7, 30 and 120 days.
    pub successes: [u32; 3],
    /// Failures of the last 7 and 30 days.
    pub errors: [u32; 2],
    /// Those of [`HARD_KINDS`].
    pub hard_failures: [u32; 2],
}

/// What is known about a model.
#[derive(Debug, Clone, PartialEq)]
pub struct LifecycleFacts {
    pub model: ModelRef,
    /// False if the entry was removed from the catalog.
    pub in_catalog: bool,
    pub enabled: bool,
    pub deprecated: bool,
    /// True if it waits for its admission.
    pub probing: bool,
    pub display_name: Option<String>,
    pub disabled_reason: Option<String>,
    /// One word, for example `hard_model` after the daemon set it aside.
    pub disabled_class: Option<String>,
    /// The day from which its provider does not serve it any more.
    pub deprecation_date: Option<DateTime<Utc>>,
    pub listed: ListedState,
    pub cadence_seconds: i64,
    pub last_success_at: Option<DateTime<Utc>>,
    pub last_attempt_at: Option<DateTime<Utc>>,
    pub attempts: LifecycleCounts,
}

impl LifecycleFacts {
    /// An enabled model of which nothing else is known.
    pub fn new(model: ModelRef) -> Self {
        Self {
            model,
            in_catalog: true,
            enabled: true,
            deprecated: false,
            probing: false,
            display_name: None,
            disabled_reason: None,
            disabled_class: None,
            deprecation_date: None,
            listed: ListedState::Unknown,
            cadence_seconds: 1800,
            last_success_at: None,
            last_attempt_at: None,
            attempts: LifecycleCounts::default(),
        }
    }

    fn answered_since(&self, since: DateTime<Utc>) -> bool {
        self.last_success_at.is_some_and(|at| at >= since)
    }

    /// From when on a success says that the model works.
    fn recent(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let turns = TimeDelta::try_seconds(self.cadence_seconds.max(1)).unwrap_or(RECENT) * TURNS;
        now - turns.max(RECENT)
    }
}

/// The judgement of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    pub state: LifecycleState,
    /// One of `high`, `medium`, `low`: by the number of attempts behind it.
    pub confidence: &'static str,
    /// Sentences for people.
    pub reasons: Vec<String>,
    /// Commands and steps for an operator.
    pub recommended_actions: Vec<String>,
}

/// The lifecycle of a model. An operator's word comes first, then its provider's date, then what its answers say.
pub fn judge(facts: &LifecycleFacts, now: DateTime<Utc>) -> Lifecycle {
    if !facts.in_catalog {
        return sure(LifecycleState::Disabled, "it was removed from the catalog", None);
    }
    if facts.deprecated {
        let why = facts.disabled_reason.as_deref().unwrap_or("the catalog has it as deprecated");
        return sure(LifecycleState::Deprecated, why, None);
    }
    if facts.enabled { measured(facts, now) } else { not_measured(facts, now) }
}

fn sure(state: LifecycleState, why: &str, action: Option<String>) -> Lifecycle {
    Lifecycle {
        state,
        confidence: "high",
        reasons: vec![why.to_owned()],
        recommended_actions: action.into_iter().collect(),
    }
}

/// A disabled model. Readers know neither `probing` nor `quarantined`; the reasons tell.
fn not_measured(facts: &LifecycleFacts, now: DateTime<Utc>) -> Lifecycle {
    let model = &facts.model;
    let ended = facts.deprecation_date.filter(|date| *date <= now);
    let said = facts.disabled_reason.clone().unwrap_or_else(|| "it is disabled".to_owned());
    let mut judged = if let Some(date) = ended {
        sure(LifecycleState::Deprecated, &ended_on(date), None)
    } else if facts.probing {
        let action = Some(format!("llmbench models enable {model}"));
        sure(LifecycleState::Disabled, "it waits for its admission (probing)", action)
    } else if facts.disabled_class.as_deref() == Some("hard_model") {
        let state = match facts.listed {
            ListedState::Missing => LifecycleState::LikelyDeprecated,
            _ => LifecycleState::Disabled,
        };
        let action = Some(format!("llmbench models history {model}"));
        sure(state, &format!("set aside (quarantined): {said}"), action)
    } else {
        sure(LifecycleState::Disabled, &said, None)
    };
    if facts.listed == ListedState::Missing {
        judged.reasons.push("its provider does not list it any more".to_owned());
    }
    judged
}

fn ended_on(date: DateTime<Utc>) -> String {
    format!("its provider's date for the end was {}", date.format("%Y-%m-%d"))
}

/// An enabled model: what its attempts say.
fn measured(facts: &LifecycleFacts, now: DateTime<Utc>) -> Lifecycle {
    let LifecycleCounts { successes, errors, hard_failures } = facts.attempts;
    let attempts = u64::from(successes[0]) + u64::from(errors[0]);
    let mut reasons = vec![format!("{} of {attempts} attempts of the last 7 days succeeded", successes[0])];
    if hard_failures[0] > 0 {
        reasons.push(format!("{} of its failures are refusals of the model", hard_failures[0]));
    }
    if facts.listed == ListedState::Missing {
        reasons.push("its provider does not list it any more".to_owned());
    }
    if let Some(date) = facts.deprecation_date {
        let ends = format!("its provider ends it on {}", date.format("%Y-%m-%d"));
        reasons.push(if date <= now { ended_on(date) } else { ends });
    }
    let state = state_of(facts, now);
    Lifecycle {
        state,
        confidence: match attempts {
            SURE.. => "high",
            FAIRLY_SURE.. => "medium",
            _ => "low",
        },
        reasons,
        recommended_actions: actions(state, &facts.model),
    }
}

fn state_of(facts: &LifecycleFacts, now: DateTime<Utc>) -> LifecycleState {
    let LifecycleCounts { successes, errors, hard_failures } = facts.attempts;
    let attempts = u64::from(successes[0]) + u64::from(errors[0]);
    let percent = |share: u64| attempts > 0 && u64::from(errors[0]) * 100 >= attempts * share;
    let ended = facts.deprecation_date.is_some_and(|date| date <= now);
    let withdrawn = facts.listed == ListedState::Missing || ended;
    let never = facts.last_success_at.is_none() && successes[2] == 0;
    if !facts.answered_since(facts.recent(now)) {
        let refused = hard_failures[0] > 0 && !facts.answered_since(now - WITHDRAWN);
        return match () {
            () if never && !(withdrawn && errors[0] > 0) => LifecycleState::NeverSucceeded,
            () if withdrawn || (refused && hard_failures[0] > errors[0] / 2) => {
                LifecycleState::LikelyDeprecated
            }
            () if facts.last_attempt_at.is_some_and(|at| at >= facts.recent(now)) => LifecycleState::Failing,
            () => LifecycleState::Stale,
        };
    }
    if percent(FAILING_PERCENT) {
        LifecycleState::Failing
    } else if percent(WATCHED_PERCENT) || withdrawn || facts.deprecation_date.is_some() {
        LifecycleState::Monitor
    } else {
        LifecycleState::Active
    }
}

fn actions(state: LifecycleState, model: &ModelRef) -> Vec<String> {
    let errors = format!("llmbench errors show {model}");
    let try_it = format!("llmbench run {model}");
    match state {
        LifecycleState::Monitor | LifecycleState::Failing => vec![errors],
        LifecycleState::Stale => vec!["llmbench status".to_owned(), try_it],
        LifecycleState::NeverSucceeded => vec![try_it, errors],
        LifecycleState::LikelyDeprecated => vec![errors, format!("llmbench models disable {model}")],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

//! What there is to do: the catalogue under the rules, one piece of work a series. Pure.

use crate::daemon::schedule::{Plan, Turn};
use crate::daemon::steward::ROLE;
use crate::domain::regime::{Price, Regime};
use crate::domain::{ModelRef, Series};
use crate::measure::laboratory::Question;
use crate::storage::WorkItem;
use crate::storage::jobs::{JobState, JobStatus, PROBE};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A series and all that is needed to measure it.
#[derive(Debug, Clone)]
pub struct Work {
    /// When.
    pub plan: Plan,
    /// Whom.
    pub item: WorkItem,
    /// What is asked.
    pub question: Arc<Question>,
    /// What it costs, if that is known.
    pub price: Option<Price>,
    /// The rows count: a model under admission is only tried.
    pub counts: bool,
}

/// Everything there is to do, by provider, each model under each question in turn.
pub fn work(
    items: &[WorkItem],
    questions: &[Arc<Question>],
    regime: &Regime,
    prices: &HashMap<ModelRef, Price>,
) -> BTreeMap<String, Vec<Arc<Work>>> {
    let mut lanes: BTreeMap<String, Vec<Arc<Work>>> = BTreeMap::new();
    for item in items.iter().filter(|item| regime.covers(&item.model.provider)) {
        let price = regime.price(&item.model, prices.get(&item.model).copied());
        for question in questions {
            let profile_id = question.profile.id.clone();
            let cadence = regime.cadence(&item.model, &profile_id);
            let series = Series { model: item.model.clone(), profile_id, vantage: regime.vantage.clone() };
            let work = Work {
                plan: Plan::new(series, cadence, regime.spread),
                item: item.clone(),
                question: Arc::clone(question),
                price,
                counts: true,
            };
            lanes.entry(item.model.provider.clone()).or_default().push(Arc::new(work));
        }
    }
    lanes
}

/// Adds the models that are tried: one question, their rows in a role of their own, a series of their own.
pub fn try_out(
    lanes: &mut BTreeMap<String, Vec<Arc<Work>>>,
    tried: &[WorkItem],
    questions: &[Arc<Question>],
    regime: &Regime,
    prices: &HashMap<ModelRef, Price>,
) {
    let Some(question) = questions.first() else { return };
    let question = Arc::new(Question { role: ROLE.to_owned(), ..Question::clone(question) });
    let spacing = regime.admission.apart.min(regime.quarantine.recheck).num_seconds();
    let spacing = u32::try_from(spacing).unwrap_or(u32::MAX).max(1);
    for item in tried {
        let series = Series {
            model: item.model.clone(),
            profile_id: PROBE.to_owned(),
            vantage: regime.vantage.clone(),
        };
        let work = Work {
            plan: Plan::new(series, spacing, 0.0),
            item: item.clone(),
            question: Arc::clone(&question),
            price: regime.price(&item.model, prices.get(&item.model).copied()),
            counts: false,
        };
        lanes.entry(item.model.provider.clone()).or_default().push(Arc::new(work));
    }
}

/// How far a series has come, as the store knows it.
pub fn turn(job: &JobState) -> Turn {
    let settled = matches!(job.status, JobStatus::Success | JobStatus::DeadLetter);
    let leased = job.lease.as_ref().filter(|_| job.status == JobStatus::Running);
    Turn {
        slot_at: job.slot_at,
        settled,
        not_before: leased.map(|lease| lease.expires_at).or(job.not_before).filter(|_| !settled),
        finished_at: job.finished_at.or(job.last_success_at),
        attempts: job.slot_attempts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::profile::built_in;
    use crate::wire::Limits;
    use serde_json::Map;

    #[test]
    fn every_model_of_ours_is_asked_every_question() {
        let question = |profile| {
            Arc::new(Question {
                profile,
                role: "published".to_owned(),
                limits: Limits::default(),
                warm: false,
            })
        };
        let [default, long, _] = built_in();
        let item = |provider, id: &str| WorkItem {
            model: ModelRef::new(provider, id),
            display_name: id.to_owned(),
            metadata: Map::new(),
        };
        let items = [item("groq", "a"), item("groq", "b"), item("bedrock", "c")];
        let regime = Regime { exclude: vec!["bedrock".to_owned()], ..Regime::default() };
        let lanes = work(&items, &[question(default), question(long)], &regime, &HashMap::new());
        assert_eq!(lanes.keys().collect::<Vec<_>>(), ["groq"]);
        let series: Vec<_> = lanes["groq"].iter().map(|work| work.plan.series.profile_id.as_str()).collect();
        assert_eq!(series, ["cloud-default-v1", "cloud-long-v1", "cloud-default-v1", "cloud-long-v1"]);
    }
}

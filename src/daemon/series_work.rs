//! Combines the catalog with the configuration: one piece of work for each series. Pure.

use crate::daemon::catalog_policy::ROLE;
use crate::daemon::price::ListedPrices;
use crate::daemon::roster::ProviderRoster;
use crate::daemon::schedule::{self, SeriesProgress, SeriesSchedule};
use crate::daemon::turn_times::BlockDays;
use crate::domain::canary::{self, CANARY_CADENCE};
use crate::domain::daemon_config::{DaemonConfig, Price};
use crate::domain::{ModelRef, Profile, Series};
use crate::measure::measurer::RequestSpec;
use crate::storage::WorkItem;
use crate::storage::claims::{JobState, JobStatus, PROBE};
use crate::storage::rankings::{KeptLane, ModelRanking};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// A series and all that is needed to measure it.
#[derive(Debug, Clone)]
pub struct SeriesWork {
    pub plan: SeriesSchedule,
    pub item: Arc<WorkItem>,
    pub question: Arc<RequestSpec>,
    pub price: Option<Price>,
    /// True if the rows count; false for a model under admission, which is only tried.
    pub counts: bool,
}

impl SeriesWork {
    /// True if its turns are pairs. Trial calls show whether a model answers, which one request does.
    pub fn is_paired(&self) -> bool {
        self.counts && self.question.profile.paired
    }
}

/// The requests to send to models, from the configuration.
#[derive(Debug)]
pub struct RequestSpecs {
    /// The requests for every measured model.
    measured: Vec<Arc<RequestSpec>>,
    /// The request for a model that is only tried: the first of `measured`, with a sample role of its own.
    tried: Option<Arc<RequestSpec>>,
    /// The question that is asked once a day, of models whose metadata says so.
    canary: Option<Arc<RequestSpec>>,
}

impl RequestSpecs {
    pub fn new(questions: Vec<RequestSpec>) -> Self {
        let questions = questions.into_iter().map(Arc::new);
        let (canaries, measured): (Vec<_>, Vec<_>) =
            questions.partition(|question| question.profile.deterministic);
        let tried =
            |first: &Arc<RequestSpec>| RequestSpec { role: ROLE.to_owned(), ..RequestSpec::clone(first) };
        Self {
            tried: measured.first().map(tried).map(Arc::new),
            measured,
            canary: canaries.into_iter().next(),
        }
    }

    /// The profiles under which every model is measured.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.measured.iter().map(|question| &question.profile)
    }
}

/// All work for one provider, sorted by series.
pub fn work(
    asked: &ProviderRoster,
    questions: &RequestSpecs,
    daemon_config: &DaemonConfig,
    prices: &ListedPrices,
) -> Vec<Arc<SeriesWork>> {
    let one = |item: &Arc<WorkItem>, question: &Arc<RequestSpec>, counts: bool| {
        let model = &item.model;
        let profile_id = if counts { question.profile.id.as_str() } else { PROBE };
        let cadence = match (counts, question.profile.deterministic) {
            (false, _) => spacing(daemon_config),
            (true, true) => CANARY_CADENCE,
            (true, false) => daemon_config.cadence(model, profile_id),
        };
        let spread = if counts { daemon_config.spread } else { 0.0 };
        let (profile_id, vantage) = (profile_id.to_owned(), daemon_config.vantage.clone());
        let series = Series { model: model.clone(), profile_id, vantage };
        Arc::new(SeriesWork {
            plan: SeriesSchedule::new(series, cadence, spread),
            item: Arc::clone(item),
            question: Arc::clone(question),
            price: daemon_config.price(model, prices.get(model)),
            counts,
        })
    };
    let mut work = Vec::with_capacity(asked.measured.len() * questions.measured.len() + asked.tried.len());
    for item in &asked.measured {
        let canary = questions.canary.iter().filter(|_| canary::is_asked(&item.metadata));
        work.extend(questions.measured.iter().chain(canary).map(|question| one(item, question, true)));
    }
    for item in &asked.tried {
        work.extend(questions.tried.iter().map(|question| one(item, question, false)));
    }
    work.sort_by(|one, other| one.plan.series.cmp(&other.plan.series));
    work
}

/// Seconds between two trial calls of a model. The catalog policy decides which models are due for one.
fn spacing(daemon_config: &DaemonConfig) -> u32 {
    let spacing = daemon_config.admission.apart.min(daemon_config.quarantine.recheck).num_seconds();
    u32::try_from(spacing).unwrap_or(u32::MAX).max(1)
}

/// A lease left by a dead process of the same name blocks its slot this long from its start. If processes crash one
/// after another, each would otherwise use one of the slot's few attempts. A single pass does not need this rest.
pub const AFTER_A_CRASH: TimeDelta = TimeDelta::seconds(15);

/// A series' progress according to the store. A lease of `owner` itself, if that has a name, was left by a dead
/// process, because the store is not asked about this one's own work; it blocks the slot for `rest` from its start.
/// Times written under a clock ahead of `now` are ignored.
pub fn turn(
    job: &JobState,
    owner: Option<&str>,
    rest: TimeDelta,
    mut days: BlockDays,
    now: DateTime<Utc>,
) -> SeriesProgress {
    let settled = matches!(job.status, JobStatus::Success | JobStatus::DeadLetter);
    let leased = job.lease.as_ref().filter(|_| job.status == JobStatus::Running);
    let until = leased.map(|lease| match job.started_at {
        Some(began) if Some(lease.owner.as_str()) == owner => lease.expires_at.min(began + rest),
        _ => lease.expires_at,
    });
    let finished_at = job.finished_at.or(job.last_success_at);
    let known = [job.last_success_at, finished_at].into_iter().flatten();
    known.filter(|at| *at <= now).for_each(|at| days.add(at));
    SeriesProgress {
        slot_at: job.slot_at,
        settled,
        not_before: until.or(job.not_before).filter(|_| !settled && !job.is_ahead(now)),
        finished_at,
        attempts: job.slot_attempts,
        terminal: terminal(job),
        days,
    }
}

/// The days of each lane of measurement, as they were counted for the ranking: of a model, and of each of its endpoints.
pub fn block_days(rankings: &[ModelRanking]) -> HashMap<ModelRef, BlockDays> {
    let mut days = HashMap::new();
    for ModelRanking { model, counted_at, lanes } in rankings {
        let of = |lane: &KeptLane| BlockDays::counted(lane.block_days, *counted_at);
        let mut lanes: Vec<&KeptLane> = lanes.iter().collect();
        // A model that changed its endpoint or its quantization has older lanes; the one with the most samples is its own.
        lanes.sort_by_key(|lane| lane.samples);
        for lane in lanes {
            days.insert(model.clone(), of(lane));
            if let Some(tag) = lane.endpoint_tag.as_deref().filter(|_| model.is_routed()) {
                days.insert(model.pinned(tag), of(lane));
            }
        }
    }
    days
}

/// Terminal answers in a row, as far as the job says: it counts failures of any kind and names the last one, so that no
/// more than the fewest that make a series rarer are taken from it. A dead letter of the Python runner, which counts none,
/// had its attempts and was asked no more.
fn terminal(job: &JobState) -> u32 {
    match (job.failure_kind().is_some_and(schedule::is_terminal), job.status) {
        (false, _) => 0,
        (true, JobStatus::DeadLetter) if job.slot_at.is_none() => schedule::ENOUGH,
        (true, _) => job.failures.min(schedule::ENOUGH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::profile::built_in;
    use crate::storage::claims::Lease;
    use crate::wire::ExchangeLimits;
    use serde_json::Map;

    #[test]
    fn a_lease_of_ones_own_is_waited_for_a_moment_only() {
        let began = DateTime::UNIX_EPOCH;
        let lease = Lease { owner: "h:1".to_owned(), expires_at: began + TimeDelta::hours(1) };
        let series =
            Series { model: ModelRef::new("p", "m"), profile_id: "q".into(), vantage: "main".into() };
        let job = JobState {
            series,
            status: JobStatus::Running,
            slot_at: Some(began),
            slot_attempts: 1,
            failures: 0,
            not_before: None,
            started_at: Some(began),
            finished_at: None,
            last_success_at: None,
            updated_at: None,
            lease: Some(lease),
            epoch: 1,
            error_kind: None,
            error_message: None,
        };
        let waits = |owner| {
            (turn(&job, owner, AFTER_A_CRASH, BlockDays::default(), began).not_before.unwrap() - began)
                .num_seconds()
        };
        assert_eq!((waits(Some("h:1")), waits(Some("h:2")), waits(None)), (15, 3600, 3600));
    }

    #[test]
    fn every_model_is_asked_every_question_a_canary_one_more_and_one_that_is_tried_only_the_first() {
        let question = |profile| RequestSpec {
            profile,
            role: "published".to_owned(),
            limits: ExchangeLimits::default(),
            warm: false,
        };
        let [default, long, _] = built_in();
        let item = |id: &str, canary: bool| {
            let mut metadata = Map::new();
            canary::ask(&mut metadata, canary);
            let model = ModelRef::new("groq", id);
            Arc::new(WorkItem { model, display_name: id.to_owned(), metadata })
        };
        let asked = ProviderRoster {
            measured: vec![item("b", true), item("a", false)],
            tried: vec![item("new", true)],
        };
        let once_a_day =
            RequestSpec { role: canary::CANARY_ROLE.to_owned(), ..question(canary::canary_profile()) };
        let questions = RequestSpecs::new(vec![question(default), question(long), once_a_day]);
        let work = work(&asked, &questions, &DaemonConfig::default(), &ListedPrices::default());
        let told: Vec<_> = work
            .iter()
            .map(|work| {
                let Series { model, profile_id, .. } = &work.plan.series;
                let asked = (work.question.role.as_str(), work.counts, work.plan.cadence_seconds == 86_400);
                (model.model_id.as_str(), profile_id.as_str(), asked)
            })
            .collect();
        let measured = |id, profile| (id, profile, ("published", true, false));
        assert_eq!(
            told,
            [
                measured("a", "cloud-default-v1"),
                measured("a", "cloud-long-v1"),
                ("b", "canary-v1", ("canary", true, true)),
                measured("b", "cloud-default-v1"),
                measured("b", "cloud-long-v1"),
                ("new", PROBE, (ROLE, false, false)),
            ]
        );
    }
}

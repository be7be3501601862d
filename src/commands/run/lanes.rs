//! One lane per provider, concurrently; within a lane the models take turns, so that no model has the quiet hour alone.
//! With `--paired` a turn is a pair: two requests, one right after the other.

use super::recorder::ResultRecorder;
use super::request_options::RequestOptions;
use super::selection::{RunSelection, SelectedTarget};
use crate::commands::interrupt::Interrupt;
use crate::domain::pair::{PairHalf, PairPlan};
use crate::domain::run::Connection;
use crate::domain::{Failure, ModelRef, Outcome};
use crate::measure::load::{LoadOutcome, LoadSpec, RequestEnd, ScheduledRequest, drive};
use crate::measure::measurer::{AttemptResult, Measurer, RequestSpec, Target};
use crate::measure::paired::{HalfTtft, PairLots};
use crate::measure::report::RequestedConnection;
use crate::output::units;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

/// A provider's models and the request for each.
struct RunLane {
    measurer: Measurer,
    models: Vec<(RefCell<Target>, RequestSpec)>,
    recorder: Rc<ResultRecorder>,
    interrupt: Interrupt,
    /// True if the lane waits as long as answers ask for.
    waits: bool,
    /// Orders the pairs, if requests are made in pairs.
    lots: Option<RefCell<PairLots>>,
    /// The end of the wait that was last reported.
    told_until: Cell<Option<Instant>>,
}

/// Runs all lanes to their end and returns the result of each.
pub async fn run(
    measurer: Measurer,
    settled: RunSelection,
    asked: &RequestOptions,
    load: &LoadSpec,
    warmup: u64,
    recorder: &Rc<ResultRecorder>,
    interrupt: &Interrupt,
) -> Vec<LoadOutcome> {
    let RunSelection { subjects, simulators, .. } = settled;
    let paired = asked.connection == RequestedConnection::Paired;
    let local = LocalSet::new();
    let mut lanes = JoinSet::new();
    for models in by_provider(subjects, asked) {
        let lane = Rc::new(RunLane {
            measurer: measurer.clone(),
            models,
            recorder: Rc::clone(recorder),
            interrupt: interrupt.clone(),
            waits: asked.waits,
            lots: paired.then(|| RefCell::new(PairLots::seeded(rand::random()))),
            told_until: Cell::default(),
        });
        lanes.spawn_local_on(lane.run(load.clone(), warmup), &local);
    }
    let mut tallies = Vec::new();
    let all = async {
        while let Some(ended) = lanes.join_next().await {
            tallies.extend(ended);
        }
    };
    // Both signals reach the lanes: the first ends their requests, the second their waiting for the store.
    local.run_until(all).await;
    drop(simulators);
    tallies
}

fn by_provider(
    subjects: Vec<SelectedTarget>,
    asked: &RequestOptions,
) -> Vec<Vec<(RefCell<Target>, RequestSpec)>> {
    let mut lanes: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for SelectedTarget { subject, enabled } in subjects {
        let question = RequestSpec {
            profile: asked.profile.clone(),
            role: asked.role(enabled).to_owned(),
            limits: asked.limits,
            warm: asked.connection == RequestedConnection::Warm,
        };
        let lane = lanes.entry(subject.model.provider.clone()).or_default();
        lane.push((RefCell::new(subject), question));
    }
    lanes.into_values().collect()
}

impl RunLane {
    async fn run(self: Rc<Self>, load: LoadSpec, warmup: u64) -> LoadOutcome {
        self.warm_up(warmup).await;
        let shape = LoadSpec { requests: load.requests.map(|each| each * self.models.len() as u64), ..load };
        let stop = self.interrupt.stop.clone();
        drive(shape, stop, move |start| Rc::clone(&self).measure(start)).await
    }

    /// Makes requests whose results are ignored, to warm up caches, connections and sleeping models.
    async fn warm_up(&self, requests: u64) {
        for _ in 0..requests {
            for (subject, question) in &self.models {
                let subject = subject.borrow().clone();
                tokio::select! {
                    _ = self.measurer.measure(&subject, question, None) => {}
                    () = self.interrupt.stop.cancelled() => return,
                }
            }
        }
    }

    /// Makes and records one measurement, or a pair of them. An interrupted one leaves no row, because it did not finish.
    async fn measure(self: Rc<Self>, start: ScheduledRequest) -> RequestEnd {
        let place = (start.index % self.models.len() as u64) as usize;
        let (slot, question) = &self.models[place];
        match &self.lots {
            Some(lots) => {
                let plan = lots.borrow_mut().draw();
                self.pair(slot, question, &plan).await
            }
            None => match self.attempts(slot, question, start.due).await {
                Some(attempts) => self.record(slot, question, attempts).await,
                None => RequestEnd::default(),
            },
        }
    }

    /// Makes and records both halves of a pair. The second one follows whatever became of the first, unless the provider
    /// asked for a pause: after it, the two would no longer be comparable.
    async fn pair(&self, slot: &RefCell<Target>, question: &RequestSpec, plan: &PairPlan) -> RequestEnd {
        let (mut end, mut cold, mut warm) = (RequestEnd::default(), HalfTtft::Missing, HalfTtft::Missing);
        let mut made = false;
        for half in plan.halves() {
            let question = question.half(&half);
            let Some(mut attempts) = self.attempts(slot, &question, None).await else { break };
            attempts.iter_mut().for_each(|attempt| half.stamp(&mut attempt.outcome));
            let ttft = ttft(&attempts, &half);
            match half.connection {
                Connection::Cold => cold = ttft,
                Connection::Warm => warm = ttft,
            }
            let ended = self.record(slot, &question, attempts).await;
            (made, end.failed, end.rest) = (true, end.failed || ended.failed, ended.rest);
            if ended.rest.is_some() {
                break;
            }
        }
        if made {
            let model = slot.borrow().model.clone();
            self.recorder.pair(&model, cold, warm, plan.cold_first);
        }
        end
    }

    /// Makes one measurement, and keeps what it taught; `None` if it was interrupted.
    async fn attempts(
        &self,
        slot: &RefCell<Target>,
        question: &RequestSpec,
        due: Option<Instant>,
    ) -> Option<Vec<AttemptResult>> {
        let subject = slot.borrow().clone();
        let _in_flight = self.recorder.in_flight(&subject.model);
        let attempts = tokio::select! {
            attempts = self.measurer.measure(&subject, question, due) => attempts,
            () = self.interrupt.stop.cancelled() => return None,
        };
        for lesson in attempts.iter().filter_map(|attempt| attempt.learned) {
            let mut subject = slot.borrow_mut();
            if !subject.learned.contains(&lesson) {
                subject.learned.push(lesson);
            }
        }
        Some(attempts)
    }

    async fn record(
        &self,
        slot: &RefCell<Target>,
        question: &RequestSpec,
        attempts: Vec<AttemptResult>,
    ) -> RequestEnd {
        let model = slot.borrow().model.clone();
        let last = attempts.last().and_then(|attempt| match &attempt.outcome {
            Outcome::Failure(failure) if attempt.learned.is_none() => Some(failure.clone()),
            _ => None,
        });
        let failed = self.recorder.record(&model, attempts).await;
        let ours = last.as_ref().is_some_and(|failure| failure.error_kind.is_ours());
        let rest = last.as_deref().filter(|_| self.waits).and_then(asked_to_wait);
        let rest = rest.map(|rest| rest.min(question.limits.total));
        if let Some(rest) = rest {
            self.tell_rest(&model, rest);
        }
        RequestEnd { failed: failed && !ours, rest }
    }

    /// Reports once that the lane waits, however many answers ask for the same.
    fn tell_rest(&self, model: &ModelRef, rest: Duration) {
        let until = Instant::now() + rest;
        let news = self.told_until.get().is_none_or(|told| until > told + Duration::from_secs(1));
        if news {
            self.told_until.set(Some(until));
            let seconds = units::seconds(rest.as_secs_f64(), true);
            self.recorder.note(&format!(
                "{model} asks for a pause: {} starts no request for {seconds} (--no-wait goes on)",
                model.provider
            ));
        }
    }
}

/// What a half says, by its last attempt.
fn ttft(attempts: &[AttemptResult], half: &PairHalf) -> HalfTtft {
    let last = attempts.last().map(|attempt| HalfTtft::of(&attempt.outcome, half.connection));
    last.unwrap_or(HalfTtft::Missing)
}

/// The time that the provider asks to wait, if it does.
fn asked_to_wait(failure: &Failure) -> Option<Duration> {
    let seconds = failure.extra.get("retry_after_seconds")?.as_f64().filter(|seconds| *seconds > 0.0)?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

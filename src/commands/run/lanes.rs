//! One lane a provider, side by side; within a lane the models take turns, so that no model has the quiet hour alone.

use super::ledger::Ledger;
use super::question::AskedOf;
use super::selection::{Selected, Settled};
use crate::commands::interrupt::Interrupt;
use crate::measure::laboratory::{Laboratory, Question, Subject};
use crate::measure::load::{Shape, Start, Tally, drive};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::task::{JoinSet, LocalSet};

/// A provider's models and what is asked of each.
struct Lane {
    laboratory: Laboratory,
    models: Vec<(RefCell<Subject>, Question)>,
    ledger: Rc<Ledger>,
    interrupt: Interrupt,
}

/// Runs all lanes to their end and says how each ended.
pub async fn run(
    laboratory: Laboratory,
    settled: Settled,
    asked: &AskedOf,
    load: &Shape,
    warmup: u64,
    ledger: &Rc<Ledger>,
    interrupt: &Interrupt,
) -> Vec<Tally> {
    let Settled { subjects, simulators, .. } = settled;
    let local = LocalSet::new();
    let mut lanes = JoinSet::new();
    for models in by_provider(subjects, asked) {
        let lane = Rc::new(Lane {
            laboratory: laboratory.clone(),
            models,
            ledger: Rc::clone(ledger),
            interrupt: interrupt.clone(),
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

fn by_provider(subjects: Vec<Selected>, asked: &AskedOf) -> Vec<Vec<(RefCell<Subject>, Question)>> {
    let mut lanes: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for Selected { subject, enabled } in subjects {
        let question = Question {
            profile: asked.profile.clone(),
            role: asked.role(enabled).to_owned(),
            limits: asked.limits,
            warm: asked.connection == crate::domain::run::Connection::Warm,
        };
        let lane = lanes.entry(subject.model.provider.clone()).or_default();
        lane.push((RefCell::new(subject), question));
    }
    lanes.into_values().collect()
}

impl Lane {
    async fn run(self: Rc<Self>, load: Shape, warmup: u64) -> Tally {
        self.warm_up(warmup).await;
        let shape = Shape { requests: load.requests.map(|each| each * self.models.len() as u64), ..load };
        let stop = self.interrupt.stop.clone();
        drive(shape, stop, move |start| Rc::clone(&self).measure(start)).await
    }

    /// Requests that are made and forgotten: caches, connections and models that sleep until asked.
    async fn warm_up(&self, requests: u64) {
        for _ in 0..requests {
            for (subject, question) in &self.models {
                let subject = subject.borrow().clone();
                tokio::select! {
                    _ = self.laboratory.measure(&subject, question, None) => {}
                    () = self.interrupt.stop.cancelled() => return,
                }
            }
        }
    }

    /// One measurement, recorded; true if it failed. Interrupted ones leave no row: nothing was finished.
    async fn measure(self: Rc<Self>, start: Start) -> bool {
        let place = (start.index % self.models.len() as u64) as usize;
        let (slot, question) = &self.models[place];
        let subject = slot.borrow().clone();
        let attempts = tokio::select! {
            attempts = self.laboratory.measure(&subject, question, start.due) => attempts,
            () = self.interrupt.stop.cancelled() => return false,
        };
        for lesson in attempts.iter().filter_map(|attempt| attempt.learned) {
            let mut subject = slot.borrow_mut();
            if !subject.learned.contains(&lesson) {
                subject.learned.push(lesson);
            }
        }
        self.ledger.record(&subject.model, attempts).await
    }
}

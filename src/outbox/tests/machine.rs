//! Tests any order of actions and crashes against a model: a map from content to state.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Action {
    Intend(u8),
    Accept(u8, bool),
    Confirm(usize),
    Postpone(usize),
    Quarantine(usize),
    Retry,
    Replay,
    Crash,
    Close,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (0..12_u8).prop_map(Action::Intend),
        6 => (0..12_u8, any::<bool>()).prop_map(|(id, other)| Action::Accept(id, other)),
        3 => (1..4_usize).prop_map(Action::Confirm),
        2 => (1..4_usize).prop_map(Action::Postpone),
        1 => (0..3_usize).prop_map(Action::Quarantine),
        1 => Just(Action::Retry),
        1 => Just(Action::Replay),
        2 => Just(Action::Crash),
        1 => Just(Action::Close),
    ]
}

/// An outcome's id, and its content as one of two variants.
type Name = (String, String);

#[derive(Default)]
struct Model {
    rows: BTreeMap<Name, OutboxRowState>,
    intents: BTreeSet<String>,
}

struct World {
    directory: TempDir,
    outbox: Outbox,
    model: Model,
}

fn content(id: u8, other: bool) -> Outcome {
    let model = if other { "other" } else { "m" };
    Outcome::Success(Box::new(fixtures::run(&format!("r{id}"), "groq", model)))
}

fn name(outcome: &Outcome) -> Name {
    match outcome {
        Outcome::Success(run) => (run.id.clone(), run.model_name.clone()),
        Outcome::Failure(failure) => (failure.id.clone(), failure.model_name.clone()),
    }
}

impl World {
    async fn act(&mut self, action: &Action) {
        match action {
            Action::Intend(id) => {
                self.outbox.intend(&intent(&format!("r{id}"))).await.unwrap();
                self.model.intents.insert(format!("r{id}"));
            }
            Action::Accept(id, other) => {
                let outcome = content(*id, *other);
                let spent = Spend::default();
                self.outbox.accept(&format!("r{id}"), std::slice::from_ref(&outcome), spent).await.unwrap();
                self.model.intents.remove(&format!("r{id}"));
                self.model.rows.entry(name(&outcome)).or_insert(OutboxRowState::Pending);
            }
            Action::Confirm(most) => {
                let (keys, names) = self.first(*most).await;
                self.outbox.confirm(&keys).await.unwrap();
                self.set(names, OutboxRowState::Delivered);
            }
            Action::Postpone(most) => {
                let (keys, _) = self.first(*most).await;
                let at = Utc::now() + TimeDelta::milliseconds(500);
                self.outbox.postpone(&keys, at, "later").await.unwrap();
            }
            Action::Quarantine(which) => {
                let (keys, names) = self.first(which + 1).await;
                if let Some(key) = keys.get(*which) {
                    self.outbox.quarantine(*key, "never").await.unwrap();
                    self.set(names.into_iter().skip(*which), OutboxRowState::Quarantined);
                }
            }
            Action::Retry => {
                self.outbox.retry(None).await.unwrap();
                self.change(OutboxRowState::Quarantined);
            }
            Action::Replay => {
                self.outbox.replay(Window::default()).await.unwrap();
                self.change(OutboxRowState::Delivered);
            }
            Action::Crash => {
                let copy = killed(self.directory.path());
                self.reopen(copy).await;
            }
            Action::Close => {
                self.outbox.close().await.unwrap();
                let copy = killed(self.directory.path());
                self.reopen(copy).await;
            }
        }
    }

    async fn reopen(&mut self, directory: TempDir) {
        let (outbox, opening) = open(directory.path()).await;
        (self.directory, self.outbox) = (directory, outbox);
        let found: BTreeSet<String> = opening.interrupted.into_iter().map(|intent| intent.id).collect();
        assert_eq!(found, self.model.intents);
        for id in std::mem::take(&mut self.model.intents) {
            let name = (format!("interrupted-{id}"), "m".to_owned());
            self.model.rows.entry(name).or_insert(OutboxRowState::Pending);
        }
    }

    /// The first rows that are due or will be.
    async fn first(&self, most: usize) -> (Vec<OutboxKey>, Vec<Name>) {
        let soon = Utc::now() + TimeDelta::minutes(1);
        let queued_rows = self.outbox.due(soon, most as u32, u64::MAX).await.unwrap();
        queued_rows.iter().map(|queued| (queued.key, name(&queued.payload.outcome().unwrap()))).unzip()
    }

    fn set(&mut self, names: impl IntoIterator<Item = Name>, state: OutboxRowState) {
        for name in names {
            self.model.rows.insert(name, state);
        }
    }

    fn change(&mut self, from: OutboxRowState) {
        for state in self.model.rows.values_mut().filter(|state| **state == from) {
            *state = OutboxRowState::Pending;
        }
    }

    /// No row is lost, duplicated or in an unexpected state, and all counts are exact.
    async fn check(&self) {
        let mut found = BTreeMap::new();
        for state in OutboxRowState::ALL {
            for item in self.outbox.list(state, 1_000).await.unwrap() {
                let twice = found.insert((item.id, item.model), state);
                assert_eq!(twice, None);
            }
        }
        assert_eq!(found, self.model.rows);
        let (_, mut due) = self.first(1_000).await;
        due.sort_unstable();
        let state = |wanted| {
            let rows = self.model.rows.iter().filter(move |(_, state)| **state == wanted);
            rows.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(due, state(OutboxRowState::Pending));
        let depth = self.outbox.depth().await.unwrap();
        let counts = [depth.pending, depth.quarantined, depth.delivered];
        assert_eq!(counts, OutboxRowState::ALL.map(|wanted| state(wanted).len() as u64));
        assert_eq!(self.outbox.open_intents().await.unwrap().len(), self.model.intents.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn accepted_rows_are_pending_quarantined_or_delivered_and_never_twice(
        actions in prop::collection::vec(action(), 1..40),
    ) {
        run_async(async {
            let (directory, outbox) = fresh().await;
            let mut world = World { directory, outbox, model: Model::default() };
            for action in &actions {
                world.act(action).await;
                world.check().await;
            }
        });
    }
}

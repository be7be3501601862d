//! Three daemons on one catalog, killed, paused and without their store again and again.

use super::oracle::{Oracle, RUNS};
use super::{asked, seed};
use crate::daemon::world::{Daemon, World, counted, slots, until};
use crate::support::Home;
use crate::support::documents::rows;
use crate::support::peers::{Mongod, fresh_name};
use chrono::{DateTime, Utc};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long faults last where nobody asked for more.
const SHORT: Duration = Duration::from_secs(8);

/// What is done to the daemons and to their store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Kill,
    Pause,
    FreezeStore,
    KillStore,
}

/// Faults come in hands of this kind, each in an order of its own, so that even a short run has all of them.
const HAND: [Fault; 7] =
    [Fault::Kill, Fault::Kill, Fault::Kill, Fault::Kill, Fault::Pause, Fault::FreezeStore, Fault::KillStore];

struct Fleet {
    world: World,
    states: Vec<PathBuf>,
    daemons: Vec<Option<Daemon>>,
    oracle: Oracle,
}

impl Fleet {
    fn new(store: String, models: &[&str]) -> Self {
        let world = World::at(
            Home::new(),
            store,
            models,
            "[daemon]\ncadence = 3\ntick = 1.0\nspread = 0.5\ndeadline = 5.0\nconcurrency = 3",
        );
        let states: Vec<PathBuf> = ["one", "two", "three"].map(|name| world.home.path().join(name)).into();
        let mut fleet = Self { world, states, daemons: vec![None, None, None], oracle: Oracle::default() };
        (0..3).for_each(|which| fleet.start(which));
        fleet
    }

    fn start(&mut self, which: usize) {
        let state = &self.states[which];
        let command = self.world.command(&["--state-dir", state.to_str().unwrap()]);
        self.daemons[which] = Some(Daemon::start(command, state.clone()));
    }

    fn kill(&mut self, which: usize) {
        self.daemons[which].take().unwrap().kill();
        self.oracle.hear(&self.states[which]);
        self.start(which);
    }

    /// Stops all. Rows that found no way to the store in time go with another start.
    fn stop(&mut self) {
        for which in 0..3 {
            until("its outbox is empty", || {
                let (code, said) = self.daemons[which].take().unwrap().stop();
                assert_eq!(code, 0, "{said}");
                said.contains(" 0 wait in the outbox") || {
                    self.start(which);
                    false
                }
            });
            self.oracle.hear(&self.states[which]);
        }
    }
}

#[test]
fn whatever_dies_each_slot_counts_once_and_nothing_accepted_is_lost() {
    let (mut mongod, database) = (Mongod::start_private(), fresh_name());
    let model = |n: usize| format!("{}:steady-ttft{}-gap1-n4", ["alpha", "beta"][n % 2], 100 + n);
    let models: Vec<String> = (0..60).map(model).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let mut fleet = Fleet::new(mongod.uri(&database), &models);
    until("all three begin", || !rows(&mongod, &database, RUNS).is_empty());
    println!("seed {}", seed());
    let mut random = SmallRng::seed_from_u64(seed());
    let mut fired: BTreeMap<Fault, u32> = BTreeMap::new();
    let (begun, lasts) = (Instant::now(), asked().unwrap_or(SHORT));
    let mut hand: Vec<Fault> = Vec::new();
    while begun.elapsed() < lasts || fired.len() < 4 {
        if hand.is_empty() {
            hand = HAND.into();
            hand.shuffle(&mut random);
        }
        sleep(Duration::from_millis(random.random_range(400..1200)));
        let (fault, which) = (hand.pop().unwrap(), random.random_range(0..3));
        let moment = Duration::from_millis(random.random_range(200..1500));
        match fault {
            Fault::Kill => fleet.kill(which),
            Fault::Pause => {
                let daemon = fleet.daemons[which].as_ref().unwrap();
                daemon.signal(Signal::STOP);
                sleep(moment);
                daemon.signal(Signal::CONT);
            }
            Fault::FreezeStore => {
                mongod.freeze();
                sleep(moment);
                mongod.thaw();
            }
            Fault::KillStore => {
                mongod.kill();
                sleep(moment);
                mongod.restart();
            }
        }
        *fired.entry(fault).or_default() += 1;
    }
    let healed_at = Utc::now();
    let fresh = || {
        let runs = rows(&mongod, &database, RUNS);
        ["alpha", "beta"].iter().all(|provider| {
            slots(&runs, provider).iter().any(|(_, slot)| slot.parse::<DateTime<Utc>>().unwrap() > healed_at)
        })
    };
    until("both providers have rows of after the faults", fresh);
    fleet.stop();
    let runs = fleet.oracle.judge(&mongod, &database);
    let (count, cut_short) = (counted(&runs).len(), fleet.oracle.interrupted.len());
    println!("{fired:?}, {} runs, {count} counted slots, {cut_short} calls cut short", runs.len());
    assert!(!fleet.oracle.interrupted.is_empty(), "no kill hit a call: {fired:?}");
}

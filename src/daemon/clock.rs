//! The daemon's time. It goes on by a clock that nobody sets, from the moment that the store's clock showed, because
//! leases and slots go by that; before a store has answered, from the moment that the machine's clock showed. It moves
//! only where the control loop lets it, so that all that is remembered can move along.

pub use super::status_file::since_boot;
use crate::domain::clock_skew::BEARABLE;
use crate::domain::daemon_status::ClockReport;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A difference as small as this is a delay on the way, and not worth moving the daemon's time.
const NOISE: TimeDelta = TimeDelta::seconds(1);

/// What the machine's clock shows.
type WallClock = Box<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What a clock showed when the machine had run for so long.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    shown: DateTime<Utc>,
    at: Duration,
}

impl Anchor {
    /// What it shows when the machine has run for `since_boot`.
    fn shows(self, since_boot: Duration) -> DateTime<Utc> {
        self.shown + signed(since_boot, self.at)
    }

    /// How far it is ahead of the other, at any moment.
    fn ahead_of(self, other: Anchor) -> TimeDelta {
        self.shown - other.shows(self.at)
    }
}

fn signed(later: Duration, earlier: Duration) -> TimeDelta {
    let delta = |duration| TimeDelta::from_std(duration).unwrap_or_default();
    delta(later) - delta(earlier)
}

#[derive(Debug)]
struct DaemonClockState {
    ours: Anchor,
    /// What the machine's clock showed at the last look.
    machine: Anchor,
    /// What the store's clock showed, and how exact that is known.
    store: Option<(Anchor, TimeDelta)>,
    /// How far the machine's clock was ahead of it then: a step since says nothing about a store that may have made it, too.
    ahead: Option<TimeDelta>,
    /// By how much the machine's clock was last set, and when that was, by our time.
    step: Option<(TimeDelta, DateTime<Utc>)>,
}

/// The clock of a daemon.
pub struct DaemonClock {
    wall: WallClock,
    state: Mutex<DaemonClockState>,
}

/// What a look at the clocks found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockShift {
    /// The daemon's time moved by so much.
    pub moved: TimeDelta,
    /// The machine's clock was set by so much, which is more than leases bear.
    pub stepped: Option<TimeDelta>,
}

impl Default for DaemonClock {
    fn default() -> Self {
        Self::new(Utc::now)
    }
}

impl DaemonClock {
    /// A clock that starts with what `wall` shows.
    pub fn new(wall: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        let machine = Anchor { shown: wall(), at: since_boot() };
        let state = DaemonClockState { ours: machine, machine, store: None, ahead: None, step: None };
        Self { wall: Box::new(wall), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, DaemonClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The daemon's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.state().ours.shows(since_boot())
    }

    /// The store's clock showed this when it was asked at `asked`, by [`since_boot`], and answered now.
    pub fn heard(&self, shown: DateTime<Utc>, asked: Duration) {
        let took = since_boot().saturating_sub(asked);
        let store = Anchor { shown, at: asked + took / 2 };
        let exactness = TimeDelta::from_std(took / 2).unwrap_or_default();
        let machine = Anchor { shown: (self.wall)(), at: asked + took };
        let mut state = self.state();
        (state.store, state.ahead) = (Some((store, exactness)), Some(machine.ahead_of(store)));
    }

    /// Compares the clocks and moves ours to the best of them. Whoever looks tells of it, and moves what is remembered.
    pub fn look(&self) -> ClockShift {
        let machine = Anchor { shown: (self.wall)(), at: since_boot() };
        let mut state = self.state();
        let set = machine.ahead_of(state.machine);
        state.machine = machine;
        let (best, exactness) = state.store.unwrap_or((machine, TimeDelta::zero()));
        let mut moved = best.ahead_of(state.ours);
        if moved.abs() <= NOISE + exactness {
            moved = TimeDelta::zero();
        }
        state.ours.shown += moved;
        let stepped = (set.abs() > BEARABLE).then_some(set);
        let now = state.ours.shows(machine.at);
        state.step = stepped.map(|by| (by, now)).or(state.step.map(|(by, at)| (by, at + moved)));
        ClockShift { moved, stepped }
    }

    /// What there is to be said of the clocks.
    pub fn daemon_status(&self) -> ClockReport {
        let state = self.state();
        let seconds = |delta: TimeDelta| delta.num_milliseconds() as f64 / 1000.0;
        ClockReport {
            ahead_of_store_seconds: state.ahead.map(seconds),
            stepped_seconds: state.step.map(|(by, _)| seconds(by)),
            stepped_at: state.step.map(|(_, at)| at),
        }
    }
}

/// A moment that somebody notes by the machine's clock, as one of ours: when it was seen to change.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObservedTime {
    theirs: Option<DateTime<Utc>>,
    ours: Option<DateTime<Utc>>,
}

impl ObservedTime {
    /// Looks at it.
    pub fn see(&mut self, theirs: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        if self.theirs != theirs {
            *self = Self { theirs, ours: theirs.map(|_| now) };
        }
    }

    /// When it was, by our time.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        self.ours
    }

    /// The daemon's time moved by so much.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        self.ours = self.ours.map(|at| at + by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A clock over a machine's clock that a test can set, seconds ahead of the right time.
    fn settable() -> (DaemonClock, Arc<AtomicI64>) {
        let ahead = Arc::new(AtomicI64::new(0));
        let shared = Arc::clone(&ahead);
        let wall = move || Utc::now() + TimeDelta::seconds(shared.load(Ordering::Relaxed));
        (DaemonClock::new(wall), ahead)
    }

    fn off(clock: &DaemonClock) -> i64 {
        (clock.now() - Utc::now()).num_seconds()
    }

    #[test]
    fn a_step_is_named_and_taken_over_where_no_store_knows_better() {
        let (clock, ahead) = settable();
        assert_eq!(clock.look(), ClockShift::default());
        ahead.store(3600, Ordering::Relaxed);
        assert_eq!(off(&clock), 0, "nothing moves before the loop looks");
        let looked = clock.look();
        assert!((looked.moved.num_seconds() - 3600).abs() <= 1, "{looked:?}");
        assert!(looked.stepped.is_some_and(|by| (by.num_seconds() - 3600).abs() <= 1), "{looked:?}");
        assert!((off(&clock) - 3600).abs() <= 1);
        assert_eq!(clock.look(), ClockShift::default(), "one step is told once");
        assert!(clock.daemon_status().stepped_at.is_some());
        ahead.store(3580, Ordering::Relaxed);
        let small = clock.look();
        assert!(small.stepped.is_none() && small.moved.num_seconds().abs() >= 19, "{small:?}");
    }

    #[test]
    fn the_stores_clock_is_kept_whatever_becomes_of_the_machines() {
        let (clock, ahead) = settable();
        clock.heard(Utc::now() + TimeDelta::hours(2), since_boot());
        assert!((clock.look().moved.num_seconds() - 7200).abs() <= 1);
        assert!((clock.daemon_status().ahead_of_store_seconds.unwrap() + 7200.0).abs() < 2.0);
        for set in [3600, -3600, 0] {
            ahead.store(set, Ordering::Relaxed);
            let looked = clock.look();
            let apart = clock.daemon_status().ahead_of_store_seconds;
            assert!(
                apart.is_some_and(|apart| (apart + 7200.0).abs() < 2.0),
                "before the store is asked: {apart:?}"
            );
            assert!(looked.stepped.is_some() && looked.moved == TimeDelta::zero(), "{looked:?}");
            assert!((off(&clock) - 7200).abs() <= 1);
        }
    }

    #[test]
    fn an_answer_that_took_long_moves_nothing_by_what_it_does_not_know() {
        let (clock, _) = settable();
        let asked = since_boot().saturating_sub(Duration::from_secs(30));
        clock.heard(Utc::now(), asked);
        assert_eq!(clock.look().moved, TimeDelta::zero());
    }

    #[test]
    fn a_noted_moment_is_ours_when_it_changes() {
        let (mut noted, now) = (ObservedTime::default(), Utc::now());
        let ahead = now + TimeDelta::hours(1);
        let mut seen = |theirs, now| {
            noted.see(theirs, now);
            noted.at()
        };
        assert_eq!(seen(None, now), None);
        assert_eq!(seen(Some(ahead), now), Some(now));
        assert_eq!(seen(Some(ahead), now + TimeDelta::hours(2)), Some(now));
        noted.clock_moved(TimeDelta::hours(-1));
        assert_eq!(noted.at(), Some(now - TimeDelta::hours(1)));
    }
}

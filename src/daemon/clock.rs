//! The daemon's time. It starts from the store's clock, because leases and slots use that clock, or from the machine's
//! clock until the store has answered, and advances with the time since boot, which nobody can set. It is adjusted only
//! when the control loop asks, so that remembered times can be moved with it.

pub use super::status_file::since_boot;
use crate::domain::clock_skew::BEARABLE;
use crate::domain::daemon_status::ClockReport;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A difference up to this is network delay and does not move the daemon's time.
const NOISE: TimeDelta = TimeDelta::seconds(1);

/// Reads the machine's clock.
type WallClock = Box<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A clock reading, and the time since boot at that moment.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    shown: DateTime<Utc>,
    at: Duration,
}

impl Anchor {
    /// The reading of this clock when the machine has run for `since_boot`.
    fn shows(self, since_boot: Duration) -> DateTime<Utc> {
        self.shown + signed(since_boot, self.at)
    }

    /// The lead of this clock over `other`, at any moment.
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
    /// The machine's clock at the last look.
    machine: Anchor,
    /// The store's clock, and the uncertainty of that reading.
    store: Option<(Anchor, TimeDelta)>,
    /// The machine's lead over the store's clock at that reading. After a step, the store's may have been set, too.
    ahead: Option<TimeDelta>,
    /// The last step of the machine's clock, and its time by the daemon's clock.
    step: Option<(TimeDelta, DateTime<Utc>)>,
}

pub struct DaemonClock {
    wall: WallClock,
    state: Mutex<DaemonClockState>,
}

/// The result of comparing the clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockShift {
    /// Change of the daemon's time.
    pub moved: TimeDelta,
    /// Step of the machine's clock, if it is larger than leases tolerate.
    pub stepped: Option<TimeDelta>,
}

impl Default for DaemonClock {
    fn default() -> Self {
        Self::new(Utc::now)
    }
}

impl DaemonClock {
    /// Creates a clock that starts at the time of `wall`.
    pub fn new(wall: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        let machine = Anchor { shown: wall(), at: since_boot() };
        let state = DaemonClockState { ours: machine, machine, store: None, ahead: None, step: None };
        Self { wall: Box::new(wall), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, DaemonClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current time by the daemon's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.state().ours.shows(since_boot())
    }

    /// Records a reading of the store's clock: requested at `asked`, by [`since_boot`], and received now.
    pub fn heard(&self, shown: DateTime<Utc>, asked: Duration) {
        let took = since_boot().saturating_sub(asked);
        let store = Anchor { shown, at: asked + took / 2 };
        let exactness = TimeDelta::from_std(took / 2).unwrap_or_default();
        let machine = Anchor { shown: (self.wall)(), at: asked + took };
        let mut state = self.state();
        (state.store, state.ahead) = (Some((store, exactness)), Some(machine.ahead_of(store)));
    }

    /// Moves the daemon's clock to the best of the clocks. The caller reports steps and moves remembered times.
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

    /// Differences and steps of the clocks, for the status report.
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

/// A time noted by the machine's clock, translated to the daemon's clock: the moment its change was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObservedTime {
    theirs: Option<DateTime<Utc>>,
    ours: Option<DateTime<Utc>>,
}

impl ObservedTime {
    /// Compares `theirs` with the last value; if it changed, `now` is its time.
    pub fn see(&mut self, theirs: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        if self.theirs != theirs {
            *self = Self { theirs, ours: theirs.map(|_| now) };
        }
    }

    /// The time by the daemon's clock.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        self.ours
    }

    /// Shifts the time after the daemon's clock moved.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        self.ours = self.ours.map(|at| at + by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A clock over a machine clock that a test can set to a number of seconds ahead of the right time.
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

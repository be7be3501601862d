//! The judge on pulses as they come, and on any other.

use super::*;
use crate::domain::pulse::samples;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

fn at(minutes: i64) -> DateTime<Utc> {
    let base: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
    base + TimeDelta::minutes(minutes)
}

const NOW: i64 = 600;

fn lane(provider: &str) -> LanePulse {
    samples::lane(provider, at(NOW))
}

fn pulse() -> Pulse {
    Pulse { lanes: vec![lane("groq"), lane("openai")], ..samples::pulse(at(NOW)) }
}

/// Cause, severity and whether it is fatal, of a pulse that was changed a little.
fn judged(change: impl FnOnce(&mut Pulse)) -> Vec<(Cause, Severity, bool)> {
    let mut changed = pulse();
    change(&mut changed);
    let troubles = changed.troubles(at(NOW));
    troubles.into_iter().map(|trouble| (trouble.cause, trouble.severity, trouble.fatal)).collect()
}

use Severity::{Degraded, Unhealthy};

#[test]
fn a_pulse_that_is_well_has_no_trouble() {
    assert_eq!(judged(|_| ()), []);
    // Nothing due for a while is no trouble either.
    let idle = |lane: &mut LanePulse| {
        (lane.state, lane.finished_at) = (LaneState::Idle, Some(at(NOW - 60)));
        lane.stored_at = lane.finished_at;
    };
    assert_eq!(judged(|pulse| pulse.lanes.iter_mut().for_each(idle)), []);
}

#[test]
fn a_pulse_grows_old() {
    let pulse = pulse();
    let told =
        |now: DateTime<Utc>| pulse.troubles(now).into_iter().map(|one| one.sentence).collect::<Vec<_>>();
    assert!(told(at(NOW) + PULSE_LIMIT).is_empty());
    assert_eq!(told(at(NOW + 9)), ["the daemon has said nothing for 9 min"]);
    assert_eq!(told(at(NOW - 120)), ["the daemon's pulse is dated 2 h in the future: a clock was set"]);
    assert!(pulse.troubles(at(NOW + 9))[0].fatal && !pulse.troubles(at(NOW - 120))[0].fatal);
}

#[test]
fn a_process_is_gone_with_its_boot_or_alone() {
    let witness =
        |boot: Option<&str>, alive| Witness { boot_id: boot.map(str::to_owned), alive, since_boot: None };
    let gone = |witness| pulse().gone(&witness).map(|trouble| trouble.sentence);
    assert_eq!(gone(witness(Some("b"), Some(true))), None);
    assert_eq!(gone(Witness::default()), None);
    assert!(gone(witness(Some("c"), Some(true))).unwrap().contains("started again"));
    let killed = "the daemon's process 7 is gone, and it left no word why: it was killed";
    assert_eq!(gone(witness(Some("b"), Some(false))).unwrap(), killed);
}

#[test]
fn a_pulse_is_as_old_as_the_machine_says_whatever_its_clock_shows() {
    let pulse = Pulse { written_since_boot_seconds: Some(1000.0), ..pulse() };
    let witness = |boot: &str, seconds| Witness {
        boot_id: Some(boot.to_owned()),
        alive: Some(true),
        since_boot: Some(std::time::Duration::from_secs(seconds)),
    };
    let told = |witness: Witness, now| -> Vec<Cause> {
        pulse.troubles_here(&witness, now).iter().map(|one| one.cause).collect()
    };
    for now in [NOW - 120, NOW, NOW + 120] {
        assert_eq!(told(witness("b", 1005), at(now)), []);
        assert_eq!(told(witness("b", 1100), at(now)), [Cause::DaemonSilent]);
    }
    assert_eq!(told(witness("c", 5), at(NOW + 120)), [Cause::DaemonGone]);
}

#[test]
fn a_daemon_that_ends_says_why_and_the_word_stays() {
    let why = "outbox /x: disk I/O error".to_owned();
    let failed = Pulse { stopping: true, failure: Some(why), ..pulse() };
    let told = |pulse: &Pulse, alive| {
        let witness = Witness { boot_id: Some("b".to_owned()), alive: Some(alive), since_boot: None };
        let troubles = pulse.troubles_here(&witness, at(NOW));
        (troubles[0].cause, troubles[0].sentence.clone())
    };
    let ends = "the daemon ends: outbox /x: disk I/O error".to_owned();
    assert_eq!(told(&failed, true), (Cause::DaemonGone, ends));
    assert!(told(&failed, false).1.ends_with("UTC: outbox /x: disk I/O error"));
    let stops = Pulse { failure: None, ..failed };
    assert_eq!(told(&stops, true).0, Cause::DaemonStopped);
    assert!(told(&stops, false).1.contains("stopped on purpose"));
}

#[test]
fn a_clock_that_is_off_or_was_set_is_named() {
    let off = |seconds| judged(|pulse| pulse.clock.ahead_of_store_seconds = Some(seconds));
    for seconds in [0.0, 60.0, -60.0] {
        assert_eq!(off(seconds), []);
    }
    for seconds in [61.0, -61.0, 1e18, f64::NEG_INFINITY] {
        assert_eq!(off(seconds), [(Cause::ClockWrong, Degraded, false)], "{seconds}");
    }
    let stepped = |minutes| {
        judged(|pulse| {
            pulse.clock.stepped_seconds = Some(-3600.0);
            pulse.clock.stepped_at = Some(at(NOW - minutes));
        })
    };
    assert_eq!(stepped(15), [(Cause::ClockWrong, Degraded, false)]);
    assert_eq!(stepped(16), []);
}

#[test]
fn a_lane_that_ends_nothing_for_two_cadences_is_unhealthy_though_nothing_seems_due() {
    let idle = |minutes, state| {
        judged(|pulse| {
            let lane = &mut pulse.lanes[0];
            (lane.state, lane.due, lane.idle_since) = (state, 0, Some(at(NOW - minutes)));
            (lane.started_at, lane.stored_at) = (Some(at(NOW - minutes - 1)), Some(at(NOW)));
        })
    };
    assert_eq!(idle(75, LaneState::Idle), []);
    assert_eq!(idle(76, LaneState::Idle), [(Cause::LaneStalled, Unhealthy, false)]);
    assert_eq!(idle(76, LaneState::Held), [], "it waits on purpose");
}

#[test]
fn a_login_that_is_refused_is_not_a_store_that_is_away() {
    let refused = |ready| {
        judged(|pulse| {
            (pulse.store.error, pulse.store.refuses) = (Some("it refuses the login".to_owned()), true);
            pulse.ready = ready;
        })
    };
    assert_eq!(refused(true), [(Cause::StoreRefuses, Degraded, false)]);
    assert_eq!(refused(false), [(Cause::StoreRefuses, Unhealthy, false)]);
    assert_eq!(Cause::StoreRefuses.heading(), "The store refuses the login");
}

#[test]
fn no_work_is_an_alarm_and_not_peace() {
    let none = [(Cause::NoWork, Unhealthy, false)];
    assert_eq!(judged(|pulse| pulse.lanes.clear()), none);
    assert_eq!(judged(|pulse| pulse.lanes.iter_mut().for_each(|lane| lane.series = 0)), none);
    let unread = [(Cause::CatalogueUnread, Unhealthy, false)];
    assert_eq!(judged(|pulse| (pulse.lanes, pulse.ready) = (Vec::new(), false)), unread);
    assert_eq!(judged(|pulse| (pulse.lanes, pulse.stopping) = (Vec::new(), true)), []);
}

#[test]
fn a_lane_that_should_work_and_ends_nothing_stands_still() {
    let due = |minutes: i64, state| {
        judged(|pulse| {
            let lane = &mut pulse.lanes[0];
            (lane.due, lane.due_at, lane.state) = (1, Some(at(NOW - minutes)), state);
            (lane.started_at, lane.finished_at) = (Some(at(NOW - 91)), Some(at(NOW - 90)));
            lane.stored_at = lane.finished_at;
        })
    };
    assert_eq!(due(14, LaneState::Producing), []);
    assert_eq!(due(16, LaneState::Producing), [(Cause::LaneStalled, Unhealthy, true)]);
    assert_eq!(due(16, LaneState::Idle), [(Cause::LaneStalled, Unhealthy, true)]);
    assert_eq!(due(1, LaneState::Stalled), [(Cause::LaneStalled, Unhealthy, false)]);
    assert_eq!(due(1, LaneState::Restarting), [(Cause::LaneRestarting, Degraded, false)]);
    assert_eq!(due(16, LaneState::Restarting), [(Cause::LaneRestarting, Unhealthy, false)]);
    assert_eq!(due(16, LaneState::Held), []);
    let woken = judged(|pulse| {
        let lane = &mut pulse.lanes[0];
        (lane.due, lane.due_at, lane.started_at) = (3, Some(at(NOW - 400)), Some(at(NOW)));
    });
    assert_eq!(woken, [], "what began just now is waited for");
}

#[test]
fn a_lane_that_waits_says_why_before_long() {
    let held = judged(|pulse| {
        let lane = &mut pulse.lanes[0];
        (lane.state, lane.reason) = (LaneState::Held, Some("the key is refused".to_owned()));
        lane.succeeded_at = Some(at(NOW - 30));
    });
    assert_eq!(held, [(Cause::LaneHeld, Degraded, false)]);
}

#[test]
fn failures_alone_are_a_trouble_and_everywhere_an_alarm() {
    let fail = |lane: &mut LanePulse| {
        (lane.state, lane.succeeded_at) = (LaneState::Failing, Some(at(NOW - 30)));
    };
    let one = (Cause::LaneFailing, Degraded, false);
    assert_eq!(judged(|pulse| fail(&mut pulse.lanes[0])), [one]);
    let all = judged(|pulse| pulse.lanes.iter_mut().for_each(fail));
    assert_eq!(all, [(Cause::NothingProduced, Unhealthy, false), one, one]);
    let never = judged(|pulse| pulse.lanes[0].succeeded_at = None);
    assert_eq!(never, [(Cause::LaneNeverRan, Unhealthy, false)]);
    let day = judged(|pulse| {
        pulse.started_at = at(NOW - 60 * 40);
        for lane in &mut pulse.lanes {
            (lane.state, lane.finished_at) = (LaneState::Idle, Some(at(NOW - 60 * 30)));
        }
    });
    assert_eq!(day, [(Cause::NothingProduced, Unhealthy, false)]);
}

#[test]
fn rows_are_stored_or_wait_or_are_missed() {
    let outbox = |change: fn(&mut OutboxPulse)| judged(|pulse| change(&mut pulse.outbox));
    assert_eq!(outbox(|outbox| outbox.full = true), [(Cause::OutboxFull, Unhealthy, false)]);
    assert_eq!(outbox(|outbox| outbox.quarantined = 1), [(Cause::Quarantine, Degraded, false)]);
    assert_eq!(outbox(|outbox| (outbox.pending, outbox.oldest_at) = (9, Some(at(NOW - 14)))), []);
    assert_eq!(outbox(|outbox| outbox.damaged = 1), [(Cause::OutboxDamaged, Degraded, false)]);
    let stuck = outbox(|outbox| (outbox.pending, outbox.oldest_at) = (9, Some(at(NOW - 16))));
    assert_eq!(stuck, [(Cause::OutboxStuck, Unhealthy, false)]);
    let unstored = |pulse: &mut Pulse| {
        pulse.store.stored_at = Some(at(NOW - 3));
        pulse.lanes.iter_mut().for_each(|lane| lane.stored_at = Some(at(NOW - 3)));
    };
    assert_eq!(judged(unstored), [(Cause::NotStored, Unhealthy, false)]);
    assert_eq!(judged(|pulse| (unstored(pulse), pulse.outbox.pending = 1).1), []);
    let refused = judged(|pulse| (unstored(pulse), pulse.outbox.quarantined = 1).1);
    assert_eq!(refused, [(Cause::Quarantine, Unhealthy, false)]);
}

#[test]
fn a_store_that_is_down_is_no_reason_to_start_afresh() {
    let down = [(Cause::StoreDown, Degraded, false)];
    assert_eq!(judged(|pulse| pulse.store.error = Some("refused".to_owned())), down);
    assert_eq!(judged(|pulse| pulse.store.answered_at = Some(at(NOW - 6))), down);
    assert_eq!(judged(|pulse| pulse.log_lines_dropped = 1), [(Cause::LogDropped, Degraded, false)]);
    assert_eq!(judged(|pulse| pulse.loop_lag_seconds = 9.0), [(Cause::Starved, Degraded, false)]);
    assert_eq!(judged(|pulse| pulse.loop_lag_seconds = f64::NAN), []);
}

#[test]
fn a_provider_that_refuses_most_models_is_named_and_no_lane_is_blamed() {
    let mut pulse = pulse();
    pulse.suspected = vec![SuspectedProvider { provider: "groq".to_owned(), refusing: 8, of: 9 }];
    let [trouble] = &pulse.troubles(at(NOW))[..] else { panic!() };
    assert_eq!((trouble.cause, trouble.severity, trouble.fatal), (Cause::ModelsRefused, Degraded, false));
    assert_eq!(trouble.subject, "groq");
    assert_eq!(trouble.sentence, "8 of 9 models are refused, so none of them is set aside");
    assert_eq!(trouble.command.as_deref(), Some("llmbench errors summary --by kind --provider groq"));
}

#[test]
fn a_name_never_becomes_a_command() {
    let mut pulse = pulse();
    pulse.lanes[0].provider = "x; rm -rf ~".to_owned();
    pulse.lanes[0].state = LaneState::Stalled;
    let troubles = pulse.troubles(at(NOW));
    assert_eq!(troubles[0].command.as_deref(), Some("llmbench errors summary --by kind"));
    assert!(troubles[0].sentence.starts_with("x; rm -rf ~: "));
}

#[test]
fn every_cause_has_a_word_and_a_heading() {
    let words: std::collections::BTreeSet<&str> = Cause::all().map(Cause::as_str).collect();
    assert_eq!(words.len(), Cause::all().count());
    for cause in Cause::all() {
        assert_eq!(serde_json::json!(cause), cause.as_str());
        assert!(!cause.heading().is_empty());
    }
}

/// Moments anywhere, the ends of what can be written included.
fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![
        4 => (-2000_i64..2000).prop_map(at),
        1 => Just(DateTime::<Utc>::MIN_UTC),
        1 => Just(DateTime::<Utc>::MAX_UTC),
    ]
}

prop_compose! {
    fn any_lane()(
        state in 0_usize..7,
        numbers in any::<[u8; 3]>(),
        moments in prop::array::uniform6(prop::option::of(moment())),
        provider in ".{0,6}",
    ) -> LanePulse {
        use LaneState::{Failing, Held, Idle, Producing, Restarting, Stalled, Starved};
        let [until, due_at, started_at, finished_at, succeeded_at, stored_at] = moments;
        LanePulse {
            provider,
            state: [Idle, Producing, Failing, Held, Stalled, Starved, Restarting][state],
            series: u64::from(numbers[0] % 3),
            due: u64::from(numbers[1] % 3),
            running: u64::from(numbers[2]),
            until, due_at, started_at, finished_at, succeeded_at, stored_at,
            ..lane("")
        }
    }
}

prop_compose! {
    fn any_pulse()(
        lanes in prop::collection::vec(any_lane(), 0..4),
        times in [moment(), moment()],
        moments in prop::array::uniform3(prop::option::of(moment())),
        flags in any::<[bool; 3]>(),
        numbers in any::<[u8; 3]>(),
        lag in any::<f64>(),
    ) -> Pulse {
        let mut any = pulse();
        [any.started_at, any.written_at] = times;
        [any.store.stored_at, any.store.answered_at, any.outbox.oldest_at] = moments;
        [any.stopping, any.outbox.full, _] = flags;
        any.store.error = flags[2].then(|| "broken".to_owned());
        (any.outbox.pending, any.outbox.quarantined) = (u64::from(numbers[0] % 2), u64::from(numbers[1] % 2));
        any.log_lines_dropped = u64::from(numbers[2] % 2);
        (any.loop_lag_seconds, any.lanes) = (lag, lanes);
        any
    }
}

/// How bad each cause is about each subject.
fn found(troubles: &[Trouble]) -> Vec<(Cause, String, Severity)> {
    troubles.iter().map(|one| (one.cause, one.subject.clone(), one.severity)).collect()
}

proptest! {
    #[test]
    fn the_judge_never_panics_and_is_pure(pulse in any_pulse(), now in moment()) {
        let troubles = pulse.troubles(now);
        prop_assert_eq!(&troubles, &pulse.clone().troubles(now));
        prop_assert!(troubles.is_sorted_by_key(|one| std::cmp::Reverse(one.severity)));
        // Only what a fresh start can mend is fatal, and all of that is unhealthy.
        for one in troubles.iter().filter(|one| one.fatal) {
            prop_assert!(one.severity == Unhealthy);
            prop_assert!(matches!(one.cause, Cause::DaemonSilent | Cause::LaneStalled), "{one:?}");
        }
    }

    #[test]
    fn silence_mends_nothing(pulse in any_pulse(), early in 0_i64..4000, later in 0_i64..4000) {
        prop_assume!(pulse.written_at < DateTime::<Utc>::MAX_UTC - TimeDelta::days(9));
        let first = pulse.written_at + TimeDelta::seconds(early);
        let before = found(&pulse.troubles(first));
        let after = found(&pulse.troubles(first + TimeDelta::seconds(later)));
        for one in before {
            prop_assert!(after.contains(&one), "{one:?} is gone: {after:?}");
        }
    }

    #[test]
    fn a_lane_that_waits_longer_is_not_better(lane in any_lane(), minutes in 0_i64..500) {
        let mut early = pulse();
        early.lanes = vec![lane];
        let mut late = early.clone();
        late.written_at = early.written_at + TimeDelta::minutes(minutes);
        late.store.answered_at = Some(late.written_at);
        let worst = |pulse: &Pulse| found(&pulse.troubles(pulse.written_at)).into_iter().map(|one| one.2).max();
        prop_assert!(worst(&late) >= worst(&early), "{:?} {:?}", found(&early.troubles(at(NOW))), found(&late.troubles(late.written_at)));
    }

    #[test]
    fn another_lane_mends_no_lane(pulse in any_pulse(), more in any_lane()) {
        prop_assume!(pulse.lanes.iter().all(|lane| lane.provider != more.provider));
        let mut with = pulse.clone();
        with.lanes.push(more);
        let of_lanes = |pulse: &Pulse| -> Vec<_> {
            let lanes: Vec<&str> = pulse.lanes.iter().map(|lane| lane.provider.as_str()).collect();
            found(&pulse.troubles(pulse.written_at)).into_iter().filter(|one| lanes.contains(&one.1.as_str())).collect()
        };
        let after = of_lanes(&with);
        for one in of_lanes(&pulse) {
            prop_assert!(after.contains(&one) , "{one:?}");
        }
    }
}

//! Tests of the judge on typical and on arbitrary status reports.

use super::*;
use crate::domain::daemon_status::fixtures;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

fn at(minutes: i64) -> DateTime<Utc> {
    let base: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
    base + TimeDelta::minutes(minutes)
}

const NOW: i64 = 600;

fn lane(provider: &str) -> LaneReport {
    fixtures::lane(provider, at(NOW))
}

fn daemon_status() -> DaemonStatus {
    DaemonStatus { lanes: vec![lane("groq"), lane("openai")], ..fixtures::daemon_status(at(NOW)) }
}

/// Cause, severity and fatality of the problems in a slightly changed status report.
fn judged(change: impl FnOnce(&mut DaemonStatus)) -> Vec<(ProblemKind, ProblemSeverity, bool)> {
    let mut changed = daemon_status();
    change(&mut changed);
    let problems = changed.problems(at(NOW));
    problems.into_iter().map(|problem| (problem.cause, problem.severity, problem.fatal)).collect()
}

use ProblemSeverity::{Degraded, Unhealthy};

#[test]
fn a_status_that_is_well_has_no_problem() {
    assert_eq!(judged(|_| ()), []);
    // A while in which nothing is due is no problem either.
    let idle = |lane: &mut LaneReport| {
        (lane.state, lane.finished_at) = (LaneActivity::Idle, Some(at(NOW - 60)));
        lane.stored_at = lane.finished_at;
    };
    assert_eq!(judged(|daemon_status| daemon_status.lanes.iter_mut().for_each(idle)), []);
}

#[test]
fn a_pulse_grows_old() {
    let daemon_status = daemon_status();
    let told = |now: DateTime<Utc>| {
        daemon_status.problems(now).into_iter().map(|one| one.sentence).collect::<Vec<_>>()
    };
    assert!(told(at(NOW) + STATUS_LIMIT).is_empty());
    assert_eq!(told(at(NOW + 9)), ["the daemon has said nothing for 9 min"]);
    assert_eq!(told(at(NOW - 120)), ["the daemon's pulse is dated 2 h in the future: a clock was set"]);
    assert!(daemon_status.problems(at(NOW + 9))[0].fatal && !daemon_status.problems(at(NOW - 120))[0].fatal);
}

#[test]
fn a_process_is_gone_with_its_boot_or_alone() {
    let process_evidence = |boot: Option<&str>, alive| ProcessEvidence {
        boot_id: boot.map(str::to_owned),
        alive,
        since_boot: None,
    };
    let gone = |process_evidence| daemon_status().gone(&process_evidence).map(|problem| problem.sentence);
    assert_eq!(gone(process_evidence(Some("b"), Some(true))), None);
    assert_eq!(gone(ProcessEvidence::default()), None);
    assert!(gone(process_evidence(Some("c"), Some(true))).unwrap().contains("started again"));
    let killed = "the daemon's process 7 is gone, and it left no word why: it was killed";
    assert_eq!(gone(process_evidence(Some("b"), Some(false))).unwrap(), killed);
}

#[test]
fn a_pulse_is_as_old_as_the_machine_says_whatever_its_clock_shows() {
    let daemon_status = DaemonStatus { written_since_boot_seconds: Some(1000.0), ..daemon_status() };
    let process_evidence = |boot: &str, seconds| ProcessEvidence {
        boot_id: Some(boot.to_owned()),
        alive: Some(true),
        since_boot: Some(std::time::Duration::from_secs(seconds)),
    };
    let told = |process_evidence: ProcessEvidence, now| -> Vec<ProblemKind> {
        daemon_status.local_problems(&process_evidence, now).iter().map(|one| one.cause).collect()
    };
    for now in [NOW - 120, NOW, NOW + 120] {
        assert_eq!(told(process_evidence("b", 1005), at(now)), []);
        assert_eq!(told(process_evidence("b", 1100), at(now)), [ProblemKind::DaemonSilent]);
    }
    assert_eq!(told(process_evidence("c", 5), at(NOW + 120)), [ProblemKind::DaemonGone]);
}

#[test]
fn a_daemon_that_ends_says_why_and_the_word_stays() {
    let why = "outbox /x: disk I/O error".to_owned();
    let failed = DaemonStatus { stopping: true, failure: Some(why), ..daemon_status() };
    let told = |daemon_status: &DaemonStatus, alive| {
        let process_evidence =
            ProcessEvidence { boot_id: Some("b".to_owned()), alive: Some(alive), since_boot: None };
        let problems = daemon_status.local_problems(&process_evidence, at(NOW));
        (problems[0].cause, problems[0].sentence.clone())
    };
    let ends = "the daemon ends: outbox /x: disk I/O error".to_owned();
    assert_eq!(told(&failed, true), (ProblemKind::DaemonGone, ends));
    assert!(told(&failed, false).1.ends_with("UTC: outbox /x: disk I/O error"));
    let stops = DaemonStatus { failure: None, ..failed };
    assert_eq!(told(&stops, true).0, ProblemKind::DaemonStopped);
    assert!(told(&stops, false).1.contains("stopped on purpose"));
}

#[test]
fn a_clock_that_is_off_or_was_set_is_named() {
    let off = |seconds| judged(|daemon_status| daemon_status.clock.ahead_of_store_seconds = Some(seconds));
    for seconds in [0.0, 60.0, -60.0] {
        assert_eq!(off(seconds), []);
    }
    for seconds in [61.0, -61.0, 1e18, f64::NEG_INFINITY] {
        assert_eq!(off(seconds), [(ProblemKind::ClockWrong, Degraded, false)], "{seconds}");
    }
    let stepped = |minutes| {
        judged(|daemon_status| {
            daemon_status.clock.stepped_seconds = Some(-3600.0);
            daemon_status.clock.stepped_at = Some(at(NOW - minutes));
        })
    };
    assert_eq!(stepped(15), [(ProblemKind::ClockWrong, Degraded, false)]);
    assert_eq!(stepped(16), []);
}

#[test]
fn a_lane_that_ends_nothing_for_two_cadences_is_unhealthy_though_nothing_seems_due() {
    let idle = |minutes, state| {
        judged(|daemon_status| {
            let lane = &mut daemon_status.lanes[0];
            (lane.state, lane.due, lane.idle_since) = (state, 0, Some(at(NOW - minutes)));
            (lane.started_at, lane.stored_at) = (Some(at(NOW - minutes - 1)), Some(at(NOW)));
        })
    };
    assert_eq!(idle(75, LaneActivity::Idle), []);
    assert_eq!(idle(76, LaneActivity::Idle), [(ProblemKind::LaneStalled, Unhealthy, false)]);
    assert_eq!(idle(76, LaneActivity::Held), [], "it waits on purpose");
}

#[test]
fn a_login_that_is_refused_is_not_a_store_that_is_away() {
    let refused = |ready| {
        judged(|daemon_status| {
            (daemon_status.store.error, daemon_status.store.refuses) =
                (Some("it refuses the login".to_owned()), true);
            daemon_status.ready = ready;
        })
    };
    assert_eq!(refused(true), [(ProblemKind::StoreRefuses, Degraded, false)]);
    assert_eq!(refused(false), [(ProblemKind::StoreRefuses, Unhealthy, false)]);
    assert_eq!(ProblemKind::StoreRefuses.heading(), "The store refuses the login");
}

#[test]
fn no_work_is_an_alarm_and_not_peace() {
    let none = [(ProblemKind::NoWork, Unhealthy, false)];
    assert_eq!(judged(|daemon_status| daemon_status.lanes.clear()), none);
    assert_eq!(judged(|daemon_status| daemon_status.lanes.iter_mut().for_each(|lane| lane.series = 0)), none);
    let unread = [(ProblemKind::CatalogueUnread, Unhealthy, false)];
    assert_eq!(
        judged(|daemon_status| (daemon_status.lanes, daemon_status.ready) = (Vec::new(), false)),
        unread
    );
    assert_eq!(
        judged(|daemon_status| (daemon_status.lanes, daemon_status.stopping) = (Vec::new(), true)),
        []
    );
}

#[test]
fn a_lane_that_should_work_and_ends_nothing_stands_still() {
    let due = |minutes: i64, state| {
        judged(|daemon_status| {
            let lane = &mut daemon_status.lanes[0];
            (lane.due, lane.due_at, lane.state) = (1, Some(at(NOW - minutes)), state);
            (lane.started_at, lane.finished_at) = (Some(at(NOW - 91)), Some(at(NOW - 90)));
            lane.stored_at = lane.finished_at;
        })
    };
    assert_eq!(due(14, LaneActivity::Producing), []);
    assert_eq!(due(16, LaneActivity::Producing), [(ProblemKind::LaneStalled, Unhealthy, true)]);
    assert_eq!(due(16, LaneActivity::Idle), [(ProblemKind::LaneStalled, Unhealthy, true)]);
    assert_eq!(due(1, LaneActivity::Stalled), [(ProblemKind::LaneStalled, Unhealthy, false)]);
    assert_eq!(due(1, LaneActivity::Restarting), [(ProblemKind::LaneRestarting, Degraded, false)]);
    assert_eq!(due(16, LaneActivity::Restarting), [(ProblemKind::LaneRestarting, Unhealthy, false)]);
    assert_eq!(due(16, LaneActivity::Held), []);
    let woken = judged(|daemon_status| {
        let lane = &mut daemon_status.lanes[0];
        (lane.due, lane.due_at, lane.started_at) = (3, Some(at(NOW - 400)), Some(at(NOW)));
    });
    assert_eq!(woken, [], "what began just now is waited for");
}

#[test]
fn a_lane_that_waits_says_why_before_long() {
    let held = judged(|daemon_status| {
        let lane = &mut daemon_status.lanes[0];
        (lane.state, lane.reason) = (LaneActivity::Held, Some("the key is refused".to_owned()));
        lane.succeeded_at = Some(at(NOW - 30));
    });
    assert_eq!(held, [(ProblemKind::LaneHeld, Degraded, false)]);
}

#[test]
fn failures_alone_are_a_trouble_and_everywhere_an_alarm() {
    let fail = |lane: &mut LaneReport| {
        (lane.state, lane.succeeded_at) = (LaneActivity::Failing, Some(at(NOW - 30)));
    };
    let one = (ProblemKind::LaneFailing, Degraded, false);
    assert_eq!(judged(|daemon_status| fail(&mut daemon_status.lanes[0])), [one]);
    let all = judged(|daemon_status| daemon_status.lanes.iter_mut().for_each(fail));
    assert_eq!(all, [(ProblemKind::NothingProduced, Unhealthy, false), one, one]);
    let never = judged(|daemon_status| daemon_status.lanes[0].succeeded_at = None);
    assert_eq!(never, [(ProblemKind::LaneNeverRan, Unhealthy, false)]);
    let day = judged(|daemon_status| {
        daemon_status.started_at = at(NOW - 60 * 40);
        for lane in &mut daemon_status.lanes {
            (lane.state, lane.finished_at) = (LaneActivity::Idle, Some(at(NOW - 60 * 30)));
        }
    });
    assert_eq!(day, [(ProblemKind::NothingProduced, Unhealthy, false)]);
}

#[test]
fn rows_are_stored_or_wait_or_are_missed() {
    let outbox = |change: fn(&mut OutboxReport)| judged(|daemon_status| change(&mut daemon_status.outbox));
    assert_eq!(outbox(|outbox| outbox.full = true), [(ProblemKind::OutboxFull, Unhealthy, false)]);
    assert_eq!(outbox(|outbox| outbox.quarantined = 1), [(ProblemKind::Quarantine, Degraded, false)]);
    assert_eq!(outbox(|outbox| (outbox.pending, outbox.oldest_at) = (9, Some(at(NOW - 14)))), []);
    assert_eq!(outbox(|outbox| outbox.damaged = 1), [(ProblemKind::OutboxDamaged, Degraded, false)]);
    let stuck = outbox(|outbox| (outbox.pending, outbox.oldest_at) = (9, Some(at(NOW - 16))));
    assert_eq!(stuck, [(ProblemKind::OutboxStuck, Unhealthy, false)]);
    let unstored = |daemon_status: &mut DaemonStatus| {
        daemon_status.store.stored_at = Some(at(NOW - 3));
        daemon_status.lanes.iter_mut().for_each(|lane| lane.stored_at = Some(at(NOW - 3)));
    };
    assert_eq!(judged(unstored), [(ProblemKind::NotStored, Unhealthy, false)]);
    assert_eq!(judged(|daemon_status| (unstored(daemon_status), daemon_status.outbox.pending = 1).1), []);
    let refused = judged(|daemon_status| (unstored(daemon_status), daemon_status.outbox.quarantined = 1).1);
    assert_eq!(refused, [(ProblemKind::Quarantine, Unhealthy, false)]);
}

#[test]
fn a_store_that_is_down_is_no_reason_to_start_afresh() {
    let down = [(ProblemKind::StoreDown, Degraded, false)];
    assert_eq!(judged(|daemon_status| daemon_status.store.error = Some("refused".to_owned())), down);
    assert_eq!(judged(|daemon_status| daemon_status.store.answered_at = Some(at(NOW - 6))), down);
    assert_eq!(
        judged(|daemon_status| daemon_status.log_lines_dropped = 1),
        [(ProblemKind::LogDropped, Degraded, false)]
    );
    assert_eq!(
        judged(|daemon_status| daemon_status.loop_lag_seconds = 9.0),
        [(ProblemKind::Starved, Degraded, false)]
    );
    assert_eq!(judged(|daemon_status| daemon_status.loop_lag_seconds = f64::NAN), []);
}

#[test]
fn a_provider_that_refuses_most_models_is_named_and_no_lane_is_blamed() {
    let mut daemon_status = daemon_status();
    daemon_status.suspected = vec![SuspectedProvider { provider: "groq".to_owned(), refusing: 8, of: 9 }];
    let [problem] = &daemon_status.problems(at(NOW))[..] else { panic!() };
    assert_eq!(
        (problem.cause, problem.severity, problem.fatal),
        (ProblemKind::ModelsRefused, Degraded, false)
    );
    assert_eq!(problem.subject, "groq");
    assert_eq!(problem.sentence, "8 of 9 models are refused, so none of them is set aside");
    assert_eq!(problem.command.as_deref(), Some("llmbench errors summary --by kind --provider groq"));
}

#[test]
fn a_name_never_becomes_a_command() {
    let mut daemon_status = daemon_status();
    daemon_status.lanes[0].provider = "x; rm -rf ~".to_owned();
    daemon_status.lanes[0].state = LaneActivity::Stalled;
    let problems = daemon_status.problems(at(NOW));
    assert_eq!(problems[0].command.as_deref(), Some("llmbench errors summary --by kind"));
    assert!(problems[0].sentence.starts_with("x; rm -rf ~: "));
}

#[test]
fn every_cause_has_a_word_and_a_heading() {
    let words: std::collections::BTreeSet<&str> = ProblemKind::all().map(ProblemKind::as_str).collect();
    assert_eq!(words.len(), ProblemKind::all().count());
    for cause in ProblemKind::all() {
        assert_eq!(serde_json::json!(cause), cause.as_str());
        assert!(!cause.heading().is_empty());
    }
}

/// Arbitrary moments, including the extremes that can be written.
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
    ) -> LaneReport {
        use LaneActivity::{Failing, Held, Idle, Producing, Restarting, Stalled, Starved};
        let [until, due_at, started_at, finished_at, succeeded_at, stored_at] = moments;
        LaneReport {
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
    fn any_status()(
        lanes in prop::collection::vec(any_lane(), 0..4),
        times in [moment(), moment()],
        moments in prop::array::uniform3(prop::option::of(moment())),
        flags in any::<[bool; 3]>(),
        numbers in any::<[u8; 3]>(),
        lag in any::<f64>(),
    ) -> DaemonStatus {
        let mut any = daemon_status();
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

/// The severity of each cause about each subject.
fn found(problems: &[DaemonProblem]) -> Vec<(ProblemKind, String, ProblemSeverity)> {
    problems.iter().map(|one| (one.cause, one.subject.clone(), one.severity)).collect()
}

proptest! {
    #[test]
    fn the_judge_never_panics_and_is_pure(daemon_status in any_status(), now in moment()) {
        let problems = daemon_status.problems(now);
        prop_assert_eq!(&problems, &daemon_status.clone().problems(now));
        prop_assert!(problems.is_sorted_by_key(|one| std::cmp::Reverse(one.severity)));
        // Only a problem that a restart can solve is fatal, and every fatal one is unhealthy.
        for one in problems.iter().filter(|one| one.fatal) {
            prop_assert!(one.severity == Unhealthy);
            prop_assert!(matches!(one.cause, ProblemKind::DaemonSilent | ProblemKind::LaneStalled), "{one:?}");
        }
    }

    #[test]
    fn silence_mends_nothing(daemon_status in any_status(), early in 0_i64..4000, later in 0_i64..4000) {
        prop_assume!(daemon_status.written_at < DateTime::<Utc>::MAX_UTC - TimeDelta::days(9));
        let first = daemon_status.written_at + TimeDelta::seconds(early);
        let before = found(&daemon_status.problems(first));
        let after = found(&daemon_status.problems(first + TimeDelta::seconds(later)));
        for one in before {
            prop_assert!(after.contains(&one), "{one:?} is gone: {after:?}");
        }
    }

    #[test]
    fn a_lane_that_waits_longer_is_not_better(lane in any_lane(), minutes in 0_i64..500) {
        let mut early = daemon_status();
        early.lanes = vec![lane];
        let mut late = early.clone();
        late.written_at = early.written_at + TimeDelta::minutes(minutes);
        late.store.answered_at = Some(late.written_at);
        let worst = |daemon_status: &DaemonStatus| found(&daemon_status.problems(daemon_status.written_at)).into_iter().map(|one| one.2).max();
        prop_assert!(worst(&late) >= worst(&early), "{:?} {:?}", found(&early.problems(at(NOW))), found(&late.problems(late.written_at)));
    }

    #[test]
    fn another_lane_mends_no_lane(daemon_status in any_status(), more in any_lane()) {
        prop_assume!(daemon_status.lanes.iter().all(|lane| lane.provider != more.provider));
        let mut with = daemon_status.clone();
        with.lanes.push(more);
        let of_lanes = |daemon_status: &DaemonStatus| -> Vec<_> {
            let lanes: Vec<&str> = daemon_status.lanes.iter().map(|lane| lane.provider.as_str()).collect();
            found(&daemon_status.problems(daemon_status.written_at)).into_iter().filter(|one| lanes.contains(&one.1.as_str())).collect()
        };
        let after = of_lanes(&with);
        for one in of_lanes(&daemon_status) {
            prop_assert!(after.contains(&one) , "{one:?}");
        }
    }
}

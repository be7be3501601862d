//! All that is measured, as the store knows it: provider by provider, with what every part of every daemon said last. It
//! needs no daemon and takes any program's rows. What is wrong with it is judged here, by the same words as a pulse.

use crate::domain::pulse::trouble::worst_first;
use crate::domain::pulse::{Cause, LanePulse, PULSE_LIMIT, Pulse, Severity, Trouble};
use crate::domain::runner::{self, RunnerState};
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

/// How long all parts of all daemons may say nothing. The predecessor's parts speak at least every minute.
pub const BEAT_LIMIT: TimeDelta = TimeDelta::minutes(5);

/// A store that was silent for so long, and whose models are fresh all the same, is fed by something else than a daemon.
const DEPARTED: TimeDelta = TimeDelta::days(1);

/// How many failed checks are told one by one.
const MOST_CHECKS: usize = 5;

/// What a store knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    /// Sorted by name.
    pub providers: Vec<ProviderState>,
    /// Remote runners, sorted by name.
    pub runners: Vec<RunnerState>,
    /// Sorted by component.
    pub beats: Vec<Beat>,
    /// The newest row of self-checks, as it is stored.
    pub check: Option<Map<String, Value>>,
}

/// One provider's models, and their last day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderState {
    /// Its name, as the catalogue spells it.
    pub provider: String,
    /// Models that are measured; the next four counts are parts of these.
    pub enabled: u64,
    /// Measured in time.
    pub fresh: u64,
    /// Not measured for more than 1.5 times their cadence.
    pub stale: u64,
    /// Not for more than 3 times.
    pub critical: u64,
    /// Never.
    pub never_run: u64,
    /// Of those: measured, with samples too doubtful to be published.
    pub only_suspect: u64,
    /// Models under admission.
    pub probing: u64,
    /// All other models that are not measured.
    pub disabled: u64,
    /// The newest success of any of its models.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Published runs of its models in the window.
    pub successes: u64,
    /// Failures of published attempts in the window.
    pub failures: u64,
}

impl ProviderState {
    /// Failures among all attempts; `None` where nothing was attempted.
    pub fn error_rate(&self) -> Option<f64> {
        let all = self.successes + self.failures;
        (all > 0).then(|| self.failures as f64 / all as f64)
    }
}

/// What a part of some daemon said last.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// Which part: `daemon:…`, `worker:…`, `runner:…`, and whatever else writes there.
    pub component: String,
    /// When, where the row holds a moment.
    pub updated_at: Option<DateTime<Utc>>,
    /// What it said, as it is stored.
    pub details: Value,
}

impl Beat {
    /// A daemon's pulse, if it is one of ours. Lanes are rows of their own, so it may lack them.
    pub fn pulse(&self) -> Option<Pulse> {
        let mut details = self.details.as_object().filter(|_| self.component.starts_with("daemon:"))?.clone();
        details.entry("lanes").or_insert_with(|| Value::Array(Vec::new()));
        serde_json::from_value(Value::Object(details)).ok()
    }

    /// A lane, if it is one of ours.
    pub fn lane(&self) -> Option<LanePulse> {
        let ours = self.component.starts_with("worker:");
        ours.then(|| serde_json::from_value(self.details.clone()).ok()).flatten()
    }

    /// Whether it was said lately.
    pub fn is_recent(&self, now: DateTime<Utc>) -> bool {
        self.updated_at.is_some_and(|at| now - at <= BEAT_LIMIT)
    }
}

impl Fleet {
    /// What is wrong, the worst first; empty where all is well. A daemon whose newer pulse somebody has at hand is left to
    /// whoever has it.
    pub fn troubles(&self, now: DateTime<Utc>, at_hand: Option<&Pulse>) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = self.runners.iter().filter_map(|one| one.trouble(now)).collect();
        troubles.extend(self.no_work().into_iter().chain(self.silent(now)));
        troubles.extend(self.providers.iter().filter_map(not_fresh));
        let pulses = self.pulses(now);
        let others = pulses.iter().filter(|pulse| at_hand.is_none_or(|known| known.owner != pulse.owner));
        for pulse in others {
            let is_replaced = pulses.iter().chain(at_hand).any(|other| is_replaced(pulse, other, now));
            let stands = |trouble: &Trouble| !is_replaced || trouble.cause != Cause::DaemonSilent;
            troubles.extend(pulse.troubles(now).into_iter().filter(stands));
        }
        troubles.extend(self.failed_checks(now));
        worst_first(&mut troubles);
        troubles
    }

    /// The daemons that speak, each with the lanes of its vantage.
    fn pulses(&self, now: DateTime<Utc>) -> Vec<Pulse> {
        let recent = || self.beats.iter().filter(|beat| beat.is_recent(now));
        let lanes_of = |pulse: &Pulse| -> Vec<LanePulse> {
            let vantage = format!(":{}", pulse.vantage);
            recent().filter(|beat| beat.component.ends_with(&vantage)).filter_map(Beat::lane).collect()
        };
        let with_lanes = |mut pulse: Pulse| {
            if pulse.lanes.is_empty() {
                pulse.lanes = lanes_of(&pulse);
            }
            pulse
        };
        recent().filter_map(Beat::pulse).map(with_lanes).collect()
    }

    /// The lanes that spoke lately.
    pub fn lanes(&self, now: DateTime<Utc>) -> Vec<LanePulse> {
        self.beats.iter().filter(|beat| beat.is_recent(now)).filter_map(Beat::lane).collect()
    }

    fn no_work(&self) -> Option<Trouble> {
        let none = self.providers.iter().all(|state| state.enabled == 0);
        let trouble = || {
            let sentence = "no model is enabled: nothing is measured";
            let trouble = Trouble::new(Cause::NoWork, Severity::Unhealthy, "store", sentence);
            trouble.command("llmbench models list --all")
        };
        none.then(trouble)
    }

    /// Parts that fell silent are an alarm together: one that is gone leaves its row behind for ever. Remote runners are no
    /// parts of a daemon, and are judged one by one.
    fn silent(&self, now: DateTime<Utc>) -> Option<Trouble> {
        let parts = self.beats.iter().filter(|beat| !beat.component.starts_with(runner::COMPONENT));
        let newest = parts.filter_map(|beat| beat.updated_at).max()?;
        let silence = now - newest;
        let fresh = self.providers.iter().any(|state| state.fresh > 0);
        let severity = if fresh && silence > DEPARTED { Severity::Degraded } else { Severity::Unhealthy };
        let trouble = || {
            let sentence = format!("no part of any daemon has said anything for {}", span(silence));
            Trouble::new(Cause::DaemonSilent, severity, "daemon", sentence).command("llmbench daemon")
        };
        (silence > BEAT_LIMIT).then(trouble)
    }

    /// Checks of the last day that failed or could not be made. Rows of other programs may hold anything.
    fn failed_checks(&self, now: DateTime<Utc>) -> Vec<Trouble> {
        let Some(check) = &self.check else { return Vec::new() };
        let at = check.get("checked_at").and_then(Value::as_str);
        let at = at.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        if at.is_none_or(|at| now - at.to_utc() > DEPARTED) {
            return Vec::new();
        }
        let results = check.get("results").and_then(Value::as_array).into_iter().flatten();
        let is = |result: &Value, field: &str| result.get(field) == Some(&Value::Bool(true));
        let bad =
            results.filter(|result| result.is_object() && !(is(result, "ok") && is(result, "evaluated")));
        bad.take(MOST_CHECKS)
            .map(|result| {
                let name = result.get("name").and_then(Value::as_str).unwrap_or("without a name");
                let count = result.get("violation_count").and_then(Value::as_u64).unwrap_or(0);
                let sentence = match is(result, "evaluated") {
                    true => format!("the self-check {name} failed: {count} violate it"),
                    false => format!("the self-check {name} could not look"),
                };
                let trouble = Trouble::new(Cause::CheckFailed, Severity::Degraded, "store", sentence);
                trouble.command("llmbench status --json")
            })
            .collect()
    }
}

/// Whether a daemon that fell silent has a successor: one that began after its last word, at the same vantage. A container
/// that was replaced left its words behind: that it says nothing more is in order, what it said of its outbox stands.
fn is_replaced(pulse: &Pulse, by: &Pulse, now: DateTime<Utc>) -> bool {
    now - pulse.written_at > PULSE_LIMIT && by.vantage == pulse.vantage && by.started_at > pulse.written_at
}

/// A provider of whose models none is measured in time is an alarm; one where some are not, a trouble.
fn not_fresh(state: &ProviderState) -> Option<Trouble> {
    let late = state.stale + state.critical + state.never_run;
    if state.enabled == 0 || late == 0 {
        return None;
    }
    let name = &state.provider;
    let gone = state.critical + state.never_run >= state.enabled;
    let severity = if gone { Severity::Unhealthy } else { Severity::Degraded };
    let parts = [
        (state.stale, "stale"),
        (state.critical, "critical"),
        (state.never_run.saturating_sub(state.only_suspect), "never run"),
        (state.only_suspect, "only suspect"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let sentence = if gone {
        format!("{name}: none of {} enabled models is measured in time ({parts})", state.enabled)
    } else {
        format!("{name}: {late} of {} enabled models are not measured in time ({parts})", state.enabled)
    };
    let trouble = Trouble::new(Cause::NotFresh, severity, name, sentence);
    Some(trouble.command_about("llmbench models list --stale", name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pulse::{LaneState, samples};
    use proptest::prelude::*;
    use serde_json::json;

    fn now() -> DateTime<Utc> {
        "2026-11-01T12:00:00Z".parse().unwrap()
    }

    fn state(provider: &str, counts: [u64; 4]) -> ProviderState {
        let [fresh, stale, critical, never_run] = counts;
        let enabled = counts.iter().sum();
        ProviderState {
            provider: provider.to_owned(),
            enabled,
            fresh,
            stale,
            critical,
            never_run,
            ..Default::default()
        }
    }

    fn beat(component: &str, minutes: i64, details: Value) -> Beat {
        let updated_at = Some(now() - TimeDelta::minutes(minutes));
        Beat { component: component.to_owned(), updated_at, details }
    }

    fn told(fleet: &Fleet) -> Vec<(Severity, String)> {
        fleet.troubles(now(), None).into_iter().map(|one| (one.severity, one.sentence)).collect()
    }

    use Severity::{Degraded, Unhealthy};

    #[test]
    fn an_empty_store_is_an_alarm() {
        let nothing = [(Unhealthy, "no model is enabled: nothing is measured".to_owned())];
        assert_eq!(told(&Fleet::default()), nothing);
    }

    #[test]
    fn a_database_that_never_hears_of_success_is_an_alarm() {
        let providers =
            vec![state("groq", [3, 0, 0, 0]), state("openai", [0, 0, 1, 2]), state("x", [5, 1, 0, 0])];
        let fleet = Fleet { providers, ..Fleet::default() };
        assert_eq!(
            told(&fleet),
            [
                (
                    Unhealthy,
                    "openai: none of 3 enabled models is measured in time (1 critical, 2 never run)"
                        .to_owned()
                ),
                (Degraded, "x: 1 of 6 enabled models are not measured in time (1 stale)".to_owned()),
            ]
        );
    }

    #[test]
    fn silence_is_an_alarm_until_nobody_expects_a_word() {
        let fleet = |minutes, counts| Fleet {
            providers: vec![state("groq", counts)],
            beats: vec![
                beat("reaper", minutes, json!({})),
                beat("planner", 99_999, json!(7)),
                beat("runner:aws-1", 0, json!({})),
            ],
            ..Fleet::default()
        };
        assert!(told(&fleet(4, [1, 0, 0, 0])).is_empty());
        assert_eq!(told(&fleet(6, [1, 0, 0, 0]))[0].0, Unhealthy);
        assert_eq!(told(&fleet(1441, [1, 0, 0, 0]))[0].0, Degraded);
        assert_eq!(told(&fleet(1441, [0, 1, 0, 0]))[0].0, Unhealthy);
        let dateless = Beat { updated_at: None, ..beat("x", 0, Value::Null) };
        let fleet = Fleet { beats: vec![dateless], ..fleet(4, [1, 0, 0, 0]) };
        assert!(told(&fleet).is_empty());
    }

    #[test]
    fn a_pulse_in_the_store_is_judged_with_its_lanes() {
        let lane = LanePulse {
            state: LaneState::Stalled,
            due: 1,
            due_at: Some(now()),
            ..samples::lane("groq", now())
        };
        let mut pulse = samples::pulse(now());
        pulse.outbox.full = true;
        let fleet = Fleet {
            providers: vec![state("groq", [1, 0, 0, 0])],
            beats: vec![beat("daemon:main:o", 0, json!(pulse)), beat("worker:groq:main", 0, json!(lane))],
            ..Fleet::default()
        };
        let causes: Vec<Cause> = fleet.troubles(now(), None).iter().map(|one| one.cause).collect();
        assert_eq!(causes, [Cause::OutboxFull, Cause::LaneStalled]);
    }

    #[test]
    fn a_daemon_that_was_replaced_is_not_missed() {
        let works = |at| Pulse { lanes: vec![samples::lane("groq", at)], ..samples::pulse(at) };
        let silent = works(now() - TimeDelta::minutes(3));
        let began = |minutes| Pulse {
            owner: "h:2".to_owned(),
            started_at: now() - TimeDelta::minutes(minutes),
            ..works(now())
        };
        let fleet = |other: &Pulse| Fleet {
            providers: vec![state("groq", [1, 0, 0, 0])],
            beats: vec![beat("daemon:main:h:1", 3, json!(silent)), beat("daemon:main:h:2", 0, json!(other))],
            ..Fleet::default()
        };
        let causes = |other: &Pulse| -> Vec<Cause> {
            fleet(other).troubles(now(), None).iter().map(|one| one.cause).collect()
        };
        let missed = [Cause::DaemonSilent];
        assert_eq!(causes(&began(4)), missed);
        assert_eq!(causes(&began(2)), []);
        assert_eq!(causes(&Pulse { vantage: "far".to_owned(), ..began(2) }), missed);
        let here = Fleet { beats: fleet(&silent).beats[..1].to_vec(), ..fleet(&silent) };
        assert!(here.troubles(now(), Some(&began(2))).is_empty());
        let mut full = silent.clone();
        full.outbox.full = true;
        let left = Fleet { beats: vec![beat("daemon:main:h:1", 3, json!(full))], ..here };
        let causes: Vec<Cause> = left.troubles(now(), Some(&began(2))).iter().map(|one| one.cause).collect();
        assert_eq!(causes, [Cause::OutboxFull]);
    }

    #[test]
    fn checks_that_could_not_look_are_not_fine() {
        let check = json!({"checked_at": "2026-11-01T11:00:00Z", "results": [
            {"name": "a", "ok": true, "evaluated": true}, {"name": "b", "ok": false, "evaluated": true, "violation_count": 3},
            {"name": "c", "ok": true, "evaluated": false}, {"ok": "yes"}, 7]});
        let check = check.as_object().cloned();
        let fleet = Fleet { providers: vec![state("groq", [1, 0, 0, 0])], check, ..Fleet::default() };
        let said: Vec<String> = told(&fleet).into_iter().map(|one| one.1).collect();
        assert_eq!(said.len(), 3);
        assert_eq!(said[0], "the self-check b failed: 3 violate it");
        assert!(said[1].ends_with("c could not look") && said[2].contains("without a name"));
        assert!(fleet.troubles(now() + TimeDelta::days(3), None).is_empty());
    }

    proptest! {
        #[test]
        fn rows_of_any_kind_are_judged(component in ".{0,12}", details in ".{0,20}", at in prop::option::of(any::<i32>()), counts in any::<[u8; 4]>()) {
            let updated_at = at.and_then(|seconds| DateTime::from_timestamp(i64::from(seconds), 0));
            let details = serde_json::from_str(&details).unwrap_or(Value::String(details));
            let check = json!({"checked_at": component, "results": [details]}).as_object().cloned();
            let beats = vec![Beat { component, updated_at, details }];
            let fleet = Fleet { providers: vec![state("x", counts.map(u64::from))], beats, check, ..Fleet::default() };
            prop_assert_eq!(fleet.troubles(now(), None), fleet.troubles(now(), None));
        }
    }
}

//! The rule as a table: one line for each way in which a model comes to its word.

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn ago(hours: i64) -> Option<DateTime<Utc>> {
    Some(now() - TimeDelta::hours(hours))
}

type Change = fn(&mut LifecycleFacts);

/// A model that succeeded an hour ago and 300 times in a week.
fn healthy() -> LifecycleFacts {
    let attempts = LifecycleCounts { successes: [300, 1200, 4000], errors: [0, 0], hard_failures: [0, 0] };
    LifecycleFacts {
        last_success_at: ago(1),
        last_attempt_at: ago(1),
        attempts,
        listed: ListedState::Present,
        ..LifecycleFacts::new(ModelRef::new("groq", "m"))
    }
}

/// Silent for ten days, with as many attempts and refusals of this week.
fn silent(facts: &mut LifecycleFacts, attempts: u32, refusals: u32) {
    facts.last_success_at = ago(240);
    facts.attempts.successes[0] = 0;
    facts.attempts.errors = [attempts, attempts];
    facts.attempts.hard_failures = [refusals, refusals];
    if attempts == 0 {
        facts.last_attempt_at = ago(240);
    }
}

const TABLE: &[(&str, Change, &str, &str)] = &[
    ("it answers", |_| (), "active", "high"),
    ("few attempts", |facts| facts.attempts.successes = [3, 3, 3], "active", "low"),
    ("some attempts", |facts| facts.attempts.successes = [8, 8, 8], "active", "medium"),
    ("9 % fail", |facts| facts.attempts.errors = [29, 29], "active", "high"),
    ("10 % fail", |facts| facts.attempts.errors = [34, 34], "monitor", "high"),
    ("half fail", |facts| facts.attempts.errors = [300, 300], "failing", "high"),
    ("unlisted, and it answers", |facts| facts.listed = ListedState::Missing, "monitor", "high"),
    ("it will end", |facts| facts.deprecation_date = ago(-240), "monitor", "high"),
    ("it has ended, and it answers", |facts| facts.deprecation_date = ago(1), "monitor", "high"),
    (
        "it has ended, and it does not answer",
        |facts| {
            silent(facts, 300, 0);
            facts.deprecation_date = ago(1);
        },
        "likely_deprecated",
        "high",
    ),
    ("tried, and silent", |facts| silent(facts, 300, 0), "failing", "high"),
    ("refused alone, for a week", |facts| silent(facts, 300, 300), "likely_deprecated", "high"),
    ("refused some of the time", |facts| silent(facts, 300, 100), "failing", "high"),
    (
        "refused, but for two days",
        |facts| {
            silent(facts, 90, 90);
            facts.last_success_at = ago(48);
        },
        "failing",
        "high",
    ),
    (
        "unlisted and silent",
        |facts| {
            silent(facts, 20, 0);
            facts.listed = ListedState::Missing;
        },
        "likely_deprecated",
        "medium",
    ),
    ("nobody tries it", |facts| silent(facts, 0, 0), "stale", "low"),
    (
        "a long cadence",
        |facts| {
            facts.last_success_at = ago(60);
            facts.cadence_seconds = 24 * 3600;
        },
        "active",
        "high",
    ),
    (
        "it never answered",
        |facts| {
            silent(facts, 40, 0);
            facts.last_success_at = None;
            facts.attempts.successes = [0; 3];
        },
        "never_succeeded",
        "high",
    ),
    (
        "it never answered, and is not listed any more",
        |facts| {
            silent(facts, 40, 40);
            facts.last_success_at = None;
            facts.attempts.successes = [0; 3];
            facts.listed = ListedState::Missing;
        },
        "likely_deprecated",
        "high",
    ),
    ("new", |facts| *facts = LifecycleFacts::new(ModelRef::new("groq", "m")), "never_succeeded", "low"),
    ("off", |facts| facts.enabled = false, "disabled", "high"),
    (
        "off, and its day has come",
        |facts| {
            facts.enabled = false;
            facts.deprecation_date = ago(1);
        },
        "deprecated",
        "high",
    ),
    (
        "under admission",
        |facts| {
            facts.enabled = false;
            facts.probing = true;
        },
        "disabled",
        "high",
    ),
    (
        "set aside",
        |facts| {
            facts.enabled = false;
            facts.disabled_class = Some("hard_model".into());
        },
        "disabled",
        "high",
    ),
    (
        "set aside and unlisted",
        |facts| {
            facts.enabled = false;
            facts.disabled_class = Some("hard_model".into());
            facts.listed = ListedState::Missing;
        },
        "likely_deprecated",
        "high",
    ),
    ("the catalog says so", |facts| facts.deprecated = true, "deprecated", "high"),
    ("removed", |facts| facts.in_catalog = false, "disabled", "high"),
];

#[test]
fn every_way_to_a_word() {
    for (what, change, state, confidence) in TABLE {
        let mut facts = healthy();
        change(&mut facts);
        let judged = judge(&facts, now());
        assert_eq!((judged.state.as_str(), judged.confidence), (*state, *confidence), "{what}: {judged:?}");
        assert!(!judged.reasons.is_empty(), "{what}");
    }
    let reached = |state: &LifecycleState| TABLE.iter().any(|(_, _, word, _)| *word == state.as_str());
    assert!(LifecycleState::ALL.iter().all(reached));
}

#[test]
fn words_that_readers_do_not_know_are_reasons() {
    let mut facts = LifecycleFacts { enabled: false, probing: true, ..healthy() };
    assert!(judge(&facts, now()).reasons[0].contains("probing"));
    (facts.probing, facts.disabled_class) = (false, Some("hard_model".into()));
    facts.disabled_reason = Some("404: no such model".into());
    let judged = judge(&facts, now());
    assert_eq!(judged.reasons, ["set aside (quarantined): 404: no such model"]);
    assert_eq!(judged.recommended_actions, ["llmbench models history groq:m"]);
}

#[test]
fn a_list_that_never_had_a_model_says_nothing_about_it() {
    for (seen, read, state) in [
        (None, None, ListedState::Unknown),
        (None, ago(1), ListedState::Unknown),
        (ago(1), None, ListedState::Unknown),
        (ago(1), ago(2), ListedState::Present),
        (ago(2), ago(2), ListedState::Present),
        (ago(25), ago(1), ListedState::Missing),
    ] {
        assert_eq!(ListedState::of(seen, read), state);
    }
}

//! What changes are attributed to, by table.

use super::attribute;
use crate::domain::ModelRef;
use crate::domain::change_evidence::{
    ChangeEvidence, ChangeSurroundings, NeighbourReading, SeriesNeighbour, StoredFacts,
};
use crate::domain::interval::Interval;
use crate::domain::series_change::{
    ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use crate::measure::joined_change::WITHDRAWN;
use chrono::{DateTime, TimeDelta, Utc};

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(hours)
}

pub(super) fn series(runner: &str, model: &str) -> MeasuredSeries {
    MeasuredSeries {
        model: model.parse().unwrap(),
        runner: Some(runner.to_owned()),
        profile: Some("cloud-default-v1".to_owned()),
        connection: Some("cold".to_owned()),
    }
}

pub fn slower(id: &str, runner: &str, model: &str, hours: i64) -> SeriesChange {
    let level = ChangedLevel::Figure {
        figure: WatchedFigure::Ttft,
        before: 0.4,
        after: 0.5,
        ratio: Interval { low: 1.2, high: 1.3 },
    };
    changed(id, runner, model, hours, level)
}

pub(super) fn swapped(id: &str, runner: &str, model: &str, fact: &str) -> SeriesChange {
    let (before, after) = ("fp_1".to_owned(), "fp_2".to_owned());
    changed(id, runner, model, 0, ChangedLevel::Swap { fact: fact.to_owned(), before, after })
}

pub(super) fn changed(id: &str, runner: &str, model: &str, hours: i64, level: ChangedLevel) -> SeriesChange {
    SeriesChange {
        id: id.to_owned(),
        series: series(runner, model),
        level,
        began: EstimatedTime { at: at(hours), earliest: at(hours - 6), latest: at(hours + 6) },
        noticed_at: at(hours + 48),
        ended: None,
        scope: ChangeScope::Model,
        cause: ChangeCause::Unknown,
        cause_line: String::new(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

/// Everything that is stored, as it was before a change.
pub fn usual() -> StoredFacts {
    StoredFacts {
        blocks: 16,
        network_rtt_seconds: Some(0.012),
        kernel_lag_seconds: Some(0.0001),
        loop_lag_seconds: Some(0.0002),
        output_tokens: Some(210.0),
        input_tokens: Some(55.0),
        failure_share: Some(0.01),
        finish_reason: Some("length".to_owned()),
        response_model: Some("m-2026-01".to_owned()),
        system_fingerprint: Some("fp_1".to_owned()),
        quantization: Some("fp8".to_owned()),
        endpoint: Some("groq/direct".to_owned()),
        calibration_error_seconds: Some(0.0003),
        calibration_fit: Some(true),
        measured_by: Some("llmbench/0.1.0".to_owned()),
    }
}

/// A neighbour by the factor by which it moved.
pub fn neighbour(runner: &str, model: &str, factor: f64) -> SeriesNeighbour {
    let reading = NeighbourReading::Figure {
        before: 1.0,
        after: factor,
        blocks_before: 56,
        blocks_after: 16,
        noise: 0.05,
    };
    SeriesNeighbour { series: series(runner, model), reading }
}

pub fn around(id: &str, after: StoredFacts, neighbours: &[SeriesNeighbour]) -> ChangeSurroundings {
    let neighbours = neighbours.to_vec();
    ChangeSurroundings { change_id: id.to_owned(), before: usual(), after, program: None, neighbours }
}

pub fn judged(
    changes: &[SeriesChange],
    around: Vec<ChangeSurroundings>,
) -> Vec<(ChangeScope, ChangeCause, String)> {
    let mut changes = changes.to_vec();
    attribute(&mut changes, &ChangeEvidence { around });
    changes.into_iter().map(|change| (change.scope, change.cause, change.cause_line)).collect()
}

fn one(after: StoredFacts, neighbours: &[SeriesNeighbour]) -> (ChangeScope, ChangeCause, String) {
    judged(&[slower("1", "a", "groq:m", 0)], vec![around("1", after, neighbours)]).remove(0)
}

/// What moves beside a figure is its cause, in this order, with both figures in the sentence.
#[test]
fn causes_are_what_moved_beside_it() {
    let text = |value: &str| Some(value.to_owned());
    let table: Vec<(StoredFacts, ChangeCause, &str)> = vec![
        (usual(), ChangeCause::NothingElse, "nothing else that is stored changed"),
        (
            StoredFacts { network_rtt_seconds: Some(0.048), ..usual() },
            ChangeCause::Path,
            "round trip time rose from 12 to 48 ms beside it",
        ),
        // A round trip of half a millisecond more carries no tenth of a second.
        (
            StoredFacts { network_rtt_seconds: Some(0.0125), ..usual() },
            ChangeCause::NothingElse,
            "nothing else that is stored changed",
        ),
        // It fell, and the series is slower.
        (
            StoredFacts { network_rtt_seconds: Some(0.002), ..usual() },
            ChangeCause::NothingElse,
            "nothing else that is stored changed",
        ),
        (
            StoredFacts { loop_lag_seconds: Some(0.08), network_rtt_seconds: Some(0.048), ..usual() },
            ChangeCause::Client,
            "the lag of the measuring loop rose from 0.2 to 80 ms beside it, and round trip time rose from 12 to 48 ms",
        ),
        (
            StoredFacts { calibration_fit: Some(false), ..usual() },
            ChangeCause::Client,
            "the verdict on the host turned to \"should not publish\" beside it",
        ),
        (
            StoredFacts { system_fingerprint: text("fp_2"), output_tokens: Some(180.0), ..usual() },
            ChangeCause::ModelSwapped,
            "the system fingerprint was fp_1 and became fp_2 beside it, and output tokens fell from 210 to 180",
        ),
        (
            StoredFacts { quantization: text("fp4"), ..usual() },
            ChangeCause::ModelSwapped,
            "the quantization was fp8 and became fp4 beside it",
        ),
        (
            StoredFacts { input_tokens: Some(61.0), ..usual() },
            ChangeCause::ModelSwapped,
            "the prompt counts 61 tokens instead of 55 beside it",
        ),
        (
            StoredFacts { finish_reason: text("stop"), ..usual() },
            ChangeCause::AnswersChanged,
            "answers end with stop instead of length beside it",
        ),
        (
            StoredFacts { failure_share: Some(0.12), ..usual() },
            ChangeCause::Errors,
            "failures rose from 1 % to 12 % of attempts beside it",
        ),
    ];
    for (after, cause, line) in table {
        assert_eq!(one(after, &[]), (ChangeScope::Model, cause, line.to_owned()));
    }
}

#[test]
fn where_too_little_is_stored_it_says_what_is_missing() {
    let blind =
        StoredFacts { loop_lag_seconds: Some(0.0002), output_tokens: Some(210.0), ..StoredFacts::default() };
    assert_eq!(
        one(blind, &[]),
        (
            ChangeScope::Model,
            ChangeCause::Unknown,
            "too little is stored to say why: no round trip time, token counts of the prompt, failures"
                .to_owned()
        )
    );
    let (_, cause, line) = one(StoredFacts { network_rtt_seconds: None, ..usual() }, &[]);
    assert_eq!(cause, ChangeCause::NothingElse);
    assert_eq!(line, "nothing else that is stored changed (not stored: round trip time)");
    let (scope, cause, line) = judged(&[slower("1", "a", "groq:m", 0)], Vec::new()).remove(0);
    assert_eq!((scope, cause), (ChangeScope::Model, ChangeCause::Unknown));
    assert_eq!(line, "nothing is stored of what was beside it");
}

/// What one runner alone sees is never the provider's, whatever else moved.
#[test]
fn one_runner_of_several_is_the_path() {
    let stays = [neighbour("b", "groq:m", 1.0), neighbour("c", "groq:m", 1.01)];
    let (scope, cause, line) = one(usual(), &stays[..1]);
    assert_eq!((scope, cause), (ChangeScope::Path, ChangeCause::Path));
    assert_eq!(line, "as a alone sees it; b, which measures the same, does not: the path from a");
    let elsewhere =
        StoredFacts { network_rtt_seconds: Some(0.048), endpoint: Some("groq/far".to_owned()), ..usual() };
    let (scope, cause, line) = one(elsewhere, &stays);
    assert_eq!((scope, cause), (ChangeScope::Path, ChangeCause::Path));
    assert_eq!(
        line,
        "as a alone sees it; b and c, which measure the same, do not: the path from a; round trip time rose from 12 to \
         48 ms beside it, and the endpoint was groq/direct and became groq/far"
    );
    let (scope, cause, line) = one(StoredFacts { loop_lag_seconds: Some(0.05), ..usual() }, &stays);
    assert_eq!((scope, cause), (ChangeScope::Path, ChangeCause::Client));
    assert!(line.ends_with("b and c, which measure the same, do not; the host of a"), "{line}");
    // The other models of the provider as well: it is the path to the provider, and not the provider.
    let mut all = stays.to_vec();
    all.extend(["groq:n", "groq:o"].map(|model| neighbour("a", model, 1.25)));
    assert_eq!(one(usual(), &all).0, ChangeScope::Path);
}

#[test]
fn witnesses_that_cannot_say_are_named() {
    let mut young = neighbour("b", "groq:m", 1.0);
    let NeighbourReading::Figure { blocks_after, .. } = &mut young.reading else { unreachable!() };
    *blocks_after = 2;
    let (scope, _, line) = one(usual(), &[young]);
    assert_eq!(scope, ChangeScope::Model);
    assert!(line.ends_with("; b: too few samples since to tell whether it is the path"), "{line}");
    // Another profile is another question, and says nothing of the path.
    let mut other = neighbour("b", "groq:m", 1.0);
    other.series.profile = Some("short".to_owned());
    assert_eq!(one(usual(), &[other]).0, ChangeScope::Model);
    // Two see it, one does not.
    let split = [neighbour("b", "groq:m", 1.25), neighbour("c", "groq:m", 1.0)];
    let (scope, _, line) = one(usual(), &split);
    assert_eq!(scope, ChangeScope::Model);
    assert!(line.starts_with("b sees it too, c does not; "), "{line}");
}

#[test]
fn several_models_at_once_are_the_provider() {
    let models =
        [neighbour("a", "groq:n", 1.22), neighbour("a", "groq:o", 1.3), neighbour("a", "groq:p", 1.0)];
    let (scope, cause, line) = one(usual(), &models);
    assert_eq!((scope, cause), (ChangeScope::Provider, ChangeCause::NothingElse));
    assert_eq!(line, "3 of 4 models of the provider moved together; nothing else that is stored changed");
    let alone =
        models.clone().map(|one| SeriesNeighbour { reading: neighbour("a", "groq:n", 1.0).reading, ..one });
    let (scope, _, line) = one(usual(), &alone);
    assert_eq!(scope, ChangeScope::Model);
    assert!(line.starts_with("3 other models of the provider stay as before; "), "{line}");
    // Alarms count without levels: the same direction at about one time, and no other.
    let changes = [
        slower("1", "a", "groq:m", 0),
        slower("2", "a", "groq:n", 10),
        slower("3", "a", "cerebras:x", 400),
        slower("4", "a", "cerebras:y", -8),
    ];
    let judged = judged(&changes, Vec::new());
    let scopes: Vec<ChangeScope> = judged.iter().map(|(scope, ..)| *scope).collect();
    assert_eq!(scopes[..3], [ChangeScope::Runner, ChangeScope::Provider, ChangeScope::Model]);
    let line = "2 models of the provider moved together; nothing is stored of what was beside it";
    assert_eq!(judged[1].2, line, "those that stayed are not known");
}

/// Of 93 models 31 moved, each with an alarm: the others are counted as well.
#[test]
fn models_that_stayed_are_counted_beside_those_that_moved() {
    let models: Vec<String> = (0..93).map(|number| format!("groq:{number:02}")).collect();
    let changes: Vec<SeriesChange> = models[..31].iter().map(|model| slower(model, "a", model, 0)).collect();
    let all: Vec<SeriesNeighbour> = models[1..]
        .iter()
        .enumerate()
        .map(|(place, model)| neighbour("a", model, if place < 30 { 1.25 } else { 1.0 }))
        .collect();
    let (scope, _, line) = judged(&changes, vec![around(&models[0], usual(), &all)]).remove(0);
    assert_eq!(scope, ChangeScope::Model);
    assert!(line.starts_with("62 other models of the provider stay as before; "), "{line}");
}

/// Two of three compared series of another provider stayed: alarms of series that are not compared outvote none.
#[test]
fn alarms_beside_a_sample_of_another_provider_do_not_count() {
    let mut changes = vec![slower("1", "a", "groq:m", 0)];
    changes.extend((0..5).map(|number| slower(&format!("x{number}"), "a", &format!("cerebras:{number}"), 0)));
    let sample = [
        neighbour("a", "cerebras:0", 1.25),
        neighbour("a", "cerebras:8", 1.0),
        neighbour("a", "cerebras:9", 1.0),
    ];
    let (scope, ..) = judged(&changes, vec![around("1", usual(), &sample)]).remove(0);
    assert_eq!(scope, ChangeScope::Model);
}

#[test]
fn everything_from_one_runner_is_the_runner() {
    let all = ["cerebras:x", "mistral:y", "groq:n"].map(|model| neighbour("a", model, 1.25));
    let (scope, cause, line) = one(usual(), &all);
    assert_eq!((scope, cause), (ChangeScope::Runner, ChangeCause::Unknown));
    assert_eq!(
        line,
        "3 of 3 providers that a measures moved with it; its host or its network: neither lag nor round trip time says which"
    );
    let (_, cause, line) = one(StoredFacts { loop_lag_seconds: Some(0.09), ..usual() }, &all);
    assert_eq!(cause, ChangeCause::Client);
    assert!(line.contains("the lag of the measuring loop rose from 0.2 to 90 ms"), "{line}");
    // Providers of which nothing is known make no majority.
    let mut few = vec![all[0].clone()];
    few.extend(["mistral:y", "together:z"].map(|model| {
        let mut unknown = neighbour("a", model, 1.0);
        if let NeighbourReading::Figure { blocks_after, .. } = &mut unknown.reading {
            *blocks_after = 0;
        }
        unknown
    }));
    assert_eq!(one(usual(), &few).0, ChangeScope::Model);
    // Another runner sees it too: then it is no matter of this one.
    let mut seen = all.to_vec();
    seen.push(neighbour("b", "groq:m", 1.25));
    assert_eq!(one(usual(), &seen).0, ChangeScope::Provider);
}

#[test]
fn a_swap_says_what_became_what_and_whether_speed_moved() {
    let changes = [
        swapped("1", "a", "groq:m", "system_fingerprint"),
        slower("2", "a", "groq:m", 3),
        swapped("3", "a", "groq:n", "finish_reason"),
    ];
    let judged = judged(&changes, Vec::new());
    assert_eq!(
        judged[0],
        (
            ChangeScope::Model,
            ChangeCause::ModelSwapped,
            "system fingerprint was fp_1 and became fp_2; its speed changed beside it".to_owned()
        )
    );
    assert_eq!(judged[2].1, ChangeCause::AnswersChanged);
    assert!(judged[2].2.ends_with("no change of its speed is known beside it"), "{}", judged[2].2);
    let fact = |after: &str| SeriesNeighbour {
        series: series("b", "groq:m"),
        reading: NeighbourReading::Fact { before: Some("fp_1".to_owned()), after: Some(after.to_owned()) },
    };
    let seen = |after: &str| {
        super::tests::judged(&changes[..1], vec![around("1", usual(), &[fact(after)])]).remove(0)
    };
    assert_eq!(seen("fp_1").0, ChangeScope::Path);
    assert_eq!(seen("fp_2").0, ChangeScope::Model);
    assert_eq!(seen("fp_3").0, ChangeScope::Model, "a third value is neither");
    // Another model that had the new value all the time did not move.
    let model = SeriesNeighbour {
        series: series("a", "groq:o"),
        reading: NeighbourReading::Fact { before: Some("fp_2".to_owned()), after: Some("fp_2".to_owned()) },
    };
    let all = super::tests::judged(&changes[..1], vec![around("1", usual(), &[model])]);
    assert_eq!(all[0].0, ChangeScope::Model);
}

#[test]
fn a_rate_is_judged_in_the_time_of_an_answer() {
    let level = ChangedLevel::Figure {
        figure: WatchedFigure::TokensPerSecond,
        before: 210.0,
        after: 140.0,
        ratio: Interval { low: 0.6, high: 0.75 },
    };
    let change = changed("1", "a", "groq:m", 0, level);
    // Half a second more for an answer: 36 ms of a round trip on a new connection are more than a quarter of it.
    let seen =
        |after: StoredFacts| judged(std::slice::from_ref(&change), vec![around("1", after, &[])]).remove(0);
    assert_eq!(seen(StoredFacts { network_rtt_seconds: Some(0.048), ..usual() }).1, ChangeCause::Path);
    assert_eq!(seen(StoredFacts { network_rtt_seconds: Some(0.020), ..usual() }).1, ChangeCause::NothingElse);
    let faster = [neighbour("b", "groq:m", 1.4)];
    let slower = [neighbour("b", "groq:m", 0.68)];
    let scope = |others: &[SeriesNeighbour]| {
        judged(std::slice::from_ref(&change), vec![around("1", usual(), others)]).remove(0).0
    };
    assert_eq!((scope(&faster), scope(&slower)), (ChangeScope::Path, ChangeScope::Model));
    assert_eq!(change.series.model, ModelRef::new("groq", "m"));
}

#[test]
fn what_was_withdrawn_keeps_its_sentence_and_is_no_witness() {
    let other = slower("2", "a", "groq:n", 1);
    let withdrawn =
        SeriesChange { ended: Some(other.began), cause_line: WITHDRAWN.to_owned(), ..other.clone() };
    let scopes = |other: SeriesChange| {
        let changes = [slower("1", "a", "groq:m", 0), other];
        judged(&changes, vec![around("1", usual(), &[]), around("2", usual(), &[])])
    };
    assert_eq!(scopes(other)[0].0, ChangeScope::Provider);
    let judged = scopes(withdrawn);
    assert_eq!(judged[0].0, ChangeScope::Model);
    assert_eq!(judged[1], (ChangeScope::Model, ChangeCause::Unknown, WITHDRAWN.to_owned()));
}

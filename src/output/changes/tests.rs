//! Changes of series as people and programs get them.

use super::explained::ExplainedChange;
use super::*;
use crate::domain::ModelRef;
use crate::domain::change_evidence::{NeighbourReading, StoredFacts};
use crate::domain::interval::Interval;
use crate::domain::series_block::slot_start;
use crate::domain::series_change::{Acknowledgement, ChangeCause, ChangeScope, MeasuredSeries};
use crate::output::schema_check::violations;
use crate::output::snapshots::{assert_picture, view};

const BEGAN: i64 = 166_240;

fn moment(slot: i64) -> EstimatedTime {
    EstimatedTime { at: slot_start(slot), earliest: slot_start(slot - 3), latest: slot_start(slot + 4) }
}

fn change(id: &str, model: &str, level: ChangedLevel) -> SeriesChange {
    SeriesChange {
        id: id.to_owned(),
        series: MeasuredSeries {
            model: model.parse::<ModelRef>().unwrap(),
            runner: Some("frankfurt".to_owned()),
            profile: Some("cloud-default-v1".to_owned()),
            connection: Some("cold".to_owned()),
        },
        level,
        began: moment(BEGAN),
        noticed_at: slot_start(BEGAN + 14),
        ended: None,
        scope: ChangeScope::Provider,
        cause: ChangeCause::NothingElse,
        cause_line: "3 of 4 models of the provider moved together; nothing else that is stored changed"
            .to_owned(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

fn slower() -> ChangedLevel {
    let ratio = Interval { low: 1.13, high: 1.24 };
    ChangedLevel::Figure { figure: WatchedFigure::Ttft, before: 0.4, after: 0.4 * 1.18, ratio }
}

fn changes() -> ChangeList {
    let seen = Acknowledgement {
        at: slot_start(BEGAN + 20),
        who: "ann@desk".to_owned(),
        note: Some("told them".to_owned()),
    };
    let rate = ChangedLevel::Figure {
        figure: WatchedFigure::TokensPerSecond,
        before: 80.0,
        after: 60.0,
        ratio: Interval { low: 0.71, high: 0.79 },
    };
    let swap = ChangedLevel::Swap {
        fact: "response_model".to_owned(),
        before: "gpt-oss-120b".to_owned(),
        after: "gpt-oss-120b-turbo\u{1b}[2J-of-today".to_owned(),
    };
    let over = SeriesChange {
        ended: Some(moment(BEGAN + 40)),
        acknowledged: Some(seen),
        ..change("5a6b7c8d9e", "cerebras:llama-3.3-70b", rate)
    };
    ChangeList {
        as_of: slot_start(BEGAN + 60),
        window: Window { from: Some(slot_start(BEGAN - 100)), to: None },
        series: WatchedSeries { judged: 40, too_young: 3, too_thin: 1, days_needed: 17 },
        changes: vec![
            change("0f1e2d3c4b", "groq:llama-3.3-70b-versatile", slower()),
            over,
            change("1122334455", "groq:evil\u{1b}[2Jname", swap),
        ],
        last_slots: HashMap::new(),
    }
}

fn explained_change() -> ExplainedChange {
    let wave = |slot: i64| 1.0 + 0.06 * (slot as f64 * 0.8).sin();
    let level = |slot: i64| if slot < BEGAN { 0.4 } else { 0.472 };
    let facts = StoredFacts {
        blocks: 56,
        network_rtt_seconds: Some(0.012),
        failure_share: Some(0.01),
        output_tokens: Some(210.0),
        response_model: Some("llama-3.3-70b".to_owned()),
        ..StoredFacts::default()
    };
    let reading = |after, blocks_after| NeighbourReading::Figure {
        before: 0.3,
        after,
        blocks_before: 55,
        blocks_after,
        noise: 0.05,
    };
    let neighbour = |model: &str, after, blocks| {
        (
            MeasuredSeries { model: model.parse().unwrap(), ..change("", "groq:x", slower()).series },
            reading(after, blocks),
        )
    };
    ExplainedChange {
        as_of: slot_start(BEGAN + 60),
        change: changes().changes[0].clone(),
        last_slot: Some(BEGAN + 59),
        points: (BEGAN - 200..BEGAN + 60).map(|slot| (slot, level(slot) * wave(slot))).collect(),
        before: facts.clone(),
        after: StoredFacts { blocks: 40, ..facts },
        neighbours: vec![neighbour("groq:gpt-oss-20b", 0.36, 40), neighbour("openai:gpt-4o", 0.3, 0)],
    }
}

#[test]
fn changes_at_every_width() {
    for columns in [40, 60, 80, 140] {
        let shown = list(&changes(), &view(columns, false, false));
        assert!(shown.lines().all(|line| text::width(line) <= columns), "{shown}");
        let header = shown.lines().next().unwrap();
        assert!(header.contains("STATE"), "whether it is open is always shown: {header}");
        assert!(shown.contains("+18 %"), "{shown}");
        assert!(!shown.contains('\u{1b}'));
        assert_picture(&format!("results_changes_{columns}"), &shown);
    }
}

#[test]
fn a_change_with_its_chart_at_every_width() {
    for columns in [40, 80, 140] {
        let shown = explained::text(&explained_change(), &view(columns, false, false));
        assert!(shown.lines().all(|line| text::width(line) <= columns), "{shown}");
        assert_picture(&format!("results_change_{columns}"), &shown);
    }
    let mut ascii = view(80, false, false);
    ascii.terminal.unicode = false;
    assert!(explained::text(&explained_change(), &ascii).is_ascii());
}

#[test]
fn a_change_that_went_back_is_between_two_times_with_their_offset() {
    let mut one = explained_change();
    one.change = changes().changes[1].clone();
    let shown = explained::text(&one, &view(200, false, false));
    let line = "went back Sat 2026-11-28 02:00 +02:00, between Fri 2026-11-27 17:00 +02:00 and Sat 2026-11-28 14:00 +02:00";
    assert!(shown.contains(line), "{shown}");
    assert!(shown.contains("over cold connections"), "{shown}");
}

/// What nobody can confirm is not told as open.
#[test]
fn a_change_of_a_silent_series_and_one_that_stayed_are_told() {
    let mut all = changes();
    all.changes.truncate(1);
    let state = |all: &ChangeList| document(all)["changes"][0]["state"].clone();
    assert_eq!(state(&all), "open");
    all.last_slots.insert(all.changes[0].series.clone(), BEGAN + 20);
    assert_eq!(state(&all), "silent");
    let shown = list(&all, &view(140, false, false));
    assert!(shown.contains(" silent "), "{shown}");
    let one = ExplainedChange { last_slot: Some(BEGAN + 20), ..explained_change() };
    let shown = explained::text(&one, &view(200, false, false));
    assert!(
        shown.contains("no rows of this series came after Wed 2026-11-25 17:00 +02:00: nobody"),
        "{shown}"
    );
    all.last_slots.clear();
    all.as_of = slot_start(BEGAN + 40 * 8);
    assert_eq!(state(&all), "stayed");
    let one = ExplainedChange { as_of: all.as_of, last_slot: None, ..explained_change() };
    let shown = explained::text(&one, &view(200, false, false));
    assert!(shown.contains("stayed for 28 days: the new level is the usual one"), "{shown}");
}

#[test]
fn what_rounds_to_nothing_has_no_sign() {
    let shown = [0.999, 1.001, 1.0, 0.93, 1.07].map(percent);
    assert_eq!(shown, ["0", "0", "0", "-7", "+7"]);
    assert_eq!([0.999, 1.07, 0.93].map(inner), ["0", "7", "-7"]);
}

#[test]
fn documents_are_as_their_schema_says() {
    let schema = include_str!("../../../docs/schema/results_changes.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let listed = document(&changes());
    assert_eq!(violations(&schema, &listed), [""; 0]);
    assert_eq!(listed["changes"][0]["ratio"]["low"], 1.13);
    assert_eq!(violations(&schema, &explained::document(&explained_change())), [""; 0]);
    assert_ne!(violations(&schema, &json!({"schema": SCHEMA})), [""; 0]);
}

#[test]
fn what_keeps_series_from_being_judged_is_said() {
    let said = unjudged(&changes().series).unwrap();
    assert_eq!(
        said,
        "40 judged; 3 series too young: 17 days of runs are needed; 1 series too thin: runs on 17 of the last 120 days are needed"
    );
    assert_eq!(unjudged(&WatchedSeries { judged: 4, ..WatchedSeries::default() }), None);
}

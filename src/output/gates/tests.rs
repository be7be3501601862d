//! What gates say, for people and programs.

use super::*;
use crate::measure::gate::HistoryShortage;
use crate::measure::gate::history::GateHistory;
use crate::measure::gate::{check_all, history};
use crate::measure::report::Report;
use crate::measure::testing;
use crate::output::schema_check::violations;
use crate::output::snapshots::{assert_picture, view};
use chrono::TimeDelta;

/// The sample report, held against a week of half-hourly runs of its first model, and against too little of the second.
fn checked(conditions: &[&str]) -> (Report, Vec<GateResult>) {
    let report = testing::report();
    let (to, from) = (report.started_at, report.started_at - TimeDelta::days(7));
    let stratum = RunStratum {
        runner: None,
        profile: Some("cloud-default-v1".into()),
        connection: Some("cold".into()),
    };
    let mut history = GateHistory {
        window: Some((from, to)),
        stratum: stratum.clone(),
        under_load: true,
        ..GateHistory::default()
    };
    let (known, rare) = (&report.models[0].model, &report.models[1].model);
    for step in 1..=7 * 48_i64 {
        let at = to.timestamp_millis() - step * 1_800_000;
        let mut facts = history::StoredRunFacts {
            at,
            stratum: stratum.clone(),
            same_route: true,
            ..history::StoredRunFacts::default()
        };
        facts.quality.suspect = step % 40 == 0;
        let ttft = 0.1 + 0.01 * (step * step % 7) as f64;
        history.models.entry(known.clone()).or_default().add(&facts, &stratum, &[(0, ttft)]);
    }
    history.models.insert(rare.clone(), two_days(&stratum, to.timestamp_millis()));
    let gates: Vec<_> = conditions.iter().map(|text| text.parse().unwrap()).collect();
    let checked = check_all(&gates, &report, &history);
    (report, checked)
}

/// A series with two days of its own, and more of other circumstances.
fn two_days(stratum: &RunStratum, to: i64) -> history::SeriesHistory {
    let mut series = history::SeriesHistory::default();
    for step in 1..=2 * 24_i64 {
        let mut facts = history::StoredRunFacts {
            at: to - step * 3_600_000,
            stratum: stratum.clone(),
            same_route: true,
            ..history::StoredRunFacts::default()
        };
        series.add(&facts, stratum, &[(0, 0.2)]);
        facts.same_route = step > 40;
        facts.stratum.runner = (step % 3 > 0).then(|| "tokyo\u{1b}[31m".to_owned());
        series.add(&facts, stratum, &[(0, 0.2)]);
    }
    series
}

const CONDITIONS: [&str; 3] = ["ttft_p50>1.3x", "ttft_p50>9x", "ttft_p95>2s"];

#[test]
fn a_gate_against_history_says_what_it_compared() {
    let (_, checked) = checked(&CONDITIONS);
    for columns in [80, 140] {
        let shown = lines(&checked, &view(columns, false, false)).join("\n");
        assert!(!shown.contains('\u{1b}') && shown.lines().all(|line| text::width(line) <= columns));
        assert_picture(&format!("gates_{columns}"), &shown);
    }
}

#[test]
fn a_summary_for_a_job_says_it_too() {
    let (report, checked) = checked(&CONDITIONS);
    let summary = |undecided_fails: bool| {
        let sort = crate::output::side_by_side::Sort::Ttft;
        crate::output::markdown::summary(&report, &checked, undecided_fails, sort)
    };
    let bold = |text: &str| text.lines().filter(|line| line.starts_with("| **")).count();
    let open =
        checked.iter().filter(|one| one.verdict == crate::measure::gate::GateVerdict::Undecided).count();
    assert!(open > 0);
    assert_eq!(bold(&summary(true)), bold(&summary(false)) + open);
    let summary = summary(true);
    let line = summary.lines().find(|line| line.starts_with("| **TRIPPED (2.26x")).unwrap();
    assert!(line.contains("260 ms in 20 samples against 115 ms in 326 stored runs of 7 days"), "{line}");
}

#[test]
fn the_document_is_as_its_schema_says() {
    let (report, checked) = checked(&CONDITIONS);
    let document = crate::output::json::document(&report, &checked);
    let schema: Value = serde_json::from_str(include_str!("../../../docs/schema/run.schema.json")).unwrap();
    assert_eq!(violations(&schema, &document), Vec::<String>::new());
    let gates = document["gates"].as_array().unwrap();
    let verdicts: Vec<&str> = gates.iter().filter_map(|gate| gate["verdict"].as_str()).collect();
    assert_eq!(verdicts[..3], ["tripped", "not_decided", "not_decided"]);
    let (tripped, short) = (&gates[0]["history"], &gates[1]["history"]);
    assert_eq!(tripped["ratio"], gates[0]["observed"]);
    assert!(tripped["ratio_interval"]["low"].as_f64() > Some(1.3), "{tripped}");
    assert_eq!(tripped["missing"], Value::Null);
    assert_eq!((&short["ratio"], &short["stored"]["days"]), (&Value::Null, &json!(2)));
    assert_eq!(short["missing"], json!(HistoryShortage::FewDays { at_this_hour: 2 }.to_string()), "{short}");
    assert_eq!(gates[8]["history"], Value::Null);
}

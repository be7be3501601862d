//! Snapshots of a comparison, and checks of its document against the schema.

use super::*;
use crate::domain::interval::Interval;
use crate::measure::block_comparison::{BlockLength, CountedSide, HoursOfDay};
use crate::measure::failure_shares::AttemptCount;
use crate::output::Terminal;
use serde_json::{Value, json};

fn found(low: f64, ratio: f64, high: f64) -> MeasuredDifference {
    let interval = Interval { low, high };
    MeasuredDifference {
        median_a: 1.0,
        median_b: ratio,
        ratio,
        ratio_interval: interval,
        difference: ratio - 1.0,
        difference_interval: Interval { low: low - 1.0, high: high - 1.0 },
    }
}

fn judged(place: usize, found: Option<MeasuredDifference>) -> ComparedFigure {
    let blocks = if found.is_some() { 7 } else { 2 };
    let side = CountedSide { runs: 9, blocks, other_hours: 0 };
    let answer = BlockComparison {
        length: if found.is_some() { BlockLength::Day } else { BlockLength::ThreeHours },
        sides: [side, side],
        models: usize::from(found.is_some()),
        hours: HoursOfDay::Same,
        found,
        noise: Some(0.1),
    };
    let real = found.map(|found| found.is_real(0.0));
    let figure = &crate::measure::compare::FIGURES[place];
    ComparedFigure { figure, answer, real, hours_to_decide: Some(24 * 16) }
}

fn comparison() -> ComparisonReport {
    let side = SideReport {
        text: "groq@7d..".to_owned(),
        provider: Some("groq".to_owned()),
        model: None,
        window: Window { from: chrono::DateTime::from_timestamp_millis(0), to: None },
        runs: 9,
        published: 4,
        suspect: 1,
        odd: 0,
        odd_values: 0,
    };
    let asked = CompareSettings {
        series: "probe",
        confidence: 0.95,
        confidence_each: 0.975,
        min_difference: 0.0,
        decided_difference: 0.1,
    };
    let models = vec![Model {
        name: "m".to_owned(),
        figures: vec![
            ModelFigure { samples: [5, 5], found: Some(found(0.5, 0.6, 0.7)) },
            ModelFigure { samples: [0, 3], found: None },
        ],
    }];
    let text = |text: &str| Some(text.to_owned());
    let strata = vec![
        StratumReport { stratum: RunStratum::default(), runs: [5, 5], compared: true },
        StratumReport {
            stratum: RunStratum { runner: text("tokyo"), profile: text("long"), connection: text("cold") },
            runs: [120, 0],
            compared: false,
        },
    ];
    ComparisonReport {
        asked,
        a: side.clone(),
        b: side,
        paired: true,
        failures: FailureShares {
            sides: [
                AttemptCount { attempts: 100, failures: 1 },
                AttemptCount { attempts: 100, failures: 30 },
            ],
            difference: Some(Interval { low: 0.19, high: 0.39 }),
        },
        strata,
        figures: vec![judged(0, Some(found(0.5, 0.6, 0.7))), judged(1, None)],
        models,
    }
}

#[test]
fn intervals_are_drawn_to_scale() {
    let double = 2_f64.ln();
    assert_eq!(drawing(&found(0.5, 0.707, 1.0), double, true), "├─────●─────┤············");
    assert_eq!(drawing(&found(1.0, 1.414, 2.0), double, true), "············├─────●─────┤");
    assert_eq!(drawing(&found(1.414, 1.7, 2.0), double, true), "············│·····├──●──┤");
    assert_eq!(drawing(&found(0.9, 1.0, 1.1), double, false), "..........[-o-]..........");
    assert_eq!(drawing(&found(1.0, 1.0, 1.0), 0.0, false), "............o............");
    assert_eq!(drawing(&found(0.0, 1.0, f64::INFINITY), double, false), "[-----------o-----------]");
}

#[test]
fn the_document_is_as_its_schema_says() {
    let text = include_str!("../../../docs/schema/results_compare.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let comparison = comparison();
    let document = document(&comparison);
    assert_eq!(crate::output::schema_check::violations(&schema, &document), Vec::<String>::new());
    assert_eq!((&document["real"], &document["models_in_both"]), (&json!(true), &json!(1)));
    assert_eq!(
        (&document["failures"]["differ"], &document["failures"]["share_b"]),
        (&json!(true), &json!(0.3))
    );
    let nothing = ComparisonReport {
        figures: vec![judged(1, None)],
        models: Vec::new(),
        strata: Vec::new(),
        failures: FailureShares::default(),
        ..comparison
    };
    let document = super::document(&nothing);
    assert_eq!(crate::output::schema_check::violations(&schema, &document), Vec::<String>::new());
    assert_eq!(document["real"], Value::Null);
}

#[test]
fn changes_are_short() {
    assert_eq!(change(1.0), "+0.0 %");
    assert_eq!(change(0.5), "-50.0 %");
    assert_eq!(change(10.9), "+990.0 %");
    assert_eq!(change(25.0), "x 25.0");
    assert_eq!((change(f64::INFINITY), change(0.0)), ("any".to_owned(), "-100.0 %".to_owned()));
}

#[test]
fn faster_means_less_time_or_more_tokens() {
    let figures = &crate::measure::compare::FIGURES;
    let said = |place: usize, ratio: f64, real| {
        answer(&ComparedFigure { real, ..judged(place, Some(found(ratio, ratio, ratio))) })
    };
    assert_eq!(figures[1].better, BetterDirection::Higher);
    assert_eq!(said(0, 0.5, Some(true)), "B is faster");
    assert_eq!(said(0, 1.5, Some(true)), "B is slower");
    assert_eq!(said(1, 1.5, Some(true)), "B is faster");
    assert_eq!(said(1, 0.5, Some(true)), "B is slower");
    assert_eq!(said(1, 0.5, Some(false)), "none");
}

#[test]
fn remarks_say_what_the_table_does_not() {
    let terminal = Terminal {
        stdout_tty: false,
        stderr_tty: false,
        width: 400,
        cuts: false,
        colour: false,
        unicode: true,
    };
    let said = |comparison: &ComparisonReport| {
        remarks::lines(comparison, &ReportView::new(terminal, false)).join("\n")
    };
    let mut comparison = comparison();
    insta::assert_snapshot!(said(&comparison), @"
    Failed: A 1 of 100 (1 %), B 30 of 100 (30 %). B fails more often, and the figures are of the answers that came.
    Too short: A has 2 blocks of 3 hours and B has 2 blocks of 3 hours; an answer needs 3 of a model on either side, that is 9 hours. At the present noise it takes about 16 days on either side to find a difference of 10 %.
    Only A has runs of runner tokyo, profile long, cold: its 120 are not compared.
    ");
    comparison.figures = vec![judged(0, Some(found(0.9, 1.0, 1.1)))];
    comparison.figures[0].answer.hours = HoursOfDay::Matched;
    comparison.figures[0].answer.sides[1].other_hours = 12;
    comparison.failures.difference = None;
    insta::assert_snapshot!(said(&comparison), @"
    Failed: A 1 of 100 (1 %), B 30 of 100 (30 %).
    Only hours of the day that both sides have are compared: 0 runs of A and 12 of B are left out.
    For TTFT, at the present noise it takes about 16 days on either side to find a difference of 10 %.
    Only A has runs of runner tokyo, profile long, cold: its 120 are not compared.
    ");
    comparison.figures[0].answer.hours = HoursOfDay::Apart;
    comparison.figures[0].hours_to_decide = None;
    comparison.failures = FailureShares::default();
    comparison.strata.remove(1);
    insta::assert_snapshot!(said(&comparison), @"
    The sides have no hours of the day in common, so these are not matched: speed changes over the day, and a difference may be that of the hours.
    For TTFT, at the present noise a difference of 10 % is not found within ten years.
    ");
}

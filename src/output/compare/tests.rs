//! Snapshots of a comparison, and checks of its document against the schema.

use super::*;
use crate::measure::stats::Interval;

fn found(low: f64, ratio: f64, high: f64) -> MetricComparison {
    let interval = Interval { low, high };
    MetricComparison {
        n_a: 9,
        n_b: 9,
        blocks: 1,
        median_a: 1.0,
        median_b: ratio,
        ratio,
        ratio_interval: interval,
        difference: ratio - 1.0,
        difference_interval: Interval { low: low - 1.0, high: high - 1.0 },
        resamples: 2_000,
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
}

#[test]
fn the_document_is_as_its_schema_says() {
    let text = include_str!("../../../docs/schema/results_compare.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
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
        seed: 7,
    };
    let judged = |place: usize, found: Option<MetricComparison>| {
        let figure = &crate::measure::compare::FIGURES[place];
        ComparedFigure { figure, found, real: found.map(|found| found.is_real(0.0)) }
    };
    let figures = vec![judged(0, Some(found(0.5, 0.6, 0.7))), judged(1, None)];
    let blocks = vec![SampleBlock { a: vec![1.0; 5], b: vec![2.0; 5] }, SampleBlock::default()];
    let models = vec![Model { name: "m".to_owned(), figures: blocks }];
    let (a, b) = (side.clone(), side);
    let comparison = ComparisonReport { asked, a, b, paired: true, figures, models };
    let document = document(&comparison);
    assert_eq!(crate::output::schema_check::violations(&schema, &document), Vec::<String>::new());
    assert_eq!((&document["real"], &document["models_in_both"]), (&json!(true), &json!(1)));
    let nothing = ComparisonReport { figures: vec![judged(1, None)], models: Vec::new(), ..comparison };
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
}

#[test]
fn faster_means_less_time_or_more_tokens() {
    let figures = &crate::measure::compare::FIGURES;
    let said = |place: usize, ratio: f64, real| {
        answer(&ComparedFigure {
            figure: &crate::measure::compare::FIGURES[place],
            found: Some(found(ratio, ratio, ratio)),
            real,
        })
    };
    assert_eq!(figures[1].better, BetterDirection::Higher);
    assert_eq!(said(0, 0.5, Some(true)), "B is faster");
    assert_eq!(said(0, 1.5, Some(true)), "B is slower");
    assert_eq!(said(1, 1.5, Some(true)), "B is faster");
    assert_eq!(said(1, 0.5, Some(true)), "B is slower");
    assert_eq!(said(1, 0.5, Some(false)), "none");
}

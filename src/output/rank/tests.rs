//! Snapshots of places at several widths, and checks of the document against its schema.

use super::*;
use crate::domain::publication::LaneCoverage;
use crate::measure::compare::FIGURES;
use crate::measure::failure_shares::AttemptCount;
use crate::measure::metrics::BetterDirection;
use crate::measure::ranking::circumstances::WantedCircumstances;
use crate::measure::ranking::standings::ModelAttempts;
use crate::output::schema_check::violations;
use crate::output::snapshots::{assert_picture, view};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

fn now() -> DateTime<Utc> {
    "2026-11-08T00:00:00Z".parse().unwrap()
}

/// A model measured hourly for so many days before now, around this TTFT; days differ by a few percent.
fn model(days: i64, ttft: f64, failures: u64) -> ModelAttempts {
    let mut model = ModelAttempts::default();
    let stratum = RunStratum {
        runner: Some("tokyo".to_owned()),
        profile: Some("cloud-default-v1".to_owned()),
        connection: Some("cold".to_owned()),
    };
    let source = (stratum.runner.clone(), stratum.profile.clone());
    let runs = model.series.entry(stratum).or_default();
    let count = days * 24;
    for hour in 1..=count {
        let at = now().timestamp_millis() - hour * HOUR + 20 * 60_000;
        let day = ((at / HOUR / 24) * 37 % 11) as f64 / 100.0;
        runs.add(at, Some(ttft * (1.0 + day)));
    }
    let attempts = count.unsigned_abs() + failures;
    model.attempts.insert(source, AttemptCount { attempts, failures });
    if days == 0 {
        model.series.clear();
    }
    model
}

fn lane(name: &str, samples: u32) -> RankedModel {
    let model: ModelRef = name.parse().unwrap();
    let coverage = LaneCoverage { samples, span: TimeDelta::hours(100), dates: 5, blocks: 6 };
    let endpoint_tag = Some(format!("{}/direct", model.provider));
    let lane =
        LaneRanking { model: model.clone(), endpoint_tag, quantization: Some("fp8".to_owned()), coverage };
    RankedModel { model, lane }
}

fn sample() -> RankReport {
    let attempts = [
        model(7, 0.9, 0),
        model(7, 0.2, 1),
        model(7, 0.207, 40),
        model(6, 0.203, 0),
        model(7, 2.0, 0),
        model(2, 0.1, 0),
        model(0, 0.1, 300),
    ];
    let wanted = WantedCircumstances::default();
    let names = [
        "openai:gpt-4o-mini",
        "groq:llama-3.3-70b-versatile",
        "openrouter:meta-llama/llama-3.3-70b-instruct@deepinfra/fp8",
        "cerebras:evil\u{1b}[2Jname",
        "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "together:new",
        "vertex:gone",
    ];
    let samples = [336, 300, 30, 12, 2, 90, 0];
    let stratum = |profile: &str| RunStratum {
        runner: None,
        profile: Some(profile.to_owned()),
        connection: Some("warm".to_owned()),
    };
    RankReport {
        as_of: now(),
        window: Window { from: Some(now() - TimeDelta::days(7)), to: None },
        series: "all",
        figure: &FIGURES[0],
        ranking: Ranking::of(&attempts, &wanted, BetterDirection::Lower),
        models: names.into_iter().zip(samples).map(|(name, samples)| lane(name, samples)).collect(),
        others: vec![
            OtherCircumstances { stratum: stratum("cloud-long-v1"), models: 4 },
            OtherCircumstances { stratum: stratum("odd\u{1b}[31m"), models: 1 },
        ],
    }
}

#[test]
fn places_at_every_width() {
    for columns in [60, 100, 160] {
        let shown = report(&sample(), &view(columns, false, false));
        assert!(shown.lines().all(|line| text::width(line) <= columns), "{shown}");
        assert!(!shown.contains('\u{1b}'));
        assert_picture(&format!("results_rank_{columns}"), &shown);
    }
    assert_picture("results_rank_wide", &report(&sample(), &view(60, false, true)));
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/results_rank.schema.json")).unwrap()
}

#[test]
fn the_document_is_as_its_schema_says() {
    let document = document(&sample());
    assert_eq!(violations(&schema(), &document), Vec::<String>::new());
    let models = document["models"].as_array().unwrap();
    let places = |at: usize| (&models[at]["place_from"], &models[at]["place_to"], &models[at]["order"]);
    assert_eq!(places(0), (&json!(1), &json!(3), &json!("open")));
    assert_eq!(places(3), (&json!(4), &json!(4), &json!("settled")));
    assert_eq!(places(5), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&document["tiers"], &document["ranked"], models.len()), (&json!(3), &json!(5), 7));
    let mut broken = document.clone();
    broken["models"][0]["order"] = json!("first");
    broken["models"][5].as_object_mut().unwrap().remove("missing");
    assert_eq!(violations(&schema(), &broken).len(), 2);
}

#[test]
fn nothing_is_a_ranking_too() {
    let nothing = RankReport {
        ranking: Ranking::of(&[], &WantedCircumstances::default(), BetterDirection::Lower),
        models: Vec::new(),
        others: Vec::new(),
        ..sample()
    };
    let document = document(&nothing);
    assert_eq!(violations(&schema(), &document), Vec::<String>::new());
    assert_eq!(document["models"], json!([]));
    assert_eq!(sheet(&nothing).unwrap().lines().count(), 1);
}

#[test]
fn the_sheet_has_a_line_for_each_model_and_plain_numbers() {
    let sheet = sheet(&sample()).unwrap();
    let lines: Vec<&str> = sheet.lines().collect();
    assert!(
        lines[0]
            .starts_with("place_from,place_to,order,provider,model,endpoint,median,median_low,median_high,")
    );
    assert_eq!(lines.len(), 8);
    assert!(lines[1].starts_with("1,3,open,groq,llama-3.3-70b-versatile,,0.2"), "{}", lines[1]);
    assert!(lines[6].starts_with(",,,together,new,,,,,48,"), "{}", lines[6]);
}

//! Snapshots of the catalog's output at several widths, and checks of the documents against their schemas.

use super::catalog_changes::{self, BatchView, ChangeView};
use super::models::{self, ModelDetails, ModelRow, ModelsTableOptions};
use super::schema_check::violations;
use super::snapshots::{assert_picture, view};
use super::text;
use crate::domain::Batch;
use crate::domain::ModelRef;
use crate::domain::publication::{LaneCoverage, LaneRanking};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").unwrap().to_utc()
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn without_intervals(row: &ModelRow) -> ModelRow {
    ModelRow {
        ttft_median_24h_low: None,
        ttft_median_24h_high: None,
        tokens_per_second_median_24h_low: None,
        tokens_per_second_median_24h_high: None,
        ..row.clone()
    }
}

/// A healthy model, one that only fails, one that is off, one on probation, and the oddest one of the Python runner.
fn rows() -> Vec<ModelRow> {
    let healthy = ModelRow {
        provider: "groq".into(),
        model: "llama-3.3-70b-versatile".into(),
        display_name: Some("Llama 3.3 70B".into()),
        enabled: true,
        freshness: "fresh".into(),
        last_success_at: Some(now() - TimeDelta::minutes(12)),
        successes_24h: 47,
        failures_24h: 1,
        success_rate_24h: Some(47.0 / 48.0),
        ttft_median_24h: Some(0.2149),
        tokens_per_second_median_24h: Some(271.3),
        ttft_median_24h_low: Some(0.2013),
        ttft_median_24h_high: Some(0.2294),
        tokens_per_second_median_24h_low: Some(255.1),
        tokens_per_second_median_24h_high: Some(288.6),
        ..ModelRow::default()
    };
    let failing = ModelRow {
        provider: "bedrock".into(),
        model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0".into(),
        freshness: "critical".into(),
        last_success_at: Some(now() - TimeDelta::days(9)),
        successes_24h: 0,
        failures_24h: 48,
        success_rate_24h: Some(0.0),
        ttft_median_24h: None,
        tokens_per_second_median_24h: None,
        last_error_kind: Some("rate_limit".into()),
        last_error_message: Some("Too many requests,\nplease wait before trying again.".into()),
        ..without_intervals(&healthy)
    };
    let off = ModelRow {
        provider: "openai".into(),
        model: "gpt-4.5-preview".into(),
        enabled: false,
        freshness: "disabled".into(),
        disabled_reason: Some("The provider has withdrawn it; its successor is measured".into()),
        disabled_class: Some("hard_model".into()),
        disabled_at: Some("2026-11-01T09:30:00.000Z".into()),
        disabled_by: Some("ann@ops-1".into()),
        disabled_until: Some("2027-01-01T00:00:00.000Z".into()),
        ..ModelRow::default()
    };
    let staged = ModelRow {
        provider: "together".into(),
        model: "Qwen/Qwen3-32B".into(),
        status: Some("probing".into()),
        freshness: "disabled".into(),
        ..ModelRow::default()
    };
    let odd = ModelRow {
        provider: String::new(),
        model: "forged\nrow \u{1b}[31m\u{202e}".into(),
        display_name: Some("=1+1\t".into()),
        freshness: "disabled".into(),
        disabled_at: Some("some day".into()),
        ..ModelRow::default()
    };
    vec![healthy, failing, off, staged, odd]
}

fn changes() -> Vec<ChangeView> {
    let change = |model: &str, before: Option<Value>, after: Value, became: &str| ChangeView {
        batch: "01M843W2EVZHSAJRP6TYV7XVBT".into(),
        action: Some("disable".into()),
        who: Some("ann@ops-1".into()),
        why: Some("withdrawn (hard_model)".into()),
        provider: "openai".into(),
        model: model.into(),
        at: now() - TimeDelta::hours(1),
        before: before.as_ref().map(fields),
        after: fields(&after),
        became: became.into(),
    };
    let off = || json!({"enabled": false, "disabled_reason": "withdrawn"});
    let on = || Some(json!({"enabled": true, "disabled_reason": null}));
    vec![
        change("gpt-4.5-preview", on(), off(), "done"),
        change("gpt-4.5-mini", on(), off(), "not_done"),
        change("new\u{1b}", None, json!({"enabled": true}), "unknown"),
    ]
}

fn batches() -> Vec<BatchView> {
    let whole = Batch {
        id: "01M843W2EVZHSAJRP6TYV7XVBT".into(),
        at: now() - TimeDelta::hours(1),
        who: "ann@ops-1".into(),
        action: "disable".into(),
        why: Some("withdrawn (hard_model)".into()),
        planned: 3,
        undoes: None,
        undone_by: Some("01M843W2EVZHSAJRP6TYV7XVBX".into()),
        finished_at: None,
    };
    let empty = Batch {
        id: "01M843W2EVZHSAJRP6TYV7XVBS".into(),
        action: "add".into(),
        why: None,
        undone_by: None,
        finished_at: Some(now()),
        ..whole.clone()
    };
    vec![BatchView { batch: whole, changes: changes() }, BatchView { batch: empty, changes: Vec::new() }]
}

fn details() -> ModelDetails {
    let row = rows().remove(2);
    let entry = json!({"provider": "openai", "model_id": "gpt-4.5-preview", "enabled": false,
        "created_at": "2026-01-02T03:04:05.000Z", "notes": {"deep": [1, "\u{1b}[2J"]}});
    let identity = Some(("gpt-4.5".to_owned(), now() - TimeDelta::days(3)));
    let times = (0..30).map(|hours| now() - TimeDelta::hours(hours));
    let coverage = LaneCoverage::of(times, now());
    let (endpoint_tag, quantization) = (Some("openai/direct".to_owned()), None);
    let model = ModelRef::new("openai", "gpt-4.5-preview");
    let rankings = vec![LaneRanking { model, endpoint_tag, quantization, coverage }];
    ModelDetails { row, entry: fields(&entry), identity, rankings, changes: changes() }
}

const FIGURES: ModelsTableOptions = ModelsTableOptions { off: false, wide: false };
const OFF: ModelsTableOptions = ModelsTableOptions { off: true, wide: false };

#[test]
fn lists_at_every_width() {
    for columns in [40, 80, 140] {
        let view = view(columns, false, false);
        let off: Vec<ModelRow> = rows().into_iter().filter(|row| !row.enabled).collect();
        assert_picture(&format!("models_list_{columns}"), &models::table(&rows(), FIGURES, now(), &view));
        assert_picture(&format!("models_list_disabled_{columns}"), &models::table(&off, OFF, now(), &view));
    }
    let wide = ModelsTableOptions { off: false, wide: true };
    assert_picture("models_list_wide", &models::table(&rows(), wide, now(), &view(80, false, true)));
}

#[test]
fn stories_and_histories() {
    for columns in [80, 140] {
        let view = view(columns, false, true);
        assert_picture(&format!("models_show_{columns}"), &models::stories(&[details()], now(), &view));
        assert_picture(
            &format!("models_history_{columns}"),
            &catalog_changes::text(&batches(), false, &view),
        );
        assert_picture(
            &format!("models_history_whole_{columns}"),
            &catalog_changes::text(&batches(), true, &view),
        );
    }
}

#[test]
fn nothing_is_wider_than_the_terminal_or_forges_a_line() {
    for columns in 40..160 {
        let view = view(columns, false, false);
        let shown = models::table(&rows(), FIGURES, now(), &view);
        assert_eq!(shown.lines().count(), rows().len() + 1, "at {columns}");
        let stories = models::stories(&[details()], now(), &view);
        let histories = catalog_changes::text(&batches(), true, &view);
        for text in [shown, stories, histories] {
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
            assert_eq!(text.lines().find(|line| text::width(line) > columns), None, "at {columns}");
        }
    }
    assert_eq!(models::ids(&rows()).lines().count(), rows().len() - 1);
    assert_eq!(models::table(&[], FIGURES, now(), &view(80, false, false)), "");
}

#[test]
fn programs_get_what_the_schemas_say() {
    let documents = [
        (include_str!("../../docs/schema/models_list.schema.json"), models::json(&rows(), now())),
        (
            include_str!("../../docs/schema/models_show.schema.json"),
            models::stories_json(&[details()], now()),
        ),
        (include_str!("../../docs/schema/models_history.schema.json"), catalog_changes::json(&batches())),
    ];
    for (schema, document) in documents {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
        let mut broken = document;
        broken.as_object_mut().unwrap().insert("surprise".into(), json!(1));
        assert_eq!(violations(&schema, &broken).len(), 1);
    }
}

#[test]
fn csv_has_a_line_a_model_and_no_formula() {
    let text = models::csv(&rows()).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.get(0), Some("provider"));
    let lines: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), rows().len());
    let name = header.iter().position(|title| title == "display_name").unwrap();
    assert_eq!(lines[4].get(name), Some("'=1+1\t"));
}

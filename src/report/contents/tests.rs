//! Facts for tests, and what stands on pages of them.

use super::facts::{BlockHistory, HistoryBlock, ReportFacts};
use super::model_detail::ModelDetail;
use super::weighted::rounded;
use super::{ReportContents, ReportedModel, by_model};
use crate::domain::ModelRef;
use crate::domain::calibration::CalibrationSummary;
use crate::domain::interval::Interval;
use crate::domain::series_block::{BlockFacts, BlockFigure, SLOTS_OF_DAY, slot_start};
use crate::domain::series_change::{
    ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use crate::measure::ranking::circumstances::WantedCircumstances;
use crate::measure::stats;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// The first slot of all: a Monday.
pub const FIRST: i64 = 20_780 * SLOTS_OF_DAY;

/// A series of a model with blocks over so many days, around a TTFT.
pub fn history(model: &str, days: i64, ttft: f64) -> BlockHistory {
    let (provider, id) = model.split_once(':').unwrap_or(("p", model));
    let block = |slot: i64| {
        // The golden ratio spreads evenly.
        let noise = 0.95 + 0.1 * (slot as f64 * 0.618_033_988_749_895).fract();
        let figure = |value: f64| Some(BlockFigure { median: rounded(value), samples: 6 });
        HistoryBlock {
            slot,
            ttft: figure(ttft * noise),
            tokens_per_second: figure(20.0 / ttft / noise),
            attempts: 7,
            failures: u32::from(slot % 3 == 0),
        }
    };
    BlockHistory {
        series: MeasuredSeries {
            model: ModelRef::new(provider, id),
            runner: Some("tokyo".to_owned()),
            profile: Some("short-v1".to_owned()),
            connection: Some("cold".to_owned()),
        },
        first_slot: FIRST,
        last_slot: FIRST + days * SLOTS_OF_DAY - 1,
        blocks: (FIRST..FIRST + days * SLOTS_OF_DAY).map(block).collect(),
        newest: BlockFacts { response_model: Some(format!("{id}-0801")), ..BlockFacts::default() },
    }
}

/// Facts of these series.
pub fn facts(series: Vec<BlockHistory>, days: i64) -> ReportFacts {
    ReportFacts {
        from: slot_start(FIRST),
        as_of: slot_start(FIRST + days * SLOTS_OF_DAY),
        wanted: WantedCircumstances::default(),
        series,
        changes: Vec::new(),
        calibrations: Vec::new(),
        failures: BTreeMap::new(),
    }
}

/// A change of a series that somebody has seen.
pub fn change(of: &BlockHistory) -> SeriesChange {
    let at = slot_start(FIRST + 20);
    let began = EstimatedTime { at, earliest: slot_start(FIRST + 19), latest: slot_start(FIRST + 22) };
    SeriesChange {
        id: "3f2a".to_owned(),
        series: of.series.clone(),
        level: ChangedLevel::Figure {
            figure: WatchedFigure::Ttft,
            before: 0.4,
            after: 0.5,
            ratio: Interval { low: 1.2, high: 1.3 },
        },
        began,
        noticed_at: slot_start(FIRST + 30),
        ended: None,
        scope: ChangeScope::Model,
        cause: ChangeCause::NothingElse,
        cause_line: "nothing else that is stored changed".to_owned(),
        acknowledged: Some(crate::domain::series_change::Acknowledgement {
            at,
            who: "ann@office".to_owned(),
            note: Some("told their sales".to_owned()),
        }),
        returned: None,
        confirmed: None,
    }
}

/// The data of a model as its file has it.
pub fn detail(facts: &ReportFacts, contents: &ReportContents, model: &ReportedModel) -> Value {
    let series = by_model(&facts.series);
    let failures = facts.failures.get(&model.name).cloned().unwrap_or_default();
    let changes = contents.changes_by_model().remove(&model.name).unwrap_or_default();
    serde_json::to_value(ModelDetail::of(contents, model, &series[&model.name], changes, failures)).unwrap()
}

#[test]
fn models_are_in_tiers_and_those_that_lack_something_say_what() {
    let mut warm = history("p:warm", 9, 0.1);
    warm.series.connection = Some("warm".to_owned());
    let mut failing = history("p:down", 9, 0.1);
    failing.series.connection = None;
    for block in &mut failing.blocks {
        (block.ttft, block.tokens_per_second, block.failures) = (None, None, block.attempts);
    }
    let young = history("p:young", 1, 0.2);
    let all = vec![
        history("p:slow", 9, 2.0),
        history("p:fast", 9, 0.4),
        history("p:same", 9, 0.4),
        warm,
        failing,
        young,
    ];
    let contents = ReportContents::of(&facts(all, 9));
    let of = |name: &str| contents.models.iter().find(|model| model.model == name).unwrap();
    let order: Vec<&str> = contents.models.iter().map(|model| model.model.as_str()).collect();
    assert_eq!(order[2], "slow", "{order:?}");
    assert_eq!(
        (of("fast").ttft.tier, of("same").ttft.tier, of("slow").ttft.tier),
        (Some(1), Some(1), Some(2))
    );
    assert_eq!((of("fast").ttft.place_from, of("fast").ttft.place_to), (Some(1), Some(2)));
    let fast = of("fast");
    assert_eq!((fast.ttft.n, fast.attempts, fast.failures), (9 * 8 * 6, 9 * 8 * 7, 24));
    let (low, high) = (fast.ttft.p10.unwrap(), fast.ttft.p90.unwrap());
    assert!(
        0.38 <= low && low < fast.ttft.median.unwrap() && fast.ttft.median.unwrap() < high && high <= 0.42
    );
    assert_eq!(fast.newest_before, Some(slot_start(FIRST + 72)));
    let missing = |name: &str| of(name).ttft.missing.clone().unwrap_or_default();
    assert!(missing("down").contains("all attempts failed"), "{}", missing("down"));
    assert!(missing("young").contains("1 of 3 days"), "{}", missing("young"));
    assert!(missing("warm").contains("circumstances"), "{}", missing("warm"));
    assert_eq!((of("down").ttft.median, of("down").availability), (None, Some(0.0)));
    assert_eq!(contents.circumstances.connection.as_deref(), Some("cold"));
    assert_eq!((contents.left_out.elsewhere, contents.circumstances.block_hours), (9 * 8 * 7, 24));
}

#[test]
fn nothing_and_one_row_are_no_ranking() {
    let nothing = ReportContents::of(&facts(Vec::new(), 1));
    assert_eq!((nothing.models.len(), nothing.providers().len()), (0, 0));
    let mut one = history("p:m", 1, 0.5);
    one.blocks.truncate(1);
    let contents = ReportContents::of(&facts(vec![one.clone()], 1));
    let model = &contents.models[0];
    assert_eq!((model.ttft.tier, model.ttft.median.is_some(), model.ttft.n), (None, true, 6));
    one.blocks[0] = HistoryBlock { slot: FIRST, attempts: 1, ..HistoryBlock::default() };
    let contents = ReportContents::of(&facts(vec![one], 1));
    assert_eq!((contents.models[0].ttft.median, contents.left_out.elsewhere), (None, 1), "null figures");
}

#[test]
fn who_has_seen_a_change_is_nobody_elses_business() {
    let one = history("p:m", 9, 0.4);
    let mut facts = facts(vec![one.clone()], 9);
    facts.changes.push(change(&one));
    let text = serde_json::to_string(&ReportContents::of(&facts)).unwrap();
    assert!(text.contains("3f2a") && !text.contains("ann@office") && !text.contains("sales"), "{text}");
}

#[test]
fn a_change_of_a_model_without_a_page_is_left_out() {
    let (one, gone) = (history("p:m", 9, 0.4), history("p:gone", 9, 0.4));
    let mut facts = facts(vec![one.clone()], 9);
    facts.changes = vec![change(&one), change(&gone)];
    let contents = ReportContents::of(&facts);
    let models: Vec<&str> =
        contents.changes.iter().map(|one| one.change.series.model.model_id.as_str()).collect();
    assert_eq!(models, ["m"]);
}

#[test]
fn a_picture_of_medians_has_the_middle_of_its_table() {
    let mut one = history("p:m", 1, 0.4);
    for (place, block) in one.blocks.iter_mut().enumerate() {
        block.ttft =
            Some(BlockFigure { median: 0.1 + place as f64, samples: if place == 7 { 90 } else { 1 } });
    }
    let facts = facts(vec![one], 1);
    let contents = ReportContents::of(&facts);
    let series = by_model(&facts.series);
    let model = &contents.models[0];
    let detail = ModelDetail::of(&contents, model, &series[&model.name], Vec::new(), BTreeMap::new());
    let mut medians = detail.medians(WatchedFigure::Ttft);
    medians.sort_by(f64::total_cmp);
    assert_eq!(medians.len(), 97);
    assert_eq!(detail.spread.ttft.p50, Some(rounded(stats::percentile(&medians, 50.0))));
}

#[test]
fn a_host_is_named_only_where_it_measured() {
    let calibration = |runner: &str| CalibrationSummary {
        id: "c".to_owned(),
        at: DateTime::<Utc>::UNIX_EPOCH,
        host: "office-7".to_owned(),
        runner: Some(runner.to_owned()),
        may_publish: true,
        verdict: String::new(),
        streams: None,
        ttft_error_mean: None,
        ttft_error_p99: None,
    };
    let mut facts = facts(vec![history("p:m", 9, 0.4)], 9);
    facts.calibrations = vec![calibration("tokyo"), calibration("office-7:097eb34b")];
    let runners: Vec<Option<String>> =
        ReportContents::of(&facts).calibrations.into_iter().map(|one| one.runner).collect();
    assert_eq!(runners, [Some("tokyo".to_owned()), None]);
}

/// The samples of a figure, written out.
fn samples(history: &Value, figure: &str, within: impl Fn(i64) -> bool) -> Vec<f64> {
    let column = |name: &str| history[name].as_array().unwrap().clone();
    let (slots, values, counts) = (column("slots"), column(figure), column(&format!("{figure}_n")));
    let mut all = Vec::new();
    for ((slot, value), count) in slots.iter().zip(&values).zip(&counts) {
        if let Some(value) = value.as_f64().filter(|_| within(slot.as_i64().unwrap())) {
            all.extend(std::iter::repeat_n(value, count.as_u64().unwrap() as usize));
        }
    }
    all.sort_by(f64::total_cmp);
    all
}

fn at(all: &[f64], rank: f64) -> Value {
    if all.is_empty() { Value::Null } else { rounded(stats::percentile(all, rank)).into() }
}

#[test]
fn every_number_of_a_model_can_be_computed_again_from_its_file() {
    let mut warm = history("p:m", 9, 0.2);
    warm.series.connection = Some("warm".to_owned());
    let facts = facts(vec![history("p:m", 9, 0.4), warm, history("p:other", 9, 0.4)], 9);
    let contents = ReportContents::of(&facts);
    let model = contents.models.iter().find(|model| model.model == "m").unwrap();
    let data = detail(&facts, &contents, model);
    let routes = data["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 2);
    for history in data["history"].as_array().unwrap() {
        let route = &routes[history["route"].as_u64().unwrap() as usize];
        for figure in ["ttft", "tokens_per_second"] {
            let all = samples(history, figure, |_| true);
            for (name, rank) in [("median", 50.0), ("p10", 10.0), ("p90", 90.0)] {
                assert_eq!(route[figure][name], at(&all, rank), "{figure} {name}");
            }
            assert_eq!(route[figure]["n"], all.len());
        }
        let sum = |name: &str| {
            history[name].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).sum::<u64>()
        };
        let (attempts, failures) = (sum("attempts"), sum("failures"));
        assert_eq!((&route["attempts"], &route["failures"]), (&attempts.into(), &failures.into()));
        assert_eq!(route["availability"], rounded((attempts - failures) as f64 / attempts as f64));
        if route["pictured"] == false {
            continue;
        }
        for (figure, names) in [("ttft", "ttft"), ("tokens_per_second", "tokens_per_second")] {
            let all = samples(history, figure, |_| true);
            for (name, rank) in [("min", 0.0), ("p25", 25.0), ("p50", 50.0), ("p75", 75.0), ("max", 100.0)] {
                assert_eq!(data["spread"][names][name], at(&all, rank));
            }
            let standing = &data["standing"][figure];
            assert_eq!((&standing["p10"], &standing["p90"]), (&at(&all, 10.0), &at(&all, 90.0)));
            let days: Vec<f64> = (0..9)
                .map(|day| {
                    let of_day = samples(history, figure, |slot| (slot - FIRST) / 8 == day);
                    stats::percentile(&of_day.iter().map(|value| value.ln()).collect::<Vec<_>>(), 50.0)
                })
                .collect();
            let median = standing["median"].as_f64().unwrap();
            assert!(
                (median.ln() - days.iter().sum::<f64>() / 9.0).abs() < 1e-5,
                "the geometric mean of days"
            );
        }
        for (place, day) in data["days"].as_array().unwrap().iter().enumerate() {
            let all = samples(history, "ttft", |slot| (slot - FIRST) / 8 == place as i64);
            assert_eq!((&day["ttft"], &day["n"]), (&at(&all, 50.0), &all.len().into()));
        }
        for cell in data["week"].as_array().unwrap() {
            let wanted = cell["weekday"].as_i64().unwrap() * 8 + cell["hour"].as_i64().unwrap() / 3;
            let all = samples(history, "ttft", |slot| (slot - FIRST).rem_euclid(56) == wanted);
            assert_eq!((&cell["ttft"], &cell["n"]), (&at(&all, 50.0), &all.len().into()), "{cell}");
        }
    }
}

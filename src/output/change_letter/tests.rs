//! Letters about changes: what people and programs get, and what no name can do to them.

use super::*;
use crate::domain::ModelRef;
use crate::domain::interval::Interval;
use crate::domain::series_change::{
    Acknowledgement, ChangeCause, ChangeReturn, ChangedLevel, EstimatedTime, MeasuredSeries, WatchedFigure,
};
use crate::output::schema_check::violations;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::json;

fn at(hours: i64) -> DateTime<Utc> {
    "2026-12-01T14:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn estimate(hours: i64) -> EstimatedTime {
    EstimatedTime { at: at(hours), earliest: at(hours - 6), latest: at(hours + 12) }
}

fn change(id: &str, model: &str, scope: ChangeScope, factor: f64) -> SeriesChange {
    SeriesChange {
        id: id.to_owned(),
        series: MeasuredSeries {
            model: ModelRef::new("groq", model),
            runner: Some("eu-1".to_owned()),
            profile: Some("cloud-default-v1".to_owned()),
            connection: Some("cold".to_owned()),
        },
        level: ChangedLevel::Figure {
            figure: WatchedFigure::Ttft,
            before: 0.412,
            after: 0.412 * factor,
            ratio: Interval { low: factor * 0.96, high: factor * 1.04 },
        },
        began: estimate(0),
        noticed_at: at(36),
        ended: None,
        scope,
        cause: ChangeCause::NothingElse,
        cause_line: "nothing else that is stored changed".to_owned(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

/// One of every kind, and names that would forge lines and headers.
fn all() -> Vec<SeriesChange> {
    let path = SeriesChange {
        cause: ChangeCause::Path,
        cause_line: "as eu-1 alone sees it; us-2, which measures the same, does not: the path from eu-1"
            .to_owned(),
        ..change("p1", "llama", ChangeScope::Path, 1.4)
    };
    let mut rate = change("m1", "qwen", ChangeScope::Model, 1.0);
    rate.level = ChangedLevel::Figure {
        figure: WatchedFigure::TokensPerSecond,
        before: 212.0,
        after: 96.0,
        ratio: Interval { low: 0.43, high: 0.48 },
    };
    rate.acknowledged =
        Some(Acknowledgement { at: at(40), who: "ann".to_owned(), note: Some("asked them".to_owned()) });
    let mut swap =
        change("m2", "evil\r\nBcc: eve@example.com\u{1b}[2J <!channel> & co", ChangeScope::Model, 1.0);
    swap.level = ChangedLevel::Swap {
        fact: "system_fingerprint".to_owned(),
        before: "fp_1".to_owned(),
        after: "fp_2".to_owned(),
    };
    swap.series.runner = None;
    let over = SeriesChange { ended: Some(estimate(60)), ..change("o1", "gemma", ChangeScope::Model, 0.8) };
    let host = change("h1", "llama", ChangeScope::Runner, 2.4);
    vec![
        change("g1", "llama", ChangeScope::Provider, 1.25),
        change("g2", "kimi", ChangeScope::Provider, 1.3),
        rate,
        swap,
        path,
        host,
        over,
    ]
}

fn of(changes: &[SeriesChange]) -> NoticeMessage {
    let told: Vec<ToldChange<'_>> = changes
        .iter()
        .map(|change| {
            let moment = if change.ended.is_some() { ChangeMoment::Ended } else { ChangeMoment::Began };
            ToldChange { moment, change }
        })
        .collect();
    letter(&told, changes.iter().map(|change| change.id.clone()))
}

fn assert_picture(name: &str, picture: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, picture));
}

#[test]
fn what_people_and_programs_get() {
    let letter = of(&all());
    assert_picture("change_mail", &format!("Subject: {}\n\n{}", letter.subject, letter.text));
    assert_picture("change_webhook", &format!("{:#}\n", letter.document));
}

#[test]
fn programs_get_what_the_schema_says() {
    let schema =
        serde_json::from_str(include_str!("../../../docs/schema/changes_notice.schema.json")).unwrap();
    assert_eq!(violations(&schema, &of(&all()).document), [""; 0]);
}

/// What one runner alone sees is never told as the provider's: its name stands in the reference to the model alone.
#[test]
fn a_path_names_no_provider() {
    let path: Vec<SeriesChange> =
        all().into_iter().filter(|change| change.scope == ChangeScope::Path).collect();
    let letter = of(&path);
    assert_eq!(letter.subject, "llmbench: the path from eu-1 slower (1 series)");
    let elsewhere = letter.text.replace("groq:llama", "");
    assert!(!elsewhere.contains("groq") && !elsewhere.contains("provider"), "{}", letter.text);
    let chat = letter.document["text"].as_str().unwrap().replace("groq:llama", "");
    assert!(!chat.contains("groq") && !chat.contains("provider"), "{chat}");
    assert_eq!((&letter.document["changes"][0]["scope"]), &json!("path"));
}

#[test]
fn both_ends_of_a_change_are_one_line() {
    let changes = [SeriesChange { ended: Some(estimate(9)), ..change("1", "m", ChangeScope::Model, 1.5) }];
    let notices = [ChangeNotice::began(&changes[0]), ChangeNotice::ended(&changes[0]).unwrap()];
    let lost = ChangeNotice { change_id: "2".to_owned(), ..notices[0].clone() };
    let told = told(&[&notices[0], &notices[1], &lost], &changes);
    assert_eq!(told, [ToldChange { moment: ChangeMoment::Ended, change: &changes[0] }]);
    assert!(super::told(&[&lost], &changes).is_empty());
}

#[test]
fn what_came_back_is_told_as_back_and_an_end_that_did_not_hold_is_not_told() {
    let first = SeriesChange { ended: Some(estimate(9)), ..change("1", "m", ChangeScope::Model, 1.5) };
    let returned = Some(ChangeReturn { times: 1, at: at(60) });
    let back = SeriesChange { ended: None, returned, ..first.clone() };
    let notices = [ChangeNotice::ended(&first).unwrap(), ChangeNotice::began(&back)];
    assert_eq!(notices[1].at, at(60));
    let now = [back.clone()];
    let told = told(&[&notices[0], &notices[1]], &now);
    assert_eq!(told, [ToldChange { moment: ChangeMoment::Began, change: &back }]);
    let letter = letter(&told, [notices[1].change_id.clone()]);
    assert_eq!(letter.subject, "llmbench: groq:m slower again");
    assert!(
        letter.text.contains("groq:m  is back after it was over: ttft 412 ms → 618 ms"),
        "{}",
        letter.text
    );
    assert_eq!(letter.document["changes"][0]["returned"]["times"], 1);
    assert!(super::told(&notices[..1].iter().collect::<Vec<_>>(), &now).is_empty(), "it is open");
    let over = [SeriesChange { ended: Some(estimate(90)), ..back.clone() }];
    let ended = ChangeNotice::ended(&over[0]).unwrap();
    let told = super::told(&[&notices[1], &ended], &over);
    assert_eq!(told, [ToldChange { moment: ChangeMoment::Ended, change: &over[0] }]);
}

#[test]
fn what_no_other_runner_confirmed_is_told_with_these_words() {
    let mut one = change("1", "m", ChangeScope::Model, 1.5);
    let says = |one: &SeriesChange| {
        let letter = of(std::slice::from_ref(one));
        let chat = letter.document["text"].as_str().unwrap().to_owned();
        [letter.text, chat].map(|text| text.contains("seen from one runner only; not confirmed by others"))
    };
    assert_eq!(says(&one), [false; 2], "nobody else measures it");
    one.confirmed = Some(false);
    assert_eq!(says(&one), [true; 2]);
    one.scope = ChangeScope::Path;
    assert_eq!(says(&one), [false; 2]);
    one = SeriesChange { confirmed: Some(true), scope: ChangeScope::Provider, ..one };
    assert_eq!(says(&one), [false; 2]);
}

#[test]
fn no_name_forges_a_line_or_calls_a_channel() {
    let letter = of(&all());
    assert!(!letter.subject.contains(char::is_control) && !letter.text.contains('\u{1b}'));
    assert!(!letter.text.lines().any(|line| line.starts_with("Bcc")), "{}", letter.text);
    assert!(!letter.document["text"].as_str().unwrap().contains("<!channel>"));
    let turned: Vec<SeriesChange> = all().into_iter().rev().collect();
    assert_eq!(letter.id, of(&turned).id);
    assert_eq!((letter.subject, letter.text), (of(&turned).subject, of(&turned).text));
}

#[test]
fn long_lists_end_in_a_count() {
    let many: Vec<SeriesChange> = (0..400)
        .map(|number| {
            let model = format!("{number:03}{}", "x".repeat(100_000));
            change(&number.to_string(), &model, ChangeScope::Provider, 1.3)
        })
        .collect();
    let letter = of(&many);
    assert_eq!(letter.subject, "llmbench: groq slower (400 models)");
    assert!(letter.text.contains("  and 375 more\n") && letter.text.len() < 20_000, "{}", letter.text.len());
    assert!(letter.document.to_string().len() < 60_000, "{}", letter.document.to_string().len());
    assert_eq!((&letter.document["more"], &letter.document["counts"]["began"]), (&json!(350), &json!(400)));
    assert!(letter.document["text"].as_str().unwrap().len() < 8_000);
}

proptest! {
    #[test]
    fn a_subject_is_one_line_whatever_the_names(model in any::<String>(), runner in any::<Option<String>>(),
        cause_line in any::<String>(), path in any::<bool>()) {
        let scope = if path { ChangeScope::Path } else { ChangeScope::Model };
        let mut one = change("1", &model, scope, 1.3);
        one.series.runner = runner;
        one.cause_line = format!("c{cause_line}");
        let letter = of(&[one]);
        prop_assert!(!letter.subject.contains(char::is_control));
        prop_assert_eq!(letter.text.lines().count(), 11);
    }
}

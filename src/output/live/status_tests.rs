//! `status --watch` as people see it, and what any keys, sizes and rows do to it.

use super::chart::ModelHistory;
use super::keys::LiveKey;
use super::list::ListLine;
use super::series::{LiveFailure, LiveSample};
use super::status_view::{StatusNews, StatusView, StoreAnswer};
use super::testing::{any_key, change, drawn, look, now, samples, terminal, typed};
use super::view_thread::{LiveView, ViewStep};
use crate::domain::ModelRef;
use crate::output::snapshots::assert_picture;
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn view(unicode: bool) -> (StatusView, UnboundedReceiver<ModelRef>) {
    let (ask, questions) = unbounded_channel();
    let mut view = StatusView::new(terminal(unicode), ask);
    view.apply(StatusNews::Look(Box::new(look())));
    (view, questions)
}

fn selected(view: &StatusView) -> ListLine {
    let lines = view.lines();
    lines[view.list.position(&lines)].clone()
}

#[test]
fn the_view_at_every_width() {
    for columns in [60, 80, 120, 200] {
        assert_picture(&format!("live_status_{columns}"), &drawn(&mut view(true).0, columns, 24));
    }
    let ascii = drawn(&mut view(false).0, 80, 40);
    assert!(ascii.is_ascii(), "{ascii}");
    assert_picture("live_status_80_ascii", &ascii);
    assert_picture("live_status_60_least", &drawn(&mut view(true).0, 60, 12));
}

#[test]
fn a_small_terminal_is_told_what_is_needed_and_a_larger_one_has_lost_nothing() {
    let (mut view, _questions) = view(true);
    view.press(LiveKey::Down);
    let before = drawn(&mut view, 80, 24);
    for (columns, lines) in [(59, 24), (80, 11), (8, 3), (1, 1)] {
        let small = drawn(&mut view, columns, lines);
        assert!(small.starts_with("The") || columns < 3, "{small}");
    }
    assert_eq!(drawn(&mut view, 80, 24), before);
}

#[test]
fn a_store_that_is_away_leaves_the_picture_with_its_age() {
    let (mut view, _questions) = view(true);
    let mut away = look();
    (away.samples, away.failures) = (Vec::new(), Vec::new());
    away.store = StoreAnswer {
        at: Some(now() - TimeDelta::minutes(4)),
        error: Some("no server answers".to_owned()),
        ..StoreAnswer::default()
    };
    view.apply(StatusNews::Look(Box::new(away)));
    let shown = drawn(&mut view, 100, 24);
    assert!(shown.contains("is away; this picture is 4 min old: no server answers"), "{shown}");
    assert!(shown.contains("qwen3-32b"), "{shown}");
}

#[test]
fn the_same_row_twice_counts_once_and_old_rows_go() {
    let (mut view, _questions) = view(true);
    view.apply(StatusNews::Look(Box::new(look())));
    assert_eq!(view.failures.len(), 2);
    assert_eq!(view.series[&"groq:qwen3-32b".parse().unwrap()].ended(), 12);
    let mut later = look();
    later.report.as_of = now() + TimeDelta::hours(7);
    (later.samples, later.failures) = (Vec::new(), Vec::new());
    view.apply(StatusNews::Look(Box::new(later)));
    assert!(view.series.is_empty() && view.failures.is_empty());
    assert!(drawn(&mut view, 80, 24).contains("groq"), "providers stay");
}

#[test]
fn enter_opens_a_model_and_escape_closes_it() {
    let (mut view, mut questions) = view(true);
    view.press(LiveKey::Enter);
    let model: ModelRef = "groq:llama-3.3-70b-versatile".parse().unwrap();
    assert_eq!(questions.try_recv().unwrap(), model);
    assert!(drawn(&mut view, 80, 24).contains("reading the days before"));
    let from = now() - TimeDelta::days(7);
    let mut history = ModelHistory {
        model: ModelRef::new("groq", "other"),
        from,
        samples: Vec::new(),
        failures: Vec::new(),
        changes: Vec::new(),
        remark: None,
    };
    view.apply(StatusNews::History(Box::new(history.clone())));
    assert!(drawn(&mut view, 80, 24).contains("reading"), "an answer about another model is late");
    history.model = model;
    history.samples = samples("groq:llama-3.3-70b-versatile", 0.2, 1.25);
    history.changes = vec![change("groq:llama-3.3-70b-versatile")];
    view.apply(StatusNews::History(Box::new(history)));
    assert_picture("live_chart_80", &drawn(&mut view, 80, 24));
    assert_picture("live_chart_120", &drawn(&mut view, 120, 40));
    assert_eq!(view.press(LiveKey::Char('j')), ViewStep::On);
    view.press(LiveKey::Escape);
    assert!(drawn(&mut view, 80, 24).contains("qwen3-32b"));
}

#[test]
fn keys_do_what_the_help_says() {
    let (mut view, _questions) = view(true);
    view.press(LiveKey::Down);
    let chosen = selected(&view);
    for _ in 0..5 {
        typed(&mut view, "s");
        assert_eq!(selected(&view), chosen, "{:?}", view.list.sort);
    }
    typed(&mut view, "/GPT");
    let filtered = drawn(&mut view, 80, 24);
    assert!(filtered.contains("gpt-5") && !filtered.contains("qwen3-32b  "), "{filtered}");
    assert!(filtered.contains("/GPT_"), "{filtered}");
    view.press(LiveKey::Escape);
    assert_eq!(selected(&view), chosen);
    typed(&mut view, "?");
    assert_picture("live_status_help", &drawn(&mut view, 80, 24));
    assert_eq!((view.press(LiveKey::Char('q')), view.help), (ViewStep::On, false));
    assert_eq!(view.press(LiveKey::Char('q')), ViewStep::Quit);
}

#[test]
fn nothing_is_known_yet_and_nothing_is_stored() {
    let (ask, _questions) = unbounded_channel();
    let mut view = StatusView::new(terminal(true), ask);
    assert!(drawn(&mut view, 80, 24).contains("looking ..."));
    let mut first = look();
    (first.samples, first.failures, first.report.problems) = (Vec::new(), Vec::new(), Vec::new());
    (first.report.fleet, first.report.daemon_status, first.store) = (None, None, StoreAnswer::default());
    view.apply(StatusNews::Look(Box::new(first.clone())));
    let asking = drawn(&mut view, 80, 24);
    assert!(asking.contains("asking the store ...") && asking.contains("has not answered yet"), "{asking}");
    first.store.at = Some(now());
    view.apply(StatusNews::Look(Box::new(first)));
    let nothing = drawn(&mut view, 80, 24);
    assert!(nothing.contains("all is well") && nothing.contains("nothing was stored"), "{nothing}");
}

fn any_sample() -> impl Strategy<Value = LiveSample> {
    let (figure, name) = (prop::option::of(any::<f64>()), any::<String>());
    (name, 0..5_u8, any::<i64>(), figure.clone(), figure).prop_map(|(name, place, at, ttft, rate)| {
        LiveSample {
            id: name.clone(),
            model: ModelRef::new(format!("p{place}"), name),
            at: DateTime::from_timestamp_millis(at)
                .unwrap_or_else(|| now() - TimeDelta::minutes(i64::from(place))),
            ttft,
            rate,
        }
    })
}

proptest! {
    #[test]
    fn any_keys_sizes_and_rows_are_drawn(
        steps in prop::collection::vec((0..14_u8, any::<char>(), 1..220_u16, 1..70_u16), 0..12),
        samples in prop::collection::vec(any_sample(), 0..12),
        message: String,
    ) {
        let (mut view, _questions) = view(true);
        let mut odd = look();
        odd.failures = samples.iter().map(|sample| LiveFailure {
            id: sample.id.clone(),
            model: sample.model.clone(),
            at: sample.at,
            kind: message.clone(),
            message: message.clone(),
        }).collect();
        odd.samples = samples;
        odd.report.store = Some(message.clone());
        odd.store.error = Some(message);
        view.apply(StatusNews::Look(Box::new(odd)));
        for (key, ch, columns, lines) in steps {
            view.press(any_key(key, ch));
            let shown = drawn(&mut view, columns, lines);
            prop_assert!(!shown.chars().any(|ch| ch.is_control() && ch != '\n'), "{shown:?}");
        }
    }
}

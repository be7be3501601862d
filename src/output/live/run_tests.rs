//! `run --live` as people see it, and what any keys, sizes and news do to it.

use super::keys::LiveKey;
use super::live_run::{RunCounters, RunPlan};
use super::run_view::{RunNews, RunView};
use super::testing::{any_key, drawn, now, terminal, typed};
use super::view_thread::{LiveView, ViewStep};
use crate::domain::Outcome;
use crate::measure::testing::run;
use crate::output::snapshots::assert_picture;
use chrono::TimeDelta;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn view() -> RunView {
    let plan = RunPlan {
        title: "cloud-default-v1, 3 models, 2 at once per provider".to_owned(),
        models: ["groq:a", "groq:b\u{1b}[2J", "openai:x"].map(|model| model.parse().unwrap()).to_vec(),
        requests: Some(60),
        duration: None,
        started_at: now() - TimeDelta::seconds(90),
    };
    let models = plan.models.iter().map(|_| Default::default()).collect();
    let counters = Arc::new(RunCounters { models, ..RunCounters::default() });
    let mut view = RunView::new(plan, counters, terminal(true));
    for place in 0..18_i64 {
        let ttft = 0.2 + 0.02 * (place % 5) as f64;
        let outcome = Outcome::Success(Box::new(run("groq", "a", ttft)));
        news(
            &mut view,
            RunNews::ended((place % 2) as usize, &outcome, now() - TimeDelta::seconds(90 - place * 5)),
        );
    }
    let kind = "rate_limit".to_owned();
    news(&mut view, RunNews::Failure { place: 2, at: now(), kind, message: "slow down\n(429)".to_owned() });
    view.counters.models[2].failed.store(1, Ordering::Relaxed);
    view.counters.models[0].in_flight.store(2, Ordering::Relaxed);
    news(&mut view, RunNews::Note("openai:x asks for a pause".to_owned()));
    view
}

fn news(view: &mut RunView, news: RunNews) {
    view.counters.waiting.fetch_add(1, Ordering::Relaxed);
    if let RunNews::Sample { place, .. } | RunNews::Failure { place, .. } = &news {
        view.counters.models[*place].ended.fetch_add(1, Ordering::Relaxed);
    }
    view.apply(news);
}

#[test]
fn the_view_at_every_width() {
    for columns in [60, 80, 120, 200] {
        assert_picture(&format!("live_run_{columns}"), &drawn(&mut view(), columns, 24));
    }
    let mut view = view();
    typed(&mut view, "?");
    assert_picture("live_run_help", &drawn(&mut view, 80, 24));
}

#[test]
fn the_time_that_is_left_is_that_of_what_comes_first() {
    let mut view = view();
    assert!(
        drawn(&mut view, 80, 24).contains("19 of 60 ended, 1 failed, 2 in flight; 90 s, about 3 min left")
    );
    view.plan.duration = Some(Duration::from_secs(120));
    assert!(drawn(&mut view, 80, 24).contains("about 30 s left"));
    (view.plan.duration, view.plan.requests) = (None, None);
    let endless = drawn(&mut view, 80, 24);
    assert!(endless.contains("19 ended") && !endless.contains("left"), "{endless}");
}

#[test]
fn stopping_needs_an_answer() {
    let mut view = view();
    assert_eq!(view.press(LiveKey::Char('q')), ViewStep::On);
    assert!(drawn(&mut view, 80, 24).contains("Stop this run?"));
    assert_eq!(view.press(LiveKey::Char('n')), ViewStep::On);
    assert!(!drawn(&mut view, 80, 24).contains("Stop this run?"));
    typed(&mut view, "q");
    assert_eq!(view.press(LiveKey::Char('y')), ViewStep::Interrupt);
    assert!(drawn(&mut view, 80, 24).contains("stopping ..."));
}

#[test]
fn a_model_opens_and_what_was_missed_is_told() {
    let mut view = view();
    view.press(LiveKey::Enter);
    let chart = drawn(&mut view, 80, 24);
    assert!(chart.contains("groq:a") && chart.contains("9 runs"), "{chart}");
    view.press(LiveKey::Escape);
    view.counters.missed.store(7, Ordering::Relaxed);
    assert!(drawn(&mut view, 80, 24).contains("7 events came too fast"));
}

proptest! {
    #[test]
    fn any_keys_sizes_and_news_are_drawn(
        steps in prop::collection::vec((0..14_u8, any::<char>(), 1..220_u16, 1..70_u16, any::<String>(), any::<f64>()), 0..12),
    ) {
        let mut view = view();
        for (key, ch, columns, lines, text, figure) in steps {
            news(&mut view, RunNews::Note(text.clone()));
            news(&mut view, RunNews::Failure { place: 1, at: now(), kind: text.clone(), message: text });
            news(&mut view, RunNews::Sample { place: 2, at: now(), ttft: Some(figure), rate: Some(-figure) });
            view.press(any_key(key, ch));
            let shown = drawn(&mut view, columns, lines);
            prop_assert!(!shown.chars().any(|ch| ch.is_control() && ch != '\n'), "{shown:?}");
        }
        prop_assert_eq!(view.counters.waiting.load(Ordering::Relaxed), 0);
    }
}

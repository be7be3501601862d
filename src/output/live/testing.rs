//! A fleet of two providers for the tests of views, and what stands on a terminal of any size.

use super::keys::LiveKey;
use super::series::{LiveFailure, LiveSample};
use super::status_view::{StatusLook, StoreAnswer};
use super::view_thread::LiveView;
use crate::domain::ModelRef;
use crate::domain::daemon_status::{
    BudgetReport, DaemonStatus, LaneActivity, LaneReport, OutboxReport, fixtures,
};
use crate::domain::fleet::{Fleet, ProviderState};
use crate::domain::interval::Interval;
use crate::domain::series_change::{
    ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, SeriesChange, WatchedFigure,
};
use crate::output::status::StatusReport;
use crate::output::terminal::{Terminal, TerminalEnv};
use chrono::{DateTime, TimeDelta, Utc};
use ratatui::backend::TestBackend;
use std::time::Duration;

pub fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub fn terminal(unicode: bool) -> Terminal {
    let wishes = TerminalEnv { no_colour: true, unicode, ..TerminalEnv::default() };
    Terminal::new(wishes, true, true, Some(80))
}

/// What stands on a terminal of this size, without trailing blanks.
pub fn drawn(view: &mut impl LiveView, columns: u16, lines: u16) -> String {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| view.draw(frame, now())).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let cells = (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        cells.trim_end().to_owned() + "\n"
    };
    (0..lines).map(line).collect()
}

pub fn typed(view: &mut impl LiveView, keys: &str) {
    for key in keys.chars() {
        view.press(LiveKey::Char(key));
    }
}

/// Keys by number.
pub fn any_key(number: u8, ch: char) -> LiveKey {
    match number {
        0 => LiveKey::Up,
        1 => LiveKey::Down,
        2 => LiveKey::PageUp,
        3 => LiveKey::PageDown,
        4 => LiveKey::Home,
        5 => LiveKey::End,
        6 => LiveKey::Enter,
        7 => LiveKey::Escape,
        8 => LiveKey::Backspace,
        9 => LiveKey::Char('s'),
        10 => LiveKey::Char('/'),
        11 => LiveKey::Char('?'),
        _ => LiveKey::Char(ch),
    }
}

fn minutes_ago(minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(minutes)
}

/// Samples of a model, one each half hour, slower in the last two hours by `factor`.
pub fn samples(model: &str, ttft: f64, factor: f64) -> Vec<LiveSample> {
    let model: ModelRef = model.parse().unwrap();
    let sample = |place: i64| {
        let slowed = if place < 4 { factor } else { 1.0 };
        let wave = 1.0 + 0.1 * (place % 3) as f64;
        LiveSample {
            id: format!("{model}-{place}"),
            model: model.clone(),
            at: minutes_ago(place * 30 + 2),
            ttft: Some(ttft * slowed * wave),
            rate: Some(40.0 / ttft / slowed / wave),
        }
    };
    (0..12).map(sample).collect()
}

pub fn failure(model: &str, minutes: i64, kind: &str, message: &str) -> LiveFailure {
    LiveFailure {
        id: format!("{model}-{minutes}-failed"),
        model: model.parse().unwrap(),
        at: minutes_ago(minutes),
        kind: kind.to_owned(),
        message: message.to_owned(),
    }
}

pub fn change(model: &str) -> SeriesChange {
    let at = minutes_ago(120);
    SeriesChange {
        id: "3fa9".to_owned(),
        series: MeasuredSeries {
            model: model.parse().unwrap(),
            runner: None,
            profile: None,
            connection: None,
        },
        level: ChangedLevel::Figure {
            figure: WatchedFigure::Ttft,
            before: 0.2,
            after: 0.25,
            ratio: Interval { low: 1.2, high: 1.31 },
        },
        began: EstimatedTime { at, earliest: at, latest: at },
        noticed_at: at,
        ended: None,
        scope: ChangeScope::Model,
        cause: ChangeCause::NothingElse,
        cause_line: "nothing else that is stored changed".to_owned(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

fn daemon_status() -> DaemonStatus {
    let producing = LaneReport {
        due: 2,
        running: 1,
        budget: Some(BudgetReport { runs_left: Some(280), runs_limit: Some(400), ..BudgetReport::default() }),
        ..fixtures::lane("groq", now())
    };
    let held = LaneReport {
        state: LaneActivity::Held,
        reason: Some("the key is refused (401)".to_owned()),
        until: Some(now() + TimeDelta::minutes(20)),
        running: 0,
        due: 3,
        ..fixtures::lane("openai", now())
    };
    DaemonStatus {
        pid: 4711,
        written_at: now() - TimeDelta::seconds(4),
        outbox: OutboxReport { pending: 12, ..OutboxReport::default() },
        lanes: vec![producing, held],
        ..fixtures::daemon_status(now())
    }
}

pub fn look() -> StatusLook {
    let state = |provider: &str, fresh, critical| ProviderState {
        provider: provider.to_owned(),
        enabled: fresh + critical,
        fresh,
        critical,
        ..ProviderState::default()
    };
    let fleet = Fleet { providers: vec![state("groq", 2, 0), state("openai", 1, 2)], ..Fleet::default() };
    let daemon_status = daemon_status();
    let problems = fleet.problems(now(), Some(&daemon_status));
    let report = StatusReport {
        as_of: now(),
        problems,
        store: Some("mongodb://db/llm-bench".to_owned()),
        fleet: Some(fleet),
        ranking: None,
        open_changes: Some(vec![change("groq:llama-3.3-70b-versatile")]),
        calibrations: None,
        daemon_status: Some(daemon_status),
    };
    let models = [
        ("groq:llama-3.3-70b-versatile", 0.2, 1.25),
        ("groq:qwen3-32b", 0.1, 1.0),
        ("openai:gpt-5", 0.9, 1.0),
    ];
    StatusLook {
        report,
        samples: models.iter().flat_map(|(model, ttft, factor)| samples(model, *ttft, *factor)).collect(),
        failures: vec![
            failure("openai:gpt-5-mini", 3, "auth", "the key is refused\n\u{1b}[2J(401)"),
            failure("openai:gpt-5", 40, "timeout", "no byte for 30 s"),
        ],
        store: StoreAnswer {
            at: Some(now() - TimeDelta::seconds(2)),
            took: Duration::from_millis(14),
            ..StoreAnswer::default()
        },
    }
}

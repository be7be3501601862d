//! What an operator lives through: a provider becomes slower, is told by mail once with time, size and cause, is
//! acknowledged, recovers, and is told as over. The binary, real sockets, both stores, weeks of rows.

use crate::daemon::world::{Daemon, until};
use crate::results::bulk::fill;
use crate::results::changes::{Behaviour, history};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::smtp::{Smtp, header};
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use serde_json::Value;
use std::fs;
use tokio::runtime::Runtime;

const CONFIGURATION: &str = "[daemon]\ntick = 0.05\ndiscovery = 'off'\ncalibrate = 'never'\n";

/// Days ago: the first row, the slowdown, and the last row that had come in the first part of the story.
const FIRST: f64 = 40.0;
const SLOWED: f64 = 6.0;
const SEEN: f64 = 3.0;

/// Two of three models of the provider become slower; the third and another provider do not.
const SLOWER: [&str; 2] = ["groq:llama", "groq:kimi"];
const STEADY: [&str; 2] = ["groq:qwen", "openai:gpt"];

struct Story {
    home: Home,
    backend: Backend,
    runtime: Runtime,
    smtp: Smtp,
    now: DateTime<Utc>,
}

impl Story {
    fn new(backend: impl AsyncFnOnce() -> Backend) -> Self {
        let runtime = Runtime::new().unwrap();
        let backend = runtime.block_on(async {
            let backend = backend().await;
            backend.open(&["cloud-default-v1"]).await.init().await.unwrap();
            backend
        });
        let home = Home::new();
        fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
        fs::write(home.path().join("config/llmbench/config.toml"), CONFIGURATION).unwrap();
        Self { home, backend, runtime, smtp: Smtp::start(&[]), now: Utc::now() }
    }

    /// The rows of these days arrive; the slower models are slower by a quarter from one day ago to another.
    fn rows(&self, days: (f64, f64), slow: (f64, f64)) {
        let all = SLOWER.map(|model| (model, 1.25)).into_iter().chain(STEADY.map(|model| (model, 1.0)));
        for (model, factor) in all {
            let series = Behaviour { model, factor, from: slow.0, to: slow.1 };
            let rows = history(self.now, &series, days);
            self.runtime.block_on(fill(&self.backend, &rows, true));
        }
    }

    fn daemon(&self, name: &str) -> Daemon {
        let (url, state) = (self.backend.url(), self.home.path().join(name));
        let mut command = self.home.llmbench(&["daemon", "--store", &url, "--listen", "127.0.0.1:0"]);
        command.args(["--log-format", "json", "--state-dir", state.to_str().unwrap()]);
        command.env("LLMBENCH_SMTP_URL", format!("smtp://{}", self.smtp.address()));
        command.env("LLMBENCH_NOTIFY_FROM", "llmbench <bench@example.com>");
        command.env("LLMBENCH_NOTIFY_TO", "ann@example.com");
        Daemon::logged(command, state)
    }

    fn changes(&self, more: &[&str]) -> Value {
        let url = self.backend.url();
        let words = [&["results", "changes", "--json", "--store", &url], more].concat();
        let output = self.home.llmbench(&words).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn acknowledge(&self, id: &str) {
        let url = self.backend.url();
        let words = ["results", "changes", "ack", id, "--note", "asked their support", "--store", &url];
        assert!(self.home.llmbench(&words).status().unwrap().success());
    }

    fn subjects(&self) -> Vec<String> {
        self.smtp.messages().iter().map(|one| header(one, "Subject").unwrap().to_owned()).collect()
    }

    fn text(&self, place: usize) -> String {
        self.smtp.messages()[place]["text"].as_str().unwrap().to_owned()
    }

    /// Time, size and cause of the letter about the slowdown.
    fn assert_tells_all(&self) {
        let (subject, text) = (&self.subjects()[0], self.text(0));
        assert_eq!(subject, "llmbench: groq slower (2 models)");
        for model in SLOWER {
            let line = text.lines().find(|line| line.trim_start().starts_with(model)).unwrap();
            let (low, high) = size(line);
            assert!((16..=25).contains(&low) && (25..36).contains(&high), "{line}");
            let (earliest, latest) = span(line);
            let (began, block) = (self.now - Duration::hours(24 * SLOWED as i64), Duration::hours(3));
            assert!(earliest - block <= began && began <= latest + block, "{line} not at {began}");
            assert!(latest - earliest < Duration::days(2), "{line}");
        }
        let cause = "2 of 3 models of the provider moved together; nothing else that is stored changed";
        assert!(text.contains(cause), "{text}");
        assert!(!text.contains("qwen") && !text.contains("openai"), "{text}");
    }
}

/// The bounds of `+25 % [+21, +29]`.
fn size(line: &str) -> (i64, i64) {
    let (_, bounds) = line.split_once("% [").unwrap();
    let (low, high) = bounds.split_once(']').unwrap().0.split_once(", ").unwrap();
    (low.parse().unwrap(), high.parse().unwrap())
}

/// The bounds of `(2026-11-24 09:00 to 2026-11-24 18:00)`.
fn span(line: &str) -> (DateTime<Utc>, DateTime<Utc>) {
    let (_, bounds) = line.rsplit_once(" UTC (").unwrap();
    let (earliest, latest) = bounds.split_once(')').unwrap().0.split_once(" to ").unwrap();
    let at = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc();
    (at(earliest), at(latest))
}

fn open(daemon: &Daemon, count: usize) -> bool {
    super::told_once::metrics(daemon).contains(&format!("llmbench_changes_open {count}\n"))
}

fn story(story: &Story) {
    story.rows((FIRST, SEEN), (SLOWED, SEEN));
    let first = story.daemon("first");
    until("the slowdown was mailed", || !story.smtp.messages().is_empty());
    until("monitors know of it", || open(&first, 2));
    story.assert_tells_all();

    // A look of a command and a second daemon find the same, and tell nothing of it.
    let found = story.changes(&[]);
    let ids: Vec<String> = found["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "{found}");
    let second = story.daemon("second");
    until("the second daemon has looked", || open(&second, 2));

    ids.iter().for_each(|id| story.acknowledge(id));
    let seen = |daemon: &Daemon| super::told_once::metrics(daemon).matches("acknowledged=\"true\"").count();
    until("monitors know that somebody looks after it", || seen(&first) == 2 && seen(&second) == 2);

    // The provider recovers: the rows of the last days say so.
    story.rows((SEEN, 0.0), (0.0, 0.0));
    let over = story.changes(&[]);
    assert!(over["changes"].as_array().unwrap().iter().all(|change| !change["ended"].is_null()), "{over}");
    assert_eq!(story.changes(&["--open"])["changes"].as_array().unwrap().len(), 0);
    until("the end was mailed", || story.smtp.messages().len() > 1);
    until("monitors know that it is over", || open(&first, 0) && open(&second, 0));
    let text = story.text(1);
    for model in SLOWER {
        assert!(text.contains(&format!("{model}  is over since ")), "{text}");
    }
    assert!(text.contains(": asked their support"), "{text}");

    // A third daemon has nothing to tell; all that was sent are two letters.
    let third = story.daemon("third");
    until("the third daemon has looked", || open(&third, 0));
    let logs = [first, second, third].map(|daemon| {
        let (code, said) = daemon.stop();
        assert_eq!(code, 0, "{said}");
        said
    });
    assert_eq!(story.subjects(), ["llmbench: groq slower (2 models)", "llmbench: 2 over"]);
    let said = |what: &str| logs.iter().map(|log| log.matches(what).count()).sum::<usize>();
    assert_eq!((said("a series changed"), said("a change of a series is over")), (2, 2));
}

#[test]
fn a_slowdown_is_told_acknowledged_and_over_on_sqlite() {
    story(&Story::new(async || Backend::sqlite()));
}

#[test]
fn a_slowdown_is_told_acknowledged_and_over_on_mongodb() {
    story(&Story::new(async || Backend::mongo().await));
}

//! Changes in a store, and who is told of them by a running daemon: a real mail server, a webhook, the log, monitors.

use crate::daemon::world::{Daemon, until};
use crate::raw_server::{Heard, play_to, send};
use crate::stores::backend::Backend;
use crate::support::Home;
use crate::support::smtp::Smtp;
use chrono::{SubsecRound, TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::interval::Interval;
use llmbench::domain::notice::{ChangeNotice, NoticeItem};
use llmbench::domain::series_change::{
    Acknowledgement, ChangeCause, ChangeReturn, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries,
    SeriesChange, WatchedFigure,
};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Looks follow each other in seconds.
const CONFIGURATION: &str = "[daemon]\ntick = 0.05\ndiscovery = 'off'\ncalibrate = 'never'\n";

/// A store with changes, and daemons that tell of them.
struct World {
    home: Home,
    backend: Backend,
    runtime: Runtime,
    environment: Vec<(String, String)>,
}

fn ago(hours: i64) -> EstimatedTime {
    let at = Utc::now().trunc_subsecs(3) - TimeDelta::hours(hours);
    EstimatedTime { at, earliest: at - TimeDelta::hours(6), latest: at + TimeDelta::hours(6) }
}

fn change(id: &str, model: &str, scope: ChangeScope) -> SeriesChange {
    let (cause, cause_line) = match scope {
        ChangeScope::Path => (
            ChangeCause::Path,
            "as eu-1 alone sees it; us-2, which measures the same, does not: the path from eu-1",
        ),
        _ => (ChangeCause::NothingElse, "nothing else that is stored changed"),
    };
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
            before: 0.4,
            after: 0.5,
            ratio: Interval { low: 1.2, high: 1.3 },
        },
        began: ago(40),
        noticed_at: Utc::now().trunc_subsecs(3) - TimeDelta::hours(1),
        ended: None,
        scope,
        cause,
        cause_line: cause_line.to_owned(),
        acknowledged: None,
        returned: None,
        confirmed: None,
    }
}

fn over(change: SeriesChange) -> SeriesChange {
    SeriesChange { ended: Some(ago(7)), ..change }
}

impl World {
    fn new(backend: impl AsyncFnOnce() -> Backend) -> Self {
        let runtime = Runtime::new().unwrap();
        let backend = runtime.block_on(async {
            let backend = backend().await;
            backend.open(&[]).await.init().await.unwrap();
            backend
        });
        let home = Home::new();
        fs::create_dir_all(home.path().join("config/llmbench")).unwrap();
        fs::write(home.path().join("config/llmbench/config.toml"), CONFIGURATION).unwrap();
        Self { home, backend, runtime, environment: Vec::new() }
    }

    fn keep(&self, changes: &[SeriesChange]) {
        self.runtime.block_on(async { self.backend.open(&[]).await.keep_changes(changes).await.unwrap() });
    }

    /// Notes what a destination has not taken.
    fn waits(&self, place: &str, item: &NoticeItem) {
        let items = std::slice::from_ref(item);
        self.runtime.block_on(async {
            self.backend.open(&[]).await.note_items(place, items, Utc::now().trunc_subsecs(3)).await.unwrap();
        });
    }

    fn acknowledge(&self, id: &str) {
        let seen =
            Acknowledgement { at: Utc::now(), who: "ann".to_owned(), note: Some("asked them".to_owned()) };
        self.runtime
            .block_on(async { self.backend.open(&[]).await.acknowledge_change(id, &seen).await.unwrap() });
    }

    fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Mail to this server, for Ann.
    fn mails(&mut self, address: &str) -> &mut Self {
        self.set("LLMBENCH_SMTP_URL", format!("smtp://{address}"));
        self.set("LLMBENCH_NOTIFY_FROM", "llmbench <bench@example.com>");
        self.set("LLMBENCH_NOTIFY_TO", "ann@example.com")
    }

    fn daemon(&self) -> Daemon {
        let url = self.backend.url();
        let mut command = self.home.llmbench(&["daemon", "--store", &url, "--listen", "127.0.0.1:0"]);
        command.args(["--log-format", "json"]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Daemon::logged(command, self.home.path().join("state/llmbench"))
    }

    fn status(&self, arguments: &[&str]) -> String {
        let url = self.backend.url();
        let output =
            self.home.llmbench(&[&["status", "--store", &url], arguments].concat()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn subjects(smtp: &Smtp) -> Vec<String> {
    let header = |message: &Value| crate::support::smtp::header(message, "Subject").unwrap().to_owned();
    smtp.messages().iter().map(header).collect()
}

/// Lines of a log with this message.
fn logged(said: &str, message: &str) -> Vec<Value> {
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message))).collect()
}

pub fn metrics(daemon: &Daemon) -> String {
    let address = crate::daemon::told::address(daemon);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_story_of_changes_in_a_file() {
    story(World::new(async || Backend::sqlite()));
}

#[test]
fn the_story_of_changes_on_mongodb() {
    story(World::new(async || Backend::mongo().await));
}

/// Many series are one letter, told once however often daemons start; what ends is told as ended, acknowledged or not.
fn story(mut world: World) {
    let heard = Heard::default();
    let hook = play_to(vec![send("HTTP/1.1 204 No Content\r\n\r\n")], Arc::clone(&heard));
    let smtp = Smtp::start(&[]);
    world.mails(smtp.address()).set("LLMBENCH_WEBHOOK_URL", format!("http://{hook}/services/T0"));
    let provider = |id: &str, model: &str| change(id, model, ChangeScope::Provider);
    let mut changes = vec![provider("a1", "llama"), provider("a2", "kimi"), provider("a3", "qwen")];
    changes.push(change("b1", "llama", ChangeScope::Path));
    changes.push(SeriesChange { noticed_at: Utc::now() - TimeDelta::days(12), ..provider("old", "gemma") });
    changes[4].began = ago(14 * 24);
    world.keep(&changes);

    let daemon = world.daemon();
    until("mail came", || !smtp.messages().is_empty());
    until("the webhook was told", || !heard.lock().unwrap().is_empty());
    until("monitors know", || metrics(&daemon).contains("llmbench_changes_open 5"));
    assert_eq!(subjects(&smtp), ["llmbench: groq slower (3 models), the path from eu-1 slower (1 series)"]);
    is_whole(&smtp.messages()[0]);
    let document: Value = serde_json::from_slice(&heard.lock().unwrap()[0].1).unwrap();
    assert_eq!(
        (&document["schema"], &document["counts"]["began"]),
        (&"llmbench.results.changes.notice/1".into(), &4.into())
    );
    let page = metrics(&daemon);
    let path = "runner=\"eu-1\",profile=\"cloud-default-v1\",connection=\"cold\",figure=\"ttft\",direction=\"up\",\
        scope=\"path\",acknowledged=\"false\",id=\"b1\"} 1";
    assert!(page.contains(path), "{page}");
    let (code, first_log) = daemon.stop();
    assert_eq!(code, 0);
    assert!(
        world.status(&[]).contains("5 changes open: `llmbench results changes`"),
        "{}",
        world.status(&[])
    );

    // Another daemon tells none of it again: what it sends next is about what ended meanwhile.
    let daemon = world.daemon();
    until("the second daemon has looked", || metrics(&daemon).contains("llmbench_changes_open 5"));
    world.acknowledge("a2");
    world.acknowledge("b1");
    world.keep(&[over(changes[0].clone()), over(changes[1].clone())]);
    until("the ends were mailed", || smtp.messages().len() > 1);
    until("the ends were posted", || heard.lock().unwrap().len() > 1);
    until("monitors know", || metrics(&daemon).contains("llmbench_changes_open 3"));
    let (_, second_log) = daemon.stop();
    assert_eq!(subjects(&smtp)[1..], ["llmbench: 2 over"], "{:?}", smtp.messages());
    let text = smtp.messages()[1]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("groq:llama  is over since ") && text.contains("acknowledged by ann"), "{text}");
    assert_eq!(heard.lock().unwrap().len(), 2);

    let [begun, ended] = ["a series changed", "a change of a series is over"]
        .map(|message| [&first_log, &second_log].map(|log| logged(log, message).len()));
    // The log also has what is open and was no news any more.
    assert_eq!((begun, ended), ([5, 0], [0, 2]));
    let status: Value = serde_json::from_str(&world.status(&["--json"])).unwrap();
    assert_eq!(status["changes"], serde_json::json!({"open": 3, "acknowledged": 1}));
}

#[test]
fn what_comes_back_is_told_once_more_from_a_file() {
    comes_back(World::new(async || Backend::sqlite()));
}

#[test]
fn what_comes_back_is_told_once_more_from_mongodb() {
    comes_back(World::new(async || Backend::mongo().await));
}

/// Begins, is over, comes back, is over: four letters, whoever acknowledged it before it was over.
fn comes_back(mut world: World) {
    let smtp = Smtp::start(&[]);
    world.mails(smtp.address());
    let first = change("a1", "llama", ChangeScope::Model);
    let returned = |times: u32| Some(ChangeReturn { times, at: Utc::now().trunc_subsecs(3) });
    world.keep(std::slice::from_ref(&first));
    let daemon = world.daemon();
    until("its beginning was told", || smtp.messages().len() == 1);
    world.acknowledge("a1");
    world.keep(&[over(first.clone())]);
    until("its end was told", || smtp.messages().len() == 2);
    until("monitors know", || metrics(&daemon).contains("llmbench_changes_open 0"));
    let back = SeriesChange { returned: returned(1), ..first.clone() };
    world.keep(std::slice::from_ref(&back));
    until("its return was told", || smtp.messages().len() == 3);
    until("monitors know", || metrics(&daemon).contains("llmbench_changes_open 1"));
    let (_, log) = daemon.stop();
    // A daemon that starts afterwards tells none of it again.
    let daemon = world.daemon();
    until("the second daemon has looked", || metrics(&daemon).contains("llmbench_changes_open 1"));
    world.keep(&[over(back)]);
    until("its second end was told", || smtp.messages().len() == 4);
    assert_eq!(daemon.stop().0, 0);
    let again = "llmbench: groq:llama slower again";
    assert_eq!(
        subjects(&smtp),
        ["llmbench: groq:llama slower", "llmbench: 1 over", again, "llmbench: 1 over"]
    );
    let text = smtp.messages()[2]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("groq:llama  is back after it was over: ttft 400 ms → 500 ms"), "{text}");
    assert_eq!(logged(&log, "a change of a series is back").len(), 1, "{log}");
}

/// Where another runner measures the same, a provider is named when that one sees it too, or after three days.
#[test]
fn what_another_runner_may_still_deny_is_told_later() {
    let smtp = Smtp::start(&[]);
    let mut world = World::new(async || Backend::sqlite());
    world.mails(smtp.address());
    let alone = |id: &str, model: &str, hours: i64| SeriesChange {
        confirmed: Some(false),
        noticed_at: Utc::now().trunc_subsecs(3) - TimeDelta::hours(hours),
        ..change(id, model, ChangeScope::Model)
    };
    let waits = alone("a1", "llama", 1);
    world.keep(&[waits.clone(), alone("a2", "kimi", 80)]);
    let daemon = world.daemon();
    until("the one that waited long was told", || smtp.messages().len() == 1);
    until("both are open", || metrics(&daemon).contains("llmbench_changes_open 2"));
    world.keep(&[SeriesChange { confirmed: Some(true), ..waits }]);
    until("the other was told when it was confirmed", || smtp.messages().len() == 2);
    assert_eq!(daemon.stop().0, 0);
    assert_eq!(subjects(&smtp), ["llmbench: groq:kimi slower", "llmbench: groq:llama slower"]);
    let says = |place: usize| smtp.messages()[place]["text"].as_str().unwrap().contains(UNCONFIRMED);
    assert_eq!([says(0), says(1)], [true, false]);
}

const UNCONFIRMED: &str = "seen from one runner only; not confirmed by others";

fn is_whole(message: &Value) {
    let text = message["text"].as_str().unwrap();
    for line in [
        "groq: 3 models at once",
        "The path from eu-1: other runners do not see it",
        "  eu-1 → groq:llama  ttft 400 ms → 500 ms, +25 % [+20, +30], since ",
        "    as eu-1 alone sees it; us-2, which measures the same, does not: the path from eu-1",
        "    seen by eu-1, cloud-default-v1, cold; change a2",
    ] {
        assert!(text.lines().any(|there| there.starts_with(line)), "{line:?} in {text}");
    }
    let path = text.split("The path from").nth(1).unwrap();
    let path = path.replace("groq:llama", "");
    assert!(!path.contains("groq") && !path.contains("provider"), "{path}");
    assert!(!text.contains("gemma"), "what is older than a week is no news: {text}");
}

/// The mail server is away: the change is kept, the daemon ends, it ends meanwhile, and one letter tells both.
#[test]
fn what_nobody_took_is_told_when_the_other_side_is_back() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut world = World::new(async || Backend::sqlite());
    world.mails(&format!("127.0.0.1:{port}"));
    let changes = [change("a1", "llama", ChangeScope::Model), change("a2", "kimi", ChangeScope::Model)];
    world.keep(&changes);
    let daemon = world.daemon();
    until("nobody took it", || daemon.said().contains("notices are kept, and sent in an hour"));
    assert_eq!(daemon.stop().0, 0);
    world.keep(&[over(changes[1].clone())]);
    let smtp = Smtp::start_on(port, &[]);
    let daemon = world.daemon();
    until("mail came", || !smtp.messages().is_empty());
    assert_eq!(daemon.stop().0, 0);
    assert_eq!(subjects(&smtp), ["llmbench: groq:llama slower, 1 over"]);
    let daemon = world.daemon();
    until("the third daemon has looked", || metrics(&daemon).contains("llmbench_changes_open 1"));
    world.keep(&[over(changes[0].clone())]);
    until("the end was told", || smtp.messages().len() > 1);
    assert_eq!(daemon.stop().0, 0);
    assert_eq!(subjects(&smtp)[1..], ["llmbench: 1 over"]);
}

/// Who looks after it is known before anybody could be told.
#[test]
fn an_acknowledged_change_is_told_no_more_and_its_end_is() {
    let smtp = Smtp::start(&[]);
    let mut world = World::new(async || Backend::sqlite());
    world.mails(smtp.address());
    let seen = change("a1", "llama", ChangeScope::Model);
    world.keep(std::slice::from_ref(&seen));
    world.acknowledge("a1");
    let daemon = world.daemon();
    until("it is open", || metrics(&daemon).contains("acknowledged=\"true\",id=\"a1\"} 1"));
    world.keep(&[change("a2", "kimi", ChangeScope::Model)]);
    until("mail came", || !smtp.messages().is_empty());
    world.keep(&[over(seen)]);
    until("the end was told", || smtp.messages().len() > 1);
    assert_eq!(daemon.stop().0, 0);
    assert_eq!(subjects(&smtp), ["llmbench: groq:kimi slower", "llmbench: 1 over"]);
}

/// A destination that was away for months gets what waited for it, though such changes are read no more.
#[test]
fn what_waited_for_months_is_told_all_the_same() {
    let smtp = Smtp::start(&[]);
    let mut world = World::new(async || Backend::sqlite());
    world.mails(smtp.address());
    let old = SeriesChange {
        began: ago(100 * 24),
        noticed_at: Utc::now().trunc_subsecs(3) - TimeDelta::days(98),
        ended: Some(ago(80 * 24)),
        ..change("a1", "llama", ChangeScope::Model)
    };
    world.keep(std::slice::from_ref(&old));
    world.waits("changes:mail:ann@example.com", &NoticeItem::Change(ChangeNotice::began(&old)));
    let daemon = world.daemon();
    until("mail came", || !smtp.messages().is_empty());
    assert_eq!(daemon.stop().0, 0);
    assert_eq!(subjects(&smtp), ["llmbench: groq:llama slower"]);
}

/// A mistake in the settings is no silence.
#[test]
fn recipients_that_cannot_be_used_are_said() {
    let mut world = World::new(async || Backend::sqlite());
    world.set("LLMBENCH_NOTIFY_TO", "ann@example.com");
    let daemon = world.daemon();
    until("it is said", || daemon.said().contains("nobody can be told of changes of series"));
    assert!(daemon.said().contains("LLMBENCH_SMTP_URL"), "{}", daemon.said());
    assert_eq!(daemon.stop().0, 0);
}

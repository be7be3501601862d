//! The commands through the binary: what is stored, shown and answered, whatever servers do.

use super::servers::{Answer, Server, json};
use crate::support::Home;
use crate::support::catalog::put_model;
use crate::support::peers::{Mongod, fresh_name};
use llmbench::storage::{self, CollectionNames, StoreLocation};
use serde_json::Value;
use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A home, a store, and a provider whose list a test can change.
struct Bench {
    home: Home,
    store: String,
    server: Server,
    page: Arc<AtomicUsize>,
}

const KEY: &str = "canary-of-the-tests";

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    notes: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Bench {
    /// `pages` are Groq's lists; the first is given until another is chosen.
    fn new(store: &str, pages: Vec<Answering>) -> Self {
        let page = Arc::new(AtomicUsize::new(0));
        let chosen = Arc::clone(&page);
        let server = Server::start(move |path| (pages[chosen.load(Ordering::SeqCst)])(path));
        Self { home: Home::new(), store: store.to_owned(), server, page }
    }

    fn choose(&self, page: usize) {
        self.page.store(page, Ordering::SeqCst);
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.home.llmbench(arguments);
        command.args(["--store", &self.store]).env("TZ", "UTC");
        command.env("GROQ_API_KEY", KEY).env("GROQ_BASE_URL", self.server.url(""));
        command.env("ANTHROPIC_BASE_URL", self.server.url("")).env("COLUMNS", "100");
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Said {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            notes: text(output.stderr),
        };
        assert!(!said.out.contains(KEY) && !said.notes.contains(KEY), "{said:?}");
        said
    }

    /// Reads the list, and says how that ended.
    fn sync(&self) -> (i32, String) {
        let said = self.run(&["catalog", "sync", "-p", "groq", "--json"]);
        (said.code, said.json()["providers"][0]["status"].as_str().unwrap().to_owned())
    }

    fn measure(&self, models: &[(&str, bool)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let location = StoreLocation::parse(&self.store).unwrap();
            let store = storage::open(&location, &CollectionNames::default(), &[]).await.unwrap();
            for (model, enabled) in models {
                put_model(&*store, &model.parse().unwrap(), "", *enabled).await.unwrap();
            }
        });
    }
}

type Answering = Box<dyn Fn(&str) -> Answer + Send + Sync>;

/// OpenAI's shape: ids with contexts.
fn list(models: &[(&str, u64)]) -> Answering {
    let entry = |(id, context): &(&str, u64)| serde_json::json!({"id": id, "context_window": context});
    let body = serde_json::json!({"data": models.iter().map(entry).collect::<Vec<_>>()}).to_string();
    Box::new(move |_| json(&body))
}

fn answer(status: u16, body: &'static str) -> Answering {
    Box::new(move |_| Answer::Whole(status, body.into()))
}

fn ids(findings: &Value) -> Vec<&str> {
    findings.as_array().unwrap().iter().map(|one| one["model_id"].as_str().unwrap()).collect()
}

fn in_file(directory: &tempfile::TempDir) -> String {
    format!("sqlite:{}", directory.path().join("c.db").display())
}

#[test]
fn the_story_of_a_catalog_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    tell(&in_file(&directory));
}

#[test]
fn the_story_of_a_catalog_on_mongodb() {
    tell(&Mongod::start().uri(&fresh_name()));
}

/// From nothing over a first list, a new model, a change and a loss, to agreement.
fn tell(store: &str) {
    let bench = Bench::new(
        store,
        vec![
            list(&[("a", 8192), ("b", 8192)]),
            list(&[("a", 131_072), ("c", 4096)]),
            answer(500, r#"{"error":{"message":"down"}}"#),
        ],
    );
    let diff = |arguments: &[&str]| bench.run(&[&["catalog", "diff", "--json"], arguments].concat());
    let nothing = diff(&[]);
    assert_eq!((nothing.code, nothing.notes.contains("ever read whole")), (2, true), "{nothing:?}");
    assert_eq!(bench.run(&["catalog", "list"]).code, 1);

    assert_eq!(bench.sync(), (0, "completed".to_owned()));
    bench.measure(&[("groq:a", true), ("groq:b", true)]);
    let first = diff(&[]);
    assert_eq!((first.code, first.json()["same"].as_bool()), (0, Some(true)), "{first:?}");

    bench.choose(1);
    assert_eq!(bench.sync(), (0, "completed".to_owned()));
    let second = diff(&[]);
    let found = second.json();
    assert_eq!(second.code, 1);
    let quiet = bench.run(&["catalog", "diff", "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.notes.as_str()), (1, "", ""));
    assert_eq!((ids(&found["new"]), ids(&found["gone"])), (vec!["c"], vec![]));
    assert_eq!((ids(&found["listed_not_measured"]), ids(&found["measured_not_listed"])), (vec!["c"], vec![]));
    assert_eq!(ids(&found["changed"]), ["a"]);
    let change = &found["changed"][0]["changes"][0];
    let sides = (change["fact"].as_str(), change["from"].as_u64(), change["to"].as_u64());
    assert_eq!(sides, (Some("context_length"), Some(8192), Some(131_072)));

    // Failed reads say nothing about b; the third complete one without it does.
    bench.choose(2);
    for _ in 0..4 {
        assert_eq!(bench.sync(), (1, "failed".to_owned()));
    }
    assert_eq!(ids(&diff(&[]).json()["gone"]), Vec::<&str>::new());
    bench.choose(1);
    bench.sync();
    assert_eq!(ids(&diff(&[]).json()["gone"]), Vec::<&str>::new());
    bench.sync();
    let found = diff(&[]).json();
    assert_eq!((ids(&found["gone"]), ids(&found["measured_not_listed"])), (vec!["b"], vec!["b"]));
    assert_eq!(ids(&diff(&["--absent", "9"]).json()["gone"]), Vec::<&str>::new());

    bench.measure(&[("groq:b", false), ("groq:c", false)]);
    let decided = diff(&["--since", "0s"]);
    assert_eq!((decided.code, decided.json()["listed_and_decided"].as_u64()), (0, Some(1)), "{decided:?}");
    listings(&bench);
}

/// What is shown of it in the end.
fn listings(bench: &Bench) {
    assert_eq!(bench.run(&["catalog", "list", "--ids"]).out, "groq:a\ngroq:b\ngroq:c\n");
    assert_eq!(bench.run(&["catalog", "list", "--ids", "--match", "groq:[!]*"]).code, 1);
    assert_eq!(bench.run(&["catalog", "list", "--ids", "--match", "?"]).out.lines().count(), 3);
    let all = bench.run(&["catalog", "list", "--json"]).json();
    let gone: Vec<bool> =
        all["models"].as_array().unwrap().iter().map(|one| !one["gone_at"].is_null()).collect();
    assert_eq!(gone, [false, true, false]);
    let csv = bench.run(&["catalog", "list", "--csv", "--match", "a"]).out;
    assert!(
        csv.starts_with("provider,model_id,name,measured,") && csv.contains("\ngroq,a,a,true,131072,,"),
        "{csv}"
    );
    let counts = bench.run(&["catalog", "list", "--counts"]).out;
    let words: Vec<&str> = counts.lines().nth(1).unwrap().split_whitespace().take(4).collect();
    assert_eq!(words, ["groq", "2", "1", "1"]);
    let table = bench.run(&["catalog", "list"]).out;
    assert!(table.lines().any(|line| line.starts_with("groq") && line.ends_with("gone")), "{table}");
}

#[test]
fn a_list_that_breaks_off_is_partial_and_nothing_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let first = r#"{"data":[{"id":"one"}],"has_more":true,"last_id":"one"}"#;
    let second = r#"{"data":[{"id":"two"}],"has_more":false,"last_id":"two"}"#;
    let pages = move |whole: bool| -> Answering {
        Box::new(move |path| match path.contains("after_id=one") {
            false => json(first),
            true if whole => json(second),
            true => Answer::Whole(
                500,
                br#"{"type":"error","error":{"type":"api_error","message":"oops"}}"#.to_vec(),
            ),
        })
    };
    let bench = Bench::new(&in_file(&directory), vec![pages(true), pages(false)]);
    let run = || {
        let mut command =
            bench.home.llmbench(&["catalog", "sync", "-p", "anthropic", "--json", "--store", &bench.store]);
        command
            .env("ANTHROPIC_API_KEY", KEY)
            .env("ANTHROPIC_BASE_URL", bench.server.url(""))
            .output()
            .unwrap()
    };
    assert_eq!(run().status.code(), Some(0));
    bench.measure(&[("anthropic:one", true), ("anthropic:two", true)]);
    bench.choose(1);
    for _ in 0..4 {
        let output = run();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let one = &said["providers"][0];
        assert_eq!((output.status.code(), one["status"].as_str()), (Some(1), Some("partial")));
        assert_eq!((one["accepted_count"].as_u64(), one["new_count"].as_u64()), (Some(1), Some(0)));
        let error = one["error"].as_str().unwrap();
        assert!(error.starts_with("page 2: HTTP 500: oops"), "{error}");
    }
    let said = bench.run(&["catalog", "diff"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.notes.contains("anthropic: the newest read of its list is not whole: page 2: HTTP 500"),
        "{said:?}"
    );
}

#[test]
fn each_failure_is_named_and_stays_alone() {
    let server = Server::start(|path| match path.trim_end_matches("/models") {
        "/good" => json(r#"{"data":[{"id":"m"}]}"#),
        "/html" => json("<!DOCTYPE html><html><body>Welcome</body></html>"),
        "/empty" => json(r#"{"object":"list","data":[]}"#),
        "/denied" => Answer::Whole(
            401,
            br#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#.to_vec(),
        ),
        "/moved" => Answer::Bytes(
            b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/models\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
        ),
        "/cut" => Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"data\":[".to_vec()),
        "/silent" => Answer::Silence,
        "/huge" => {
            let mut body = b"HTTP/1.1 200 OK\r\ncontent-length: 209715200\r\n\r\n".to_vec();
            body.resize(40 << 20, b' ');
            Answer::Bytes(body)
        }
        other => panic!("nobody lists at {other}"),
    });
    let names = ["good", "html", "empty", "denied", "moved", "cut", "silent", "huge"];
    let mut config = "[defaults]\nfirst_byte = 1\n".to_owned();
    for name in names {
        config += &format!(
            "[providers.{name}]\ndialect = 'chat'\nbase_url = '{}'\n",
            server.url(&format!("/{name}"))
        );
    }
    let home = Home::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let run = |arguments: &[&str]| {
        home.llmbench(arguments).args(["--config", file.path().to_str().unwrap()]).output().unwrap()
    };
    let output = run(&["catalog", "sync", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = [
        ("good", "completed", ""),
        ("html", "failed", "a web page instead of JSON"),
        ("empty", "failed", "its list is empty"),
        ("denied", "failed", "HTTP 401: Incorrect API key"),
        ("moved", "failed", "redirects are never followed"),
        ("cut", "failed", "the connection ended inside the answer"),
        ("silent", "failed", "the first byte deadline passed"),
        ("huge", "failed", "the answer passed the size limit"),
    ];
    let providers = said["providers"].as_array().unwrap();
    assert_eq!(providers.len(), expected.len());
    for (name, status, words) in expected {
        let one = providers.iter().find(|one| one["provider"] == name).unwrap();
        assert_eq!(one["status"].as_str(), Some(status), "{one}");
        assert!(one["error"].as_str().unwrap_or_default().contains(words), "{one}");
        assert_eq!(one["stored"], true);
    }
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("error: denied: HTTP 401") && !notes.contains("error: good"), "{notes}");
    let diff = run(&["catalog", "diff", "-p", "html"]);
    assert_eq!(diff.status.code(), Some(2));
}

#[test]
fn the_simulator_lists_itself() {
    let home = Home::new();
    let sync = home.llmbench(&["catalog", "sync", "-p", "sim"]).output().unwrap();
    assert_eq!(sync.status.code(), Some(0));
    let table = String::from_utf8(sync.stdout).unwrap();
    assert!(table.contains("sim") && table.contains("completed"), "{table}");
    let ids = home.llmbench(&["catalog", "list", "--ids"]).output().unwrap();
    assert!(String::from_utf8(ids.stdout).unwrap().lines().any(|line| line == "sim:steady"));
}

#[test]
fn the_simulator_lists_in_the_manners_of_providers() {
    let simulator = llmbench::simulator::start_in_process().unwrap();
    let home = Home::new();
    let providers = ["anthropic", "together", "groq", "fireworks", "openrouter"];
    let mut command = home.llmbench(&["catalog", "sync", "--json"]);
    for (provider, path) in providers.iter().zip(["", "/v1", "", "", "/api/v1"]) {
        let name = provider.to_uppercase();
        command.env(format!("{name}_BASE_URL"), format!("{}/{provider}{path}", simulator.base_url()));
        command.env(format!("{name}_API_KEY"), KEY);
    }
    let output = command.output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let read = said["providers"].as_array().unwrap();
    let all = llmbench::simulator::scenario::PRESETS.len();
    assert_eq!(read.len(), providers.len());
    assert!(read.iter().all(|one| one["new_count"] == all), "{said}");
}

#[test]
fn wrong_usage_says_what_is_right() {
    let home = Home::new();
    let said = |arguments: &[&str]| {
        let output = home.llmbench(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, code, words) in [
        (&["catalog", "sync", "-p", "grok"][..], 2, "did you mean groq?"),
        (&["catalog", "sync"], 1, "none has a key"),
        (&["catalog", "sync", "-p", "groq"], 1, "error: groq: no key for provider `groq`: set GROQ_API_KEY"),
        (&["catalog", "list", "-p", "grok"], 2, "did you mean groq?"),
        (&["catalog", "diff", "-p", "grok"], 2, "did you mean groq?"),
        (&["catalog", "diff", "--since", "soon"], 2, "write 24h, 7d, 2w"),
        (&["catalog", "diff", "--since", "2199-01-01"], 2, "lies in the future"),
        (&["catalog", "diff", "--store", "mongodb://127.0.0.1:1/x"], 2, "127.0.0.1:1"),
        (&["catalog", "list", "--store", "mongodb://127.0.0.1:1/x"], 75, "127.0.0.1:1"),
        (&["catalog", "list", "--csv", "--ids"], 2, "cannot be used with"),
    ] {
        let (is, notes) = said(arguments);
        assert!(is == code && notes.contains(words), "{arguments:?}: {is} {notes}");
    }
}

#[test]
fn an_interrupted_sync_keeps_what_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let asked = Arc::new(std::sync::Barrier::new(2));
    let reached = Arc::clone(&asked);
    let silent: Answering = Box::new(move |_| {
        reached.wait();
        Answer::Silence
    });
    let bench = Bench::new(&in_file(&directory), vec![silent]);
    let mut command = bench.home.llmbench(&["catalog", "sync", "-p", "groq", "--store", &bench.store]);
    command.env("GROQ_API_KEY", KEY).env("GROQ_BASE_URL", bench.server.url(""));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    asked.wait();
    let pid = i32::try_from(child.id()).unwrap();
    assert!(std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    let mut notes = String::new();
    child.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    assert_eq!(status.code(), Some(130), "{notes}");
    assert!(notes.contains("interrupted"), "{notes}");
}

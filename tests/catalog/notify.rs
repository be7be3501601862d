//! Telling what is new: a real mail server, a webhook that answers what the test wrote down, and both of them failing.

use crate::raw_server::{Act, Heard, play_to, send};
use crate::run_bad_input::network::tls_server;
use crate::stores::backend::Backend;
use crate::support::catalog::put_model;
use crate::support::forward_proxy::{ForwardProxy, Manner};
use crate::support::pty::heed_interrupts;
use crate::support::smtp::{Smtp, header};
use crate::support::{Home, PATIENCE};
use chrono::{TimeDelta, Utc};
use llmbench::domain::ModelRef;
use llmbench::domain::listing::{ListedModel, Listing, ModelFacts, ReadStatus};
use llmbench::domain::notice::{ListingFinding, NoticeItem, NoticeKind};
use llmbench::storage::notices::{NoticeHold, SendOutcome};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A home and a store in which providers' lists have changed.
struct World {
    home: Home,
    backend: Backend,
    environment: Vec<(String, String)>,
}

#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    notes: String,
}

/// A name that would be two headers, a clear screen and a call of everybody.
const EVIL: &str = "evil\r\nBcc: eve@example.com\u{1b}[2J <!channel>";
const CANARY: &str = "canary-of-the-tests";

fn listing(hours_ago: i64, models: &[(&str, u64)]) -> Listing {
    let at = Utc::now() - TimeDelta::hours(hours_ago);
    let model = |(id, context): &(&str, u64)| ListedModel {
        model_id: (*id).to_owned(),
        name: (*id).to_owned(),
        facts: ModelFacts { context_length: Some(*context), ..ModelFacts::default() },
        raw: Value::Null,
        endpoints: None,
    };
    Listing {
        provider: "groq".to_owned(),
        started_at: at,
        finished_at: at + TimeDelta::milliseconds(5),
        status: ReadStatus::Completed,
        error: None,
        raw_count: models.len() as u64,
        models: models.iter().map(model).collect(),
    }
}

impl World {
    /// Since yesterday `new` and the evil one are new, `a` has another context, `gone` is gone, `b` is gone and measured.
    async fn new(backend: Backend) -> Self {
        let store = backend.open(&[]).await;
        store.init().await.unwrap();
        let before = [("a", 8192), ("b", 1), ("gone", 1)];
        let after = [("a", 131_072), ("new", 4096), (EVIL, 1)];
        store.keep_listing(&listing(30, &before)).await.unwrap();
        for hours in [5, 4, 3] {
            store.keep_listing(&listing(hours, &after)).await.unwrap();
        }
        put_model(&*store, &"groq:b".parse().unwrap(), "B", true).await.unwrap();
        Self { home: Home::new(), backend, environment: Vec::new() }
    }

    /// Another model appears.
    async fn list_more(&self, id: &str) {
        let store = self.backend.open(&[]).await;
        store.keep_listing(&listing(1, &[("a", 131_072), ("new", 4096), (EVIL, 1), (id, 1)])).await.unwrap();
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

    fn configure(&self, text: &str) {
        let directory = self.home.path().join("config/llmbench");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("config.toml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let url = self.backend.url();
        let mut command =
            self.home.llmbench(&[&["catalog", "diff", "--store", &url, "--notify"], arguments].concat());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn diff(&self, arguments: &[&str]) -> Said {
        Self::said(self.command(arguments).output().unwrap())
    }

    /// One that is ended by a signal while the webhook has its document and has not answered.
    fn ended_while_sending(&mut self, signal: Signal) -> Said {
        let (url, heard) = hook_that(vec![Act::Hold]);
        self.set("LLMBENCH_WEBHOOK_URL", url);
        let mut command = self.command(&[]);
        heed_interrupts(&mut command);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while heard.lock().unwrap().is_empty() {
            assert!(start.elapsed() < PATIENCE, "nothing was sent");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
        Self::said(child.wait_with_output().unwrap())
    }

    fn said(output: Output) -> Said {
        let said = Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            notes: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!said.out.contains(CANARY) && !said.notes.contains(CANARY), "{said:?}");
        assert!(!said.out.contains('\u{1b}') && !said.notes.contains('\u{1b}'), "{said:?}");
        said
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn hook(answer: &str) -> (String, Heard) {
    hook_that(vec![send(answer)])
}

fn hook_that(acts: Vec<Act>) -> (String, Heard) {
    let heard = Heard::default();
    let address = play_to(acts, Arc::clone(&heard));
    (format!("http://{address}/services/T0/{CANARY}"), heard)
}

#[tokio::test]
async fn the_story_of_a_notice_in_a_file() {
    story(Backend::sqlite()).await;
}

#[tokio::test]
async fn the_story_of_a_notice_on_mongodb() {
    story(Backend::mongo().await).await;
}

/// Shown, told once, silent, told of one more.
async fn story(backend: Backend) {
    let (smtp, (url, heard)) = (Smtp::start(&[]), hook(OK));
    let mut world = World::new(backend).await;
    world.mails(smtp.address()).set("LLMBENCH_WEBHOOK_URL", url);

    let shown = world.diff(&["--dry-run"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    assert!(
        shown.out.contains("mail to ann@example.com:\nSubject: llmbench: 1 measured and not listed, 2 new")
    );
    assert!(smtp.messages().is_empty() && heard.lock().unwrap().is_empty());

    let told = world.diff(&[]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.notes.contains("mail to ann@example.com: 5 findings told"), "{told:?}");
    assert!(told.notes.contains("the webhook at 127.0.0.1: 5 findings told"), "{told:?}");
    is_whole(&smtp.messages()[0]);
    is_document(&heard.lock().unwrap()[0]);

    let silent = world.diff(&[]);
    assert_eq!((silent.code, smtp.messages().len(), heard.lock().unwrap().len()), (1, 1, 1));
    assert!(silent.notes.contains("mail to ann@example.com: nothing that it was not told already"));

    world.list_more("one-more").await;
    assert!(world.diff(&["--dry-run"]).out.contains("Subject: llmbench: 1 new model\n"));
    assert!(world.diff(&["--json"]).notes.contains("1 finding told"));
    assert!(world.diff(&["--quiet"]).notes.is_empty());
    let second = &smtp.messages()[1];
    assert!(second["text"].as_str().unwrap().contains("groq:one-more"), "{second}");
    assert!(!second["text"].as_str().unwrap().contains("groq:new"), "{second}");
    assert_ne!(header(second, "Message-ID"), header(&smtp.messages()[0], "Message-ID"));
}

fn is_whole(message: &Value) {
    assert_eq!(
        (&message["from"], &message["to"]),
        (&json!("bench@example.com"), &json!(["ann@example.com"]))
    );
    assert_eq!(header(message, "From"), Some("llmbench <bench@example.com>"));
    assert_eq!(header(message, "To"), Some("ann@example.com"));
    assert_eq!(
        header(message, "Subject"),
        Some("llmbench: 1 measured and not listed, 2 new models, 1 gone, 1 change")
    );
    assert_eq!(header(message, "MIME-Version"), Some("1.0"));
    assert_eq!((header(message, "Bcc"), header(message, "Auto-Submitted")), (None, Some("auto-generated")));
    let text = message["text"].as_str().unwrap();
    for line in ["  groq:new  context 4,096", "  groq:a  context 8,192 → 131,072", "  groq:b  last listed "]
    {
        assert!(text.lines().any(|there| there.starts_with(line)), "{line:?} in {text}");
    }
    assert!(
        text.lines().any(|line| line.starts_with("  groq:evil\\r\\nBcc: eve@example.com\\u{1b}[2J")),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'));
}

fn is_document((head, body): &(String, Vec<u8>)) {
    assert!(head.starts_with(&format!("POST /services/T0/{CANARY} HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let document: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(document["schema"], "llmbench.catalog.notice/1");
    let text = document["text"].as_str().unwrap();
    assert!(text.contains("• groq:new") && text.contains("&lt;!channel&gt;"), "{text}");
    assert_eq!(document["counts"], json!({"unlisted": 1, "new": 2, "gone": 1, "changed": 1}));
    let changed =
        document["findings"].as_array().unwrap().iter().find(|one| one["kind"] == "changed").unwrap();
    assert_eq!(
        (&changed["fact"], &changed["from"], &changed["to"]),
        (&json!("context_length"), &json!(8192), &json!(131_072))
    );
}

#[tokio::test]
async fn a_server_that_is_down_gets_it_when_it_is_up() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut world = World::new(Backend::sqlite()).await;
    world.mails(&format!("127.0.0.1:{port}"));
    let down = world.diff(&[]);
    assert_eq!(down.code, 2, "{down:?}");
    assert!(down.notes.contains(&format!(
        "error: mail to ann@example.com: the mail server 127.0.0.1:{port} did not take it"
    )));
    assert!(
        down.notes.contains("Connection refused")
            && down.notes.contains("5 findings kept, and sent next time")
    );
    // What was found then is still told when it has left the window.
    world.list_more("one-more").await;
    let smtp = Smtp::start_on(port, &[]);
    let up = world.diff(&["--since", "2h"]);
    assert_eq!((up.code, smtp.messages().len()), (1, 1), "{up:?}");
    assert!(up.notes.contains("6 findings told"), "{up:?}");
    let text = smtp.messages()[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("groq:new") && text.contains("groq:one-more"), "{text}");
    assert_eq!(world.diff(&[]).code, 1);
    assert_eq!(smtp.messages().len(), 1);
}

#[tokio::test]
async fn one_refused_recipient_keeps_nobody_else_from_it() {
    let smtp = Smtp::start(&["refuse", "bob@example.com"]);
    let mut world = World::new(Backend::sqlite()).await;
    world.mails(smtp.address()).set("LLMBENCH_NOTIFY_TO", "bob@example.com, ann@example.com");
    let said = world.diff(&[]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.notes.contains("error: mail to bob@example.com") && said.notes.contains("550"), "{said:?}");
    assert!(said.notes.contains("mail to ann@example.com: 5 findings told"), "{said:?}");
    assert_eq!(world.diff(&[]).code, 2);
    assert_eq!(
        smtp.messages().iter().map(|message| &message["to"][0]).collect::<Vec<_>>(),
        ["ann@example.com"]
    );
}

#[tokio::test]
async fn a_password_is_shown_to_the_server_alone() {
    let smtp = Smtp::start(&["auth", "ann@example.com", CANARY]);
    let mut world = World::new(Backend::sqlite()).await;
    world.mails(&format!("ann%40example.com@{}", smtp.address()));
    let unset = world.diff(&[]);
    assert_eq!(unset.code, 2);
    assert!(
        unset.notes.contains("smtp_password_file") && unset.notes.contains("LLMBENCH_SMTP_PASSWORD"),
        "{unset:?}"
    );
    let file = world.home.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.configure(&format!("[notify]\nsmtp_password_file = '{}'", file.display()));
    let exposed = world.diff(&[]);
    assert!(exposed.notes.contains("can be read by others"), "{exposed:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = world.diff(&[]);
    assert!(wrong.code == 2 && wrong.notes.contains("535"), "{wrong:?}");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    let right = world.diff(&[]);
    assert!(right.notes.contains("5 findings told"), "{right:?}");
    assert_eq!(smtp.messages()[0]["user"], "ann@example.com");
}

#[tokio::test]
async fn starttls_is_demanded_and_checked() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut world = World::new(Backend::sqlite()).await;
    let path = |name: &str| world.home.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let smtp = Smtp::start(&["auth", "ann", CANARY, "starttls", &certificate, &key]);
    let port = smtp.address().rsplit_once(':').unwrap().1.to_owned();
    world.mails(&format!("ann@localhost:{port}?tls=required")).set("LLMBENCH_SMTP_PASSWORD", CANARY);
    let stranger = world.diff(&[]);
    assert_eq!(stranger.code, 2);
    assert!(stranger.notes.contains("invalid peer certificate"), "{stranger:?}");
    world.set("SSL_CERT_FILE", certificate);
    let known = world.diff(&[]);
    assert!(known.notes.contains("5 findings told"), "{known:?}");
    assert_eq!((&smtp.messages()[0]["tls"], &smtp.messages()[0]["user"]), (&json!(true), &json!("ann")));
    // A server without it gets nothing.
    let plain = Smtp::start(&[]);
    world.list_more("one-more").await;
    let port = plain.address().rsplit_once(':').unwrap().1.to_owned();
    world
        .set("LLMBENCH_SMTP_URL", format!("smtp://localhost:{port}?tls=required"))
        .set("LLMBENCH_SMTP_PASSWORD", "");
    let refused = world.diff(&[]);
    assert!(refused.code == 2 && plain.messages().is_empty(), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut world = World::new(Backend::sqlite()).await;
    world.configure("[defaults]\ntotal = 1");
    world.mails(&silent.local_addr().unwrap().to_string());
    let (url, _) = hook_that(vec![Act::Hold]);
    world.set("LLMBENCH_WEBHOOK_URL", url);
    let said = world.diff(&[]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.notes.contains("did not take it"), "{said:?}");
    assert!(said.notes.contains("the webhook at 127.0.0.1: it did not answer in time"), "{said:?}");
    // Held by nobody any more.
    assert!(!world.diff(&[]).notes.contains("another llmbench"));
}

#[tokio::test]
async fn a_webhook_that_refuses_is_told_again() {
    let mut world = World::new(Backend::sqlite()).await;
    let body = format!("no such hook {CANARY}");
    let not_found = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for (answer, words) in [
        (vec![send(not_found)], "it answered HTTP 404: no such hook [redacted]"),
        (
            vec![send("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")],
            "it answered HTTP 302",
        ),
        (vec![send("220 mail ready\r\n")], "no HTTP/1.1"),
        (vec![Act::Reset], "error: the webhook at 127.0.0.1: "),
    ] {
        let (url, heard) = hook_that(answer);
        world.set("LLMBENCH_WEBHOOK_URL", url);
        let said = world.diff(&[]);
        assert_eq!((said.code, heard.lock().unwrap().len()), (2, 1), "{said:?}");
        assert!(said.notes.contains(words), "{words}: {said:?}");
    }
    // Whatever comes after a good status, it has the document.
    let (url, heard) = hook("HTTP/1.1 204 No Content\r\n\r\n");
    world.set("LLMBENCH_WEBHOOK_URL", url);
    assert_eq!(world.diff(&[]).code, 1);
    assert_eq!(world.diff(&[]).code, 1);
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_interrupted_sending_is_kept_and_one_that_was_killed_is_not_told_twice_at_once() {
    let mut world = World::new(Backend::sqlite()).await;
    let interrupted = world.ended_while_sending(Signal::INT);
    assert_eq!(interrupted.code, 130, "{interrupted:?}");
    assert!(
        interrupted.notes.contains("interrupted\n5 findings kept, and sent next time"),
        "{interrupted:?}"
    );
    let killed = world.ended_while_sending(Signal::KILL);
    assert_eq!(killed.code, -1, "{killed:?}");
    // Nobody knows whether it was taken: the hold ends by itself, some minutes later.
    let (url, heard) = hook(OK);
    world.set("LLMBENCH_WEBHOOK_URL", url);
    let next = world.diff(&[]);
    assert_eq!((next.code, heard.lock().unwrap().len()), (2, 0), "{next:?}");
    assert!(next.notes.contains("5 findings in the hands of another llmbench"), "{next:?}");
}

#[tokio::test]
async fn nobody_to_tell_is_wrong_usage() {
    let world = World::new(Backend::sqlite()).await;
    let nobody = world.diff(&[]);
    assert!(nobody.code == 2 && nobody.out.is_empty(), "{nobody:?}");
    assert!(nobody.notes.contains("there is nobody to tell"), "{nobody:?}");
    world.configure(&format!("[notify]\nwebhook_url = 'http://hooks.example.com/{CANARY}'"));
    let plain = world.diff(&[]);
    assert!(plain.code == 2 && plain.notes.contains("plain http"), "{plain:?}");
}

/// What was told more than 400 days ago goes with the next read of a list; what nobody took stays.
#[tokio::test]
async fn what_was_told_long_ago_is_forgotten_at_the_next_sync() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let store = backend.open(&[]).await;
        store.init().await.unwrap();
        let finding = |id: &str| {
            NoticeItem::Listing(ListingFinding {
                kind: NoticeKind::New,
                model: ModelRef::new("groq", id),
                at: None,
                fact: None,
                from: Value::Null,
                to: Value::Null,
            })
        };
        for (id, days) in [("long-ago", 401), ("lately", 399)] {
            let at = Utc::now() - TimeDelta::days(days);
            let holder = NoticeHold { id: id.to_owned(), at, until: at + TimeDelta::minutes(3) };
            store.note_items("webhook", &[finding(id)], at).await.unwrap();
            store.claim_notices("webhook", &holder).await.unwrap();
            store.settle_notices("webhook", id, at, &SendOutcome::Taken).await.unwrap();
        }
        let ages = Utc::now() - TimeDelta::days(900);
        store.note_items("webhook", &[finding("never")], ages).await.unwrap();
        let home = Home::new();
        let url = backend.url();
        let arguments = ["catalog", "sync", "--provider", "sim", "--quiet", "--store", &url];
        let synced = home.llmbench(&arguments).output().unwrap();
        assert!(synced.status.success(), "{synced:?}");
        let left = store.notices("webhook").await.unwrap();
        let left: BTreeSet<&str> = left.iter().map(|one| one.item.model().model_id.as_str()).collect();
        assert_eq!(left, BTreeSet::from(["lately", "never"]));
    }
}

#[tokio::test]
async fn a_webhook_beyond_a_proxy_is_reached_through_it() {
    let proxy = ForwardProxy::start(Manner::Through);
    let certified = rcgen::generate_simple_self_signed(vec!["hooks.test".to_owned()]).unwrap();
    let port = tls_server(&certified).port();
    let mut world = World::new(Backend::sqlite()).await;
    let file = world.home.path().join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    world.set("SSL_CERT_FILE", file.to_str().unwrap());
    world.set("LLMBENCH_WEBHOOK_URL", format!("https://hooks.test:{port}/services/{CANARY}"));
    let alone = world.diff(&[]);
    assert!(alone.code == 2 && alone.notes.contains("cannot resolve hooks.test"), "{alone:?}");
    world.set("HTTPS_PROXY", proxy.url_of("ann", CANARY));
    let said = world.diff(&[]);
    assert!(said.notes.contains("the webhook at hooks.test: 5 findings told"), "{said:?}");
    assert_eq!(proxy.lines(), [format!("CONNECT hooks.test:{port} HTTP/1.1")]);
}

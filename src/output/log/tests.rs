//! Tests that lines arrive whole, that secrets and control characters do not, and that logging never blocks.

use super::*;
use crate::domain::secret::Secret;
use serde_json::{Value, json};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, mpsc};

/// A sink whose lines a test can read.
struct Sink(Sender<String>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A sink that blocks until it is released, like a pipe whose reader sleeps.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(format: LogFormat, say: impl FnOnce()) -> Vec<String> {
    let (sent, received) = channel();
    let mut redactor = Redactor::new();
    redactor.add(&Secret::new("hunter2-hunter2".to_owned()));
    let log = LogHandle::start_into(Sink(sent), format, redactor, |_| {}).unwrap();
    tracing::subscriber::with_default(log.subscriber(LevelFilter::INFO), say);
    log.flush(Duration::from_secs(60));
    assert_eq!(log.dropped(), 0);
    received.try_iter().collect()
}

fn details() {
    tracing::info!(
        provider = "groq",
        models = 3_u64,
        seconds = 1.5,
        ok = true,
        until = None::<&str>,
        "ready"
    );
    tracing::warn!(
        model = "sk-not-a-key-1234567890",
        level = "mine",
        error = "no\n\x1b[2J \"luck\" with hunter2-hunter2 and sk-abcdefghijklmnopqrstuvwxyz",
        "fai\r\nled"
    );
    tracing::debug!("not shown");
    tracing::info!(target: "driver::net", "of a library");
    tracing::warn!(target: "driver::net", "of a library too");
}

#[test]
fn programs_read_one_object_a_line() {
    let lines = lines(LogFormat::Json, details);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with('\n') && line.matches('\n').count() == 1));
    let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&read[0]["level"], &read[0]["message"]), (&"info".into(), &"ready".into()));
    assert_eq!(
        (&read[0]["models"], &read[0]["seconds"], &read[0]["ok"]),
        (&3.into(), &1.5.into(), &true.into())
    );
    assert!(chrono::DateTime::parse_from_rfc3339(read[0]["ts"].as_str().unwrap()).is_ok());
    assert_eq!((&read[1]["level"], &read[1]["level_"]), (&"warn".into(), &"mine".into()));
    assert_eq!(read[1]["model"], "sk-not-a-key-1234567890");
    assert!(!lines[1].contains("hunter2") && !lines[1].contains("sk-abc"), "{}", lines[1]);
    assert_eq!(read[2]["message"], "of a library too");
}

#[test]
fn people_read_words_that_cannot_move_a_cursor() {
    let lines = lines(LogFormat::Text, details);
    assert!(
        lines[0].ends_with(" INFO  ready  provider=groq models=3 seconds=1.500 ok=true\n"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains(
        " WARN  fai led  model=sk-not-a-key-1234567890 level=mine error=\"no \\u{1b}[2J 'luck' with"
    ));
    assert!(!lines[1].contains("hunter2") && !lines[1].contains('\x1b'), "{}", lines[1]);
}

#[test]
fn events_of_the_bridge_keep_their_names() {
    let event = |format| {
        let (sent, received) = channel();
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("hunter2-hunter2".to_owned()));
        let log = LogHandle::start_into(Sink(sent), format, redactor, |_| {}).unwrap();
        let fields = json!({
            "key_id": "sk-not-a-key-1234567890",
            "at": "mine",
            "field": null,
            "items": {"stored": 1, "first": "a\u{1b}b", "last": ["hunter2-hunter2"]},
            "message": "with hunter2-hunter2",
        });
        let Value::Object(fields) = fields else { panic!() };
        log.event(Level::WARN, "write", fields);
        tracing::subscriber::with_default(log.subscriber(LevelFilter::INFO), || tracing::error!("a panic"));
        log.flush(Duration::from_secs(60));
        received.try_iter().collect::<Vec<String>>()
    };
    let read = event(LogFormat::BridgeJson);
    let line: Value = serde_json::from_str(&read[0]).unwrap();
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(names, ["at", "level", "event", "key_id", "at_", "field", "items", "message"]);
    assert!(chrono::DateTime::parse_from_rfc3339(line["at"].as_str().unwrap()).is_ok());
    assert_eq!(
        (&line["level"], &line["event"], &line["at_"]),
        (&"warn".into(), &"write".into(), &"mine".into())
    );
    assert_eq!((&line["key_id"], &line["field"]), (&"sk-not-a-key-1234567890".into(), &Value::Null));
    assert_eq!(line["items"], json!({"stored": 1, "first": "a\u{1b}b", "last": ["[redacted]"]}));
    assert_eq!(line["message"], "with [redacted]");
    let panic: Value = serde_json::from_str(&read[1]).unwrap();
    assert_eq!((&panic["level"], &panic["event"]), (&"error".into(), &"a panic".into()));
    let words = event(LogFormat::Text).remove(0);
    assert!(
        words.contains(" WARN  write  key_id=sk-not-a-key-1234567890 at=mine items={\"stored\":1,"),
        "{words}"
    );
    assert!(
        !words.contains(['\x1b', '\r']) && !words.contains("field=") && !words.contains("hunter2"),
        "{words}"
    );
}

#[test]
fn nobody_waits_for_a_reader_that_sleeps() {
    let (release, stuck) = channel();
    let doing = Arc::new(Mutex::new(LogThreadState::Working));
    let seen = Arc::clone(&doing);
    let log = LogHandle::start_into(Stuck(stuck), LogFormat::Json, Redactor::new(), move |now| {
        *seen.lock().unwrap() = now
    })
    .unwrap();
    let total = QUEUE as u64 + 500;
    tracing::subscriber::with_default(log.subscriber(LevelFilter::INFO), || {
        // The reader never wakes: a line that waited for it would wait forever.
        for number in 0..total {
            tracing::info!(number, "line");
        }
    });
    // One line is being written, the queue is full, the rest is dropped and counted.
    assert!((498..=500).contains(&log.dropped()), "{}", log.dropped());
    while *doing.lock().unwrap() != LogThreadState::Writing {
        std::thread::yield_now();
    }
    drop(release);
    log.flush(Duration::from_secs(60));
}

#[test]
fn a_reader_that_has_gone_is_counted() {
    let log = LogHandle::start_into(Gone, LogFormat::Text, Redactor::new(), |_| {}).unwrap();
    tracing::subscriber::with_default(log.subscriber(LevelFilter::INFO), || tracing::info!("to nobody"));
    log.flush(Duration::from_secs(60));
    assert_eq!(log.dropped(), 1);
}

#[test]
fn text_is_for_people_and_wishes_win() {
    assert_eq!(LogFormat::choose(None, true), LogFormat::Text);
    assert_eq!(LogFormat::choose(None, false), LogFormat::Json);
    assert_eq!(LogFormat::choose(Some(LogFormat::Json), true), LogFormat::Json);
}

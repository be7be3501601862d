//! Every stream under tests/cassettes, decoded, as people would tell it: one snapshot a cassette. A cassette is a body as
//! the provider's documentation and recordings of it show; `.cut.` in its name means that the connection broke at its end.

use super::entries::{assert_sound, recording, without_stamps};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use llmbench::providers::protocols::{Channel, DecodedStream, Dialect, Quirks};
use llmbench::wire::{ExchangeEnd, ResponseHead};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The cassettes of one folder, sorted by name.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "no files in {}", folder.display());
    files.sort();
    files
}

/// The folder of a dialect's cassettes.
pub fn folder(dialect: Dialect) -> PathBuf {
    let name = format!("{dialect:?}").to_lowercase();
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes").join(name)
}

/// The body of a cassette: Converse ones are text, one frame a line, `type payload`, exceptions with a `!`.
pub fn body(dialect: Dialect, file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    if dialect != Dialect::Converse || text.starts_with('<') {
        return bytes;
    }
    frames(&text)
}

/// Frames of an event stream from lines of `type payload`.
pub fn frames(text: &str) -> Vec<u8> {
    let mut frames = Vec::new();
    for line in text.lines() {
        let (kind, payload) = line.split_once(' ').unwrap();
        let (family, name, kind) = match kind.strip_prefix('!') {
            Some(kind) => ("exception", ":exception-type", kind),
            None => ("event", ":event-type", kind),
        };
        let header = |name: &str, value: &str| {
            Header::new(name.to_owned(), HeaderValue::String(value.to_owned().into()))
        };
        let message = Message::new(payload.as_bytes().to_vec())
            .add_header(header(name, kind))
            .add_header(header(":content-type", "application/json"))
            .add_header(header(":message-type", family));
        write_message_to(&message, &mut frames).unwrap();
    }
    frames
}

/// One read an event.
fn event_ends(body: &[u8]) -> Vec<usize> {
    let blank = |end: &usize| body[..*end].ends_with(b"\n\n") || body[..*end].ends_with(b"\n\r\n");
    (1..body.len()).filter(blank).chain([body.len()]).collect()
}

/// One read a frame, which begins with its length.
fn frame_ends(body: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    while let Some(length) = body[ends[ends.len() - 1]..].first_chunk() {
        ends.push(ends[ends.len() - 1] + u32::from_be_bytes(*length) as usize);
    }
    ends.split_off(1)
}

fn decoded(dialect: Dialect, file: &Path) -> DecodedStream {
    let body = body(dialect, file);
    let ends = if body.first() == Some(&0) { frame_ends(&body) } else { event_ends(&body) };
    let name = file.file_name().unwrap().to_string_lossy();
    let ending =
        if name.contains(".cut.") { ExchangeEnd::Cut("reset by peer".into()) } else { ExchangeEnd::Complete };
    dialect.decode(&recording(&body, ends, ending), &Quirks::default())
}

/// An answer in lines; what is absent is not said.
fn told(answer: &DecodedStream) -> String {
    let mut lines = String::new();
    for delta in &answer.deltas {
        let channel = if delta.channel == Channel::Visible { "visible" } else { "reasoning" };
        let tokens = delta.tokens.map(|tokens| format!(" = {tokens} tokens")).unwrap_or_default();
        writeln!(lines, "{:>4} ms {channel} {:?}{tokens}", delta.at.as_millis(), delta.text).unwrap();
    }
    let mut say = |what: &str, value: Option<String>| {
        value.into_iter().for_each(|value| writeln!(lines, "{what}: {value}").unwrap());
    };
    say("log probabilities", (!answer.logprobs.is_empty()).then(|| format!("{:?}", answer.logprobs)));
    say("usage", answer.usage.as_ref().map(|usage| format!("{usage:?}")));
    say("finish reason", answer.finish_reason.clone());
    say("id", answer.response_id.clone());
    say("status", answer.response_status.clone());
    say("model", answer.response_model.clone());
    say("tier", answer.service_tier.clone());
    say("fingerprint", answer.system_fingerprint.clone());
    say("served by", answer.observed_provider.clone());
    say("timing", (!answer.provider_timing.is_empty()).then(|| format!("{:?}", answer.provider_timing)));
    say("error", answer.error.as_ref().map(|error| format!("{error:?}")));
    say("malformed", answer.malformed.clone());
    say("cut", answer.cut.clone());
    say("no UTF-8", (answer.broken_texts > 0).then(|| format!("{} events", answer.broken_texts)));
    say("events", Some(answer.events.to_string()));
    lines
}

fn check(dialect: Dialect) {
    for file in files(&folder(dialect)) {
        let answer = decoded(dialect, &file);
        assert_sound(&answer);
        let name = file.file_name().unwrap().to_string_lossy().replace('.', "_");
        insta::assert_snapshot!(format!("{dialect:?}_{name}").to_lowercase(), told(&answer));
    }
}

#[test]
fn chat() {
    check(Dialect::Chat);
}

#[test]
fn completions() {
    check(Dialect::Completions);
}

#[test]
fn responses() {
    check(Dialect::Responses);
}

#[test]
fn messages() {
    check(Dialect::Messages);
}

#[test]
fn gemini() {
    check(Dialect::Gemini);
}

#[test]
fn converse() {
    check(Dialect::Converse);
}

#[test]
fn a_host_that_counts_without_reasoning_is_told_by_its_quirk() {
    let body = body(Dialect::Chat, &folder(Dialect::Chat).join("openai.sse"));
    let recorded = recording(&body, vec![body.len()], ExchangeEnd::Complete);
    let quirks = Quirks { output_excludes_reasoning: true, ..Quirks::default() };
    assert!(Dialect::Chat.decode(&recorded, &quirks).usage.unwrap().output_excludes_reasoning);
    assert!(!Dialect::Chat.decode(&recorded, &Quirks::default()).usage.unwrap().output_excludes_reasoning);
}

#[test]
fn headers_tell_the_providers_clock_and_bedrocks_id() {
    let headers = [("openai-processing-ms", "321"), ("x-amzn-requestid", "7f-1")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    for dialect in Dialect::ALL {
        let mut recorded = recording(b"", vec![], ExchangeEnd::Complete);
        recorded.head = Some(ResponseHead { status: 200, headers: headers.clone() });
        let answer = dialect.decode(&recorded, &Quirks::default());
        assert_eq!(answer.provider_timing["openai-processing"], 0.321);
        let expected = (dialect == Dialect::Converse).then_some("7f-1");
        assert_eq!(answer.response_id.as_deref(), expected);
    }
}

/// A reader that stops at the end marker, because the host leaves the connection open, loses nothing.
#[test]
fn nothing_that_counts_comes_after_the_end_marker() {
    let mut stopped = 0;
    for dialect in Dialect::ALL {
        let Some(marker) = dialect.end_marker() else { continue };
        for file in files(&folder(dialect)) {
            let body = body(dialect, &file);
            let line = body.windows(marker.len() + 1).position(|w| w[0] == b'\n' && &w[1..] == marker);
            let Some(line) = line else { continue };
            let end = line + 1 + marker.len();
            let read = |end: usize| {
                let recorded = recording(&body[..end], vec![end], ExchangeEnd::Complete);
                DecodedStream { events: 0, ..without_stamps(dialect.decode(&recorded, &Quirks::default())) }
            };
            assert_eq!(read(end), read(body.len()), "{}", file.display());
            stopped += 1;
        }
    }
    assert!(stopped > 20, "{stopped}");
}

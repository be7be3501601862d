//! Walks the events of a recorded stream and builds a `DecodedStream`: the part that all event-stream formats share,
//! including errors and bytes of other formats. Each format's file interprets its events.

use super::{Channel, DecodedStream, Delta, StreamError, Usage, error_body, repair, timing};
use crate::wire::{ExchangeEnd, Recording, sse};
use std::borrow::Cow;
use std::time::Duration;

/// The longest excerpt of unknown bytes in a message, in characters.
const SHOWN: usize = 120;

/// One format's reader of events. It must change nothing if it returns an error: the event may be tried again.
pub(super) trait StreamFormat {
    /// Takes one event whose data is a JSON object.
    fn event(
        &mut self,
        name: Option<&str>,
        data: &[u8],
        out: &mut DecodedStreamBuilder<'_>,
    ) -> serde_json::Result<()>;

    /// Takes the end of the stream.
    fn end(&mut self, _out: &mut DecodedStreamBuilder<'_>) {}
}

/// Builds a decoded stream.
pub(super) struct DecodedStreamBuilder<'r> {
    recording: &'r Recording,
    /// The answer as decoded so far.
    pub answer: DecodedStream,
    /// The moment when the current event had been read, from t0.
    pub at: Duration,
}

impl<'r> DecodedStreamBuilder<'r> {
    /// Starts empty, except for facts from the head.
    pub fn new(recording: &'r Recording) -> Self {
        let mut answer = DecodedStream::default();
        if let Some(head) = &recording.head {
            timing::from_head(head, &mut answer.provider_timing);
        }
        Self { recording, answer, at: Duration::ZERO }
    }

    /// Begins an event whose last byte stands at `offset` of the body.
    pub fn begin(&mut self, offset: usize) {
        self.at = self.recording.stamp(offset);
        self.answer.events += 1;
        self.answer.first_event.get_or_insert(self.at);
    }

    /// A delta of the current event.
    pub fn delta(&self, channel: Channel, text: impl Into<String>, tokens: Option<u32>) -> Delta {
        Delta { at: self.at, channel, text: text.into(), tokens }
    }

    /// Keeps text of the current event, unless it is empty.
    pub fn text(&mut self, channel: Channel, text: Cow<'_, str>) {
        if !text.is_empty() {
            let delta = self.delta(channel, text, None);
            self.answer.deltas.push(delta);
        }
    }

    /// Keeps the first error; later ones are usually its consequences.
    pub fn error(&mut self, error: StreamError) {
        self.answer.error.get_or_insert(error);
    }

    /// Keeps the first reason why the bytes are not this protocol.
    pub fn malformed(&mut self, why: String) {
        self.answer.malformed.get_or_insert(why);
    }

    /// Records that the body ends in the middle of an event.
    pub fn cut(&mut self, what: String) {
        self.answer.cut.get_or_insert(what);
    }

    /// The data as text that is valid in JSON, if it was not; counts data that is not UTF-8.
    pub fn repaired(&mut self, data: &[u8]) -> Option<String> {
        self.answer.broken_texts += usize::from(std::str::from_utf8(data).is_err());
        repair::repaired(data)
    }

    /// Adds a report of counts.
    pub fn usage(&mut self, report: Usage) {
        self.answer.usage.get_or_insert_default().absorb(report);
    }

    /// True if bytes may be missing at the body's end, so that half an event there is no sign of a wrong protocol.
    pub fn may_be_cut(&self) -> bool {
        self.recording.ending != ExchangeEnd::Complete
    }
}

/// Stores a word in `slot`; a later word replaces an earlier one.
pub(super) fn keep(slot: &mut Option<String>, word: Option<&str>) {
    if let Some(word) = word.filter(|word| slot.as_deref() != Some(*word)) {
        *slot = Some(word.to_owned());
    }
}

/// Decodes a whole recording with one format's reader.
pub(super) fn decode(recording: &Recording, mut format: impl StreamFormat) -> DecodedStream {
    let mut out = DecodedStreamBuilder::new(recording);
    let mut events = sse::events(&recording.body);
    for event in events.by_ref() {
        out.begin(event.end);
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            break;
        }
        if let Err(problem) = take(&mut format, event.name.as_deref(), data, &mut out) {
            let number = out.answer.events;
            if event.closed {
                out.malformed(format!("event {number} {problem}: {}", shown(data)));
            } else {
                out.cut(format!("the body ends in the middle of event {number}"));
            }
            break;
        }
    }
    let stray = events.stray();
    format.end(&mut out);
    if let Some(offset) = stray {
        judge_stray(&recording.body[offset..], &mut out);
    }
    out.answer
}

fn take(
    format: &mut impl StreamFormat,
    name: Option<&str>,
    data: &[u8],
    out: &mut DecodedStreamBuilder<'_>,
) -> Result<(), String> {
    if data.is_empty() {
        return Ok(());
    }
    if name == Some("error") {
        let message = || StreamError { message: String::from_utf8_lossy(data).into(), ..Default::default() };
        out.error(error_body(data).unwrap_or_else(message));
        return Ok(());
    }
    if !data.starts_with(b"{") {
        let error = error_body(data).filter(|_| data.starts_with(b"["));
        return error.map(|error| out.error(error)).ok_or_else(|| "is no JSON object".to_owned());
    }
    format
        .event(name, data, out)
        .or_else(|error| match out.repaired(data) {
            Some(text) => format.event(name, text.as_bytes(), out),
            None => Err(error),
        })
        .map_err(|error| match error.is_data() {
            true => format!("has another shape than the protocol's ({error})"),
            false => format!("is no JSON ({error})"),
        })
}

/// Lines outside the event stream: an error as bare JSON (Gemini writes them so), or a body of another kind.
fn judge_stray(stray: &[u8], out: &mut DecodedStreamBuilder<'_>) {
    if let Some(error) = error_body(stray) {
        out.error(error);
    } else if out.answer.events == 0 && !(out.may_be_cut() && memchr::memchr2(b'\n', b'\r', stray).is_none())
    {
        foreign(stray, out);
    }
}

/// Describes a body that is not a stream.
pub(super) fn foreign(body: &[u8], out: &mut DecodedStreamBuilder<'_>) {
    let what = match body.trim_ascii_start().first() {
        Some(b'<') => "HTML or XML",
        Some(b'{' | b'[') => "JSON",
        _ => "something else",
    };
    out.malformed(format!("{what} instead of an event stream: {}", shown(body)));
}

/// The beginning of some bytes, escaped, for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(4 * SHOWN)];
    let text = String::from_utf8_lossy(head);
    let mut escaped = text.chars().flat_map(escaped);
    let shown: String = escaped.by_ref().take(SHOWN).collect();
    if escaped.next().is_some() { shown + "…" } else { shown }
}

/// Control characters as escapes, so that unknown bytes cannot move a terminal's cursor; quotes stay readable.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let escape = (c.is_control() || c == '\\').then(|| c.escape_default());
    let plain = escape.is_none().then_some(c);
    escape.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_are_shown_escaped_and_short() {
        assert_eq!(shown(b"a\n\"\x1B\xFF"), "a\\n\"\\u{1b}\u{FFFD}");
        assert_eq!(shown(&[b'x'; 500]).chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_word_is_kept_until_a_later_one_comes() {
        let mut slot = None;
        keep(&mut slot, Some("a"));
        keep(&mut slot, None);
        assert_eq!(slot.as_deref(), Some("a"));
        keep(&mut slot, Some("b"));
        assert_eq!(slot.as_deref(), Some("b"));
    }
}

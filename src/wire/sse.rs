//! Server-sent events cut from a recorded body (WHATWG HTML, section 9.2.6), each with the offset of its last data
//! byte, so that `Recording::stamp` can tell when it had been read. Pure; any chunking of the same bytes gives the
//! same events. `providers::protocols` interprets the events.

use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// One event that carried data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The last `event:` line before the data's end; `None` if there is none or it is empty.
    pub name: Option<Cow<'a, str>>,
    /// The `data:` lines, joined by line feeds. Borrowed from the body if there is only one. Not always UTF-8.
    pub data: Cow<'a, [u8]>,
    /// Offset in the body of the last byte of the last data line (its line end not counted).
    pub end: usize,
    /// True if a blank line ended it; false if the body's end did, so that it may be half an event.
    pub closed: bool,
}

/// Cuts a body into events. Differs from the standard in one point, as provider SDKs do: an event that ends with the
/// body instead of a blank line is delivered too.
pub fn events(body: &[u8]) -> SseEvents<'_> {
    let mark = b"\xEF\xBB\xBF";
    let position = if body.starts_with(mark) { mark.len() } else { 0 };
    SseEvents { body, position, stray: None }
}

/// The events of a body in order; see [`events`].
#[derive(Debug, Clone)]
pub struct SseEvents<'a> {
    body: &'a [u8],
    position: usize,
    stray: Option<usize>,
}

impl<'a> SseEvents<'a> {
    /// Offset of the first line, among those passed so far, that belongs to no event stream: not a field of the
    /// standard, a comment or blank. Some servers write an error there, as bare JSON.
    pub fn stray(&self) -> Option<usize> {
        self.stray
    }

    /// The next line without its end, and its offset; ends are LF, CRLF and CR.
    fn line(&mut self) -> Option<(usize, &'a [u8])> {
        let start = self.position;
        let rest = self.body.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let ends_in_two = rest[length..].starts_with(b"\r\n");
        self.position = start + length + if ends_in_two { 2 } else { 1 };
        Some((start, &rest[..length]))
    }
}

impl<'a> Iterator for SseEvents<'a> {
    type Item = SseEvent<'a>;

    fn next(&mut self) -> Option<SseEvent<'a>> {
        let mut name = None;
        let mut data = None;
        let mut end = 0;
        while let Some((start, line)) = self.line() {
            match field(line) {
                SseLine::Data(value) => {
                    data = Some(joined(data, value));
                    end = start + line.len() - 1;
                }
                SseLine::Name(value) => name = (!value.is_empty()).then(|| String::from_utf8_lossy(value)),
                SseLine::Blank => match data {
                    Some(data) => return Some(SseEvent { name, data, end, closed: true }),
                    None => name = None,
                },
                SseLine::Ignored => {}
                SseLine::Stray => self.stray = self.stray.or(Some(start)),
            }
        }
        data.map(|data| SseEvent { name, data, end, closed: false })
    }
}

enum SseLine<'a> {
    Data(&'a [u8]),
    Name(&'a [u8]),
    Blank,
    Ignored,
    Stray,
}

fn field(line: &[u8]) -> SseLine<'_> {
    if line.is_empty() {
        return SseLine::Blank;
    }
    let colon = memchr(b':', line).unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match &line[..colon] {
        b"data" => SseLine::Data(value),
        b"event" => SseLine::Name(value),
        b"" | b"id" | b"retry" => SseLine::Ignored,
        _ => SseLine::Stray,
    }
}

fn joined<'a>(before: Option<Cow<'a, [u8]>>, value: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(before) = before else { return Cow::Borrowed(value) };
    let mut bytes = before.into_owned();
    bytes.push(b'\n');
    bytes.extend_from_slice(value);
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &[u8]) -> Vec<(Option<String>, String)> {
        events(body)
            .map(|e| (e.name.map(Cow::into_owned), String::from_utf8_lossy(&e.data).into_owned()))
            .collect()
    }

    fn unnamed(values: &[&str]) -> Vec<(Option<String>, String)> {
        values.iter().map(|value| (None, (*value).to_owned())).collect()
    }

    #[test]
    fn every_line_end_ends_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let body = format!("data: a{end}{end}data: b{end}data: c{end}{end}");
            assert_eq!(texts(body.as_bytes()), unnamed(&["a", "b\nc"]), "{end:?}");
        }
        assert_eq!(texts(b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n"), unnamed(&["a", "b", "c"]));
    }

    #[test]
    fn one_space_after_the_colon_is_dropped_and_no_more() {
        assert_eq!(
            texts(b"data:a\n\ndata: a\n\ndata:  a\n\ndata\n\ndata:\n\n"),
            unnamed(&["a", "a", " a", "", ""])
        );
    }

    #[test]
    fn comments_ids_and_nameless_blanks_are_no_events() {
        let body = b": OPENROUTER PROCESSING\n\nid: 1\nretry: 10\n\nevent: ping\n\ndata: x\n\n";
        assert_eq!(texts(body), unnamed(&["x"]));
    }

    #[test]
    fn an_event_takes_its_name_and_the_next_one_does_not() {
        let body = b"event: a\ndata: 1\n\ndata: 2\n\nevent:\ndata: 3\n\n";
        assert_eq!(texts(body)[0], (Some("a".into()), "1".into()));
        assert_eq!(texts(body)[1..], unnamed(&["2", "3"]));
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_start_only() {
        assert_eq!(texts(b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n"), unnamed(&["a"]));
    }

    #[test]
    fn the_body_end_delivers_what_is_pending() {
        assert_eq!(texts(b"data: a\n\ndata: b"), unnamed(&["a", "b"]));
        assert_eq!(texts(b"data: a\n\nevent: x"), unnamed(&["a"]));
        let closed: Vec<bool> = events(b"data: a\n\ndata: b\n").map(|event| event.closed).collect();
        assert_eq!(closed, [true, false]);
    }

    #[test]
    fn end_is_the_last_byte_of_the_last_data_line() {
        let body = b"data: ab\r\ndata: cd\r\nid: 7\r\n\r\ndata:\n\n";
        let ends: Vec<usize> = events(body).map(|event| event.end).collect();
        assert_eq!(body[ends[0]], b'd');
        assert_eq!(body[ends[1]], b':');
    }

    #[test]
    fn lines_of_no_event_stream_are_remembered() {
        let body = b"data: a\n\n[{\n  \"error\": 1\n}]\n";
        let mut cut = events(body);
        assert_eq!(cut.by_ref().count(), 1);
        assert_eq!(cut.stray(), Some(9));
    }

    #[test]
    fn one_data_line_is_not_copied() {
        assert!(events(b"data: a\n\n").all(|event| matches!(event.data, Cow::Borrowed(_))));
    }
}

//! Server-sent events as bytes, and templates of them: an event is rendered once as JSON, a
//! token then costs a few copies.

use super::super::scenario::SimFault;
use serde_json::Value;

/// Line ends of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseFormat {
    newline: &'static str,
}

impl SseFormat {
    /// The line ends that a fault sets; LF otherwise.
    pub fn of(fault: SimFault) -> Self {
        let newline = match fault {
            SimFault::Crlf => "\r\n",
            SimFault::Cr => "\r",
            _ => "\n",
        };
        Self { newline }
    }

    /// Appends an event with a name, or with none.
    pub fn event(self, out: &mut Vec<u8>, name: Option<&str>, data: &str) {
        if let Some(name) = name {
            self.field(out, "event: ", name);
        }
        self.field(out, "data: ", data);
        out.extend_from_slice(self.newline.as_bytes());
    }

    /// Appends an event with JSON and no name.
    pub fn json(self, out: &mut Vec<u8>, data: &Value) {
        self.event(out, None, &data.to_string());
    }

    /// Appends an event named after its JSON's `type`, as Anthropic and the Responses API do.
    pub fn typed(self, out: &mut Vec<u8>, data: &Value) {
        self.event(out, data["type"].as_str(), &data.to_string());
    }

    /// Appends a comment, with the empty line that follows it on the wire.
    pub fn comment(self, out: &mut Vec<u8>, text: &str) {
        self.field(out, ": ", text);
        out.extend_from_slice(self.newline.as_bytes());
    }

    fn field(self, out: &mut Vec<u8>, key: &str, value: &str) {
        for part in [key, value, self.newline] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// Placeholder for text in a template's JSON.
pub const TEXT: &str = "@@text@@";
/// Placeholder for a number in a template's JSON.
pub const NUMBER: u64 = 9_000_000_000_000_001;
/// Placeholder for a second number in a template's JSON.
pub const SECOND_NUMBER: u64 = 9_000_000_000_000_002;

/// An event with placeholders.
pub struct Template {
    /// Bytes, then the number of the slot that follows them.
    parts: Vec<(Vec<u8>, usize)>,
    tail: Vec<u8>,
}

impl Template {
    /// Cuts a rendered event at its slots: 0 is [`TEXT`], 1 is [`NUMBER`], 2 is [`SECOND_NUMBER`].
    pub fn new(rendered: &[u8]) -> Self {
        let marks = [TEXT.to_owned(), NUMBER.to_string(), SECOND_NUMBER.to_string()];
        let mut parts = Vec::new();
        let mut rest = rendered;
        while let Some((at, slot)) = first_mark(rest, &marks) {
            parts.push((rest[..at].to_vec(), slot));
            rest = &rest[at + marks[slot].len()..];
        }
        Self { parts, tail: rest.to_vec() }
    }

    /// Appends the event with `text` and `numbers` in its slots.
    pub fn fill(&self, out: &mut Vec<u8>, text: &[u8], numbers: [u64; 2]) {
        for (bytes, slot) in &self.parts {
            out.extend_from_slice(bytes);
            match slot {
                0 => out.extend_from_slice(text),
                slot => out.extend_from_slice(numbers[slot - 1].to_string().as_bytes()),
            }
        }
        out.extend_from_slice(&self.tail);
    }
}

fn first_mark(bytes: &[u8], marks: &[String]) -> Option<(usize, usize)> {
    let found = marks
        .iter()
        .enumerate()
        .filter_map(|(slot, mark)| memchr::memmem::find(bytes, mark.as_bytes()).map(|at| (at, slot)));
    found.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_is_the_event_with_holes() {
        let mut rendered = Vec::new();
        let event = json!({"n": NUMBER, "t": TEXT, "m": SECOND_NUMBER});
        SseFormat::of(SimFault::None).json(&mut rendered, &event);
        let mut out = Vec::new();
        Template::new(&rendered).fill(&mut out, " word".as_bytes(), [7, 42]);
        assert_eq!(String::from_utf8(out).unwrap(), "data: {\"n\":7,\"t\":\" word\",\"m\":42}\n\n");
    }

    #[test]
    fn line_ends_follow_the_twist() {
        let rendered = |fault| {
            let mut out = Vec::new();
            SseFormat::of(fault).typed(&mut out, &json!({"type": "ping"}));
            SseFormat::of(fault).comment(&mut out, "x");
            String::from_utf8(out).unwrap()
        };
        assert_eq!(rendered(SimFault::None), "event: ping\ndata: {\"type\":\"ping\"}\n\n: x\n\n");
        assert_eq!(rendered(SimFault::Cr), rendered(SimFault::None).replace('\n', "\r"));
        assert_eq!(rendered(SimFault::Crlf), rendered(SimFault::None).replace('\n', "\r\n"));
    }
}

//! Splits `<think>…</think>` at the head of visible text into the reasoning channel, for hosts that serve reasoning
//! models without a reasoning field (Groq's raw format, R1-style models on Together). A tag may be spread over
//! chunks. Text that does not begin with the tag stays unchanged, because a story may mention tags.

use super::{Channel, Delta};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// The splitter of one stream. Deltas that may be part of a tag are held back and keep their own stamps.
#[derive(Debug, Default)]
pub(super) struct ThinkSplitter {
    state: ThinkTagState,
    /// The number of bytes of the awaited tag at the end of the held deltas.
    matched: usize,
    held: Vec<Delta>,
}

#[derive(Debug, Default, PartialEq)]
enum ThinkTagState {
    /// Only white space came, or the beginning of the opening tag.
    #[default]
    Start,
    /// Between the tags.
    Inside,
    /// No tag can follow.
    Plain,
}

impl ThinkSplitter {
    /// Passes one visible delta on, split if necessary.
    pub fn push(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        match self.state {
            ThinkTagState::Plain => out.push(delta),
            ThinkTagState::Start => self.start(delta, out),
            ThinkTagState::Inside => self.inside(delta, out),
        }
    }

    /// Releases the held deltas: the stream has ended, or something else comes next.
    pub fn settle(&mut self, out: &mut Vec<Delta>) {
        let channel = if self.state == ThinkTagState::Inside { Channel::Reasoning } else { Channel::Visible };
        if self.state == ThinkTagState::Start && self.matched > 0 {
            self.state = ThinkTagState::Plain;
        }
        self.matched = 0;
        out.extend(self.held.drain(..).map(|delta| Delta { channel, ..delta }));
    }

    fn start(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        let fresh = if self.matched == 0 { delta.text.trim_start() } else { &delta.text };
        let awaited = &OPEN[self.matched..];
        if let Some(rest) = fresh.strip_prefix(awaited) {
            let rest = part(&delta, rest, Channel::Reasoning);
            self.held.clear();
            self.matched = 0;
            self.state = ThinkTagState::Inside;
            self.inside(rest, out);
        } else if awaited.starts_with(fresh) {
            self.matched += fresh.len();
            self.held.push(delta);
        } else {
            self.state = ThinkTagState::Plain;
            self.settle(out);
            out.push(delta);
        }
    }

    fn inside(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        let awaited = &CLOSE[self.matched..];
        if self.matched > 0 && delta.text.starts_with(awaited) {
            return self.close(&delta, 0, awaited.len(), out);
        }
        if self.matched > 0 && awaited.starts_with(&delta.text) {
            self.matched += delta.text.len();
            return self.held.push(delta);
        }
        self.settle(out);
        if let Some(at) = delta.text.find(CLOSE) {
            return self.close(&delta, at, CLOSE.len(), out);
        }
        let tail = (1..CLOSE.len()).rev().find(|&n| delta.text.ends_with(&CLOSE[..n])).unwrap_or(0);
        let (head, held) = delta.text.split_at(delta.text.len() - tail);
        push_part(part(&delta, head, Channel::Reasoning), out);
        if tail > 0 {
            self.matched = tail;
            self.held.push(part(&delta, held, Channel::Reasoning));
        }
    }

    fn close(&mut self, delta: &Delta, at: usize, tag: usize, out: &mut Vec<Delta>) {
        self.held.clear();
        self.matched = 0;
        self.state = ThinkTagState::Plain;
        push_part(part(delta, &delta.text[..at], Channel::Reasoning), out);
        push_part(part(delta, &delta.text[at + tag..], Channel::Visible), out);
    }
}

/// A part of a delta; the token count is kept only for a whole delta.
fn part(delta: &Delta, text: &str, channel: Channel) -> Delta {
    let tokens = delta.tokens.filter(|_| text.len() == delta.text.len());
    Delta { at: delta.at, channel, text: text.to_owned(), tokens }
}

fn push_part(delta: Delta, out: &mut Vec<Delta>) {
    if !delta.text.is_empty() {
        out.push(delta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn split<T: AsRef<str>>(chunks: &[T]) -> Vec<Delta> {
        let mut splitter = ThinkSplitter::default();
        let mut out = Vec::new();
        for (index, text) in chunks.iter().enumerate().filter(|(_, text)| !text.as_ref().is_empty()) {
            let at = Duration::from_millis(index as u64);
            let text = text.as_ref().to_owned();
            splitter.push(Delta { at, channel: Channel::Visible, text, tokens: Some(1) }, &mut out);
        }
        splitter.settle(&mut out);
        out
    }

    fn channels(deltas: &[Delta]) -> (String, String) {
        let of = |channel| {
            deltas.iter().filter(|d| d.channel == channel).map(|d| d.text.as_str()).collect::<String>()
        };
        (of(Channel::Reasoning), of(Channel::Visible))
    }

    #[test]
    fn a_tag_may_be_spread_over_chunks() {
        let deltas = split(&["\n<th", "ink>", "so ", "it is</", "think", ">Once", " more"]);
        assert_eq!(channels(&deltas), ("so it is".into(), "Once more".into()));
        let stamps: Vec<u128> = deltas.iter().map(|d| d.at.as_millis()).collect();
        assert_eq!(stamps, [2, 3, 5, 6]);
    }

    #[test]
    fn text_that_only_looks_like_a_tag_keeps_its_stamps() {
        let deltas = split(&["<thi", "s is text"]);
        assert_eq!(channels(&deltas), (String::new(), "<this is text".into()));
        assert_eq!(deltas[0].at, Duration::ZERO);
        let deltas = split(&["<think>a</th", "at</think>b"]);
        assert_eq!(channels(&deltas), ("a</that".into(), "b".into()));
    }

    #[test]
    fn a_tag_later_in_the_text_is_text() {
        let deltas = split(&["Hello <think>", "x</think>"]);
        assert_eq!(channels(&deltas), (String::new(), "Hello <think>x</think>".into()));
        assert!(deltas.iter().all(|delta| delta.tokens == Some(1)));
    }

    proptest! {
        #[test]
        fn any_cut_of_a_text_gives_the_same_channels(
            text in "[ \n]?(<think>)?[a<>/thinké]{0,12}(</think>)?[a<é]{0,4}",
            cuts in proptest::collection::vec(0usize..40, 0..6),
        ) {
            let characters: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(characters.len())).collect();
            cuts.extend([0, characters.len()]);
            cuts.sort_unstable();
            let chunks: Vec<String> = cuts.windows(2).map(|w| characters[w[0]..w[1]].iter().collect()).collect();
            let deltas = split(&chunks);
            prop_assert_eq!(channels(&deltas), channels(&split(&[text])));
            prop_assert!(deltas.windows(2).all(|pair| pair[0].at <= pair[1].at));
            prop_assert!(deltas.iter().all(|delta| !delta.text.is_empty()));
        }
    }
}

//! Turns stamps into figures: the only place that defines TTFT, inter-token latency and tokens per second. Pure, and
//! tested against streams whose true timing is known.

use crate::domain::run::{Phases, Speeds, StreamShape, Tokens};
use crate::measure::tokens::rough_tokens;
use crate::providers::protocols::{Channel, DecodedStream, Delta};
use crate::wire::Recording;
use std::time::Duration;

/// Version of the definitions below. Version 1 counted every token but the first, whatever arrived with it.
pub const DEFINITIONS_VERSION: u32 = 2;

/// Chunks that arrive within this time of a group's first one belong to the group: they came at once, and no client
/// can say which was first.
const GROUP: Duration = Duration::from_millis(1);
/// Arrival groups below which the pace of decoding cannot be judged.
const BURST_GROUPS: u64 = 8;

/// The visible part of an answer, as its figures need it.
struct VisibleText<'a> {
    deltas: Vec<&'a Delta>,
    tokens: u64,
    /// Tokens in each chunk: the provider's own counts if every chunk has one; one each if there are as many chunks as
    /// tokens; else the chunk's share of the text, by [`rough_tokens`].
    tokens_by_chunk: Vec<f64>,
}

/// The tokens that arrive after the first arrival group, and the time that they take.
#[derive(Clone, Copy)]
struct Pace {
    tokens: f64,
    seconds: f64,
}

impl<'a> VisibleText<'a> {
    fn new(answer: &'a DecodedStream, tokens: &Tokens) -> Self {
        let visible = answer.deltas.iter().filter(|delta| delta.channel == Channel::Visible);
        let (deltas, tokens) = (visible.collect::<Vec<_>>(), tokens.visible_output_tokens.unwrap_or(0));
        let tokens_by_chunk = tokens_by_chunk(&deltas, tokens);
        Self { deltas, tokens, tokens_by_chunk }
    }

    fn first(&self) -> Option<Duration> {
        self.deltas.first().map(|delta| delta.at)
    }

    fn last(&self) -> Option<Duration> {
        self.deltas.last().map(|delta| delta.at)
    }

    /// Number of chunks in each arrival group.
    fn groups(&self) -> Vec<usize> {
        let arrivals: Vec<Duration> = self.deltas.iter().map(|delta| delta.at).collect();
        arrival_groups(&arrivals)
    }

    /// `None` if everything arrived at once, which shows no pace. The tokens of the first group have no beginning that
    /// anybody saw, so they do not count, and the time runs from the last of them.
    fn pace(&self) -> Option<Pace> {
        let first = *self.groups().first()?;
        let seconds = self.last()?.checked_sub(self.deltas[first - 1].at)?.as_secs_f64();
        let tokens: f64 = self.tokens as f64 - self.tokens_by_chunk[..first].iter().sum::<f64>();
        (seconds > 0.0 && tokens > 0.0).then_some(Pace { tokens, seconds })
    }

    fn gaps(&self) -> Vec<f64> {
        self.deltas.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at).as_secs_f64()).collect()
    }

    /// Seconds from t0 to the chunk that holds the `n`th visible token.
    fn time_to_token(&self, n: u64) -> Option<f64> {
        if self.tokens < n {
            return None;
        }
        let mut seen = 0.0;
        for (delta, tokens) in self.deltas.iter().zip(&self.tokens_by_chunk) {
            seen += tokens;
            // Shares of text are fractions; their sum may miss a whole number by rounding.
            if seen + 1e-6 >= n as f64 {
                return Some(delta.at.as_secs_f64());
            }
        }
        None
    }
}

fn tokens_by_chunk(deltas: &[&Delta], tokens: u64) -> Vec<f64> {
    if deltas.len() as u64 == tokens {
        return vec![1.0; deltas.len()];
    }
    let counted: Option<Vec<f64>> = deltas.iter().map(|delta| delta.tokens.map(f64::from)).collect();
    counted.unwrap_or_else(|| {
        let lengths: Vec<f64> = deltas.iter().map(|delta| rough_tokens(&delta.text) as f64).collect();
        let whole: f64 = lengths.iter().sum();
        lengths.iter().map(|length| length / whole * tokens as f64).collect()
    })
}

/// Number of arrivals in each arrival group.
pub fn arrival_groups(arrivals: &[Duration]) -> Vec<usize> {
    let mut groups = Vec::new();
    let mut rest = arrivals;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|at| **at < *first + GROUP || *at == first).count();
        groups.push(count);
        rest = &rest[count..];
    }
    groups
}

/// The times of an answer that no piece of text carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerTimes {
    /// From t0 to the end of the answer.
    pub end: Duration,
    /// Round trip time, seconds.
    pub network_rtt: Option<f64>,
}

impl AnswerTimes {
    /// Those of a recording.
    pub fn of(recording: &Recording) -> Self {
        Self { end: recording.marks.end, network_rtt: recording.carrier.network_rtt_seconds }
    }
}

/// The speeds of one complete answer.
pub fn speeds(times: AnswerTimes, answer: &DecodedStream, tokens: &Tokens) -> Speeds {
    let visible = VisibleText::new(answer, tokens);
    let total = times.end.as_secs_f64();
    let generated = tokens.generated_output_tokens.unwrap_or(0) as f64 / total;
    let first = visible.first().map(|at| at.as_secs_f64());
    let reasoning = answer.deltas.iter().find(|delta| delta.channel == Channel::Reasoning);
    let gaps = visible.gaps();
    let pace = visible.pace();
    Speeds {
        generate_time: total,
        tokens_per_second: generated,
        generated_tokens_per_second: Some(generated),
        visible_tokens_per_second: tokens.visible_output_tokens.map(|count| count as f64 / total),
        decode_tokens_per_second: pace.map(|pace| pace.tokens / pace.seconds),
        time_to_first_token: first,
        time_to_first_reasoning_token: reasoning.map(|delta| delta.at.as_secs_f64()),
        ttft_available: first.is_some(),
        max_stall_seconds: gaps.iter().copied().reduce(f64::max),
        times_between_tokens: gaps,
        inter_token_latency: pace.map(|pace| pace.seconds / pace.tokens),
        time_to_64_visible_tokens_seconds: visible.time_to_token(64),
        ttft_beyond_rtt: first
            .zip(times.network_rtt)
            .map(|(first, way)| first - way)
            .filter(|rest| *rest >= 0.0),
    }
}

/// The phases of one exchange, as far as it came.
pub fn phases(recording: &Recording, answer: Option<&DecodedStream>) -> Phases {
    let seconds = |mark: Option<Duration>| mark.map(|at| at.as_secs_f64());
    let marks = &recording.marks;
    let reached = marks.proxy.or(marks.tcp);
    let connected = marks.tls.or(reached);
    let share = |end: Option<Duration>, from: Option<Duration>| {
        seconds(end.zip(from).map(|(end, from)| end.saturating_sub(from)))
    };
    let last_visible = answer.and_then(|answer| {
        answer.deltas.iter().rev().find(|delta| delta.channel == Channel::Visible).map(|delta| delta.at)
    });
    Phases {
        dns_seconds: seconds(marks.dns),
        connect_seconds: seconds(connected),
        proxy_seconds: share(marks.proxy, marks.tcp),
        tls_seconds: share(marks.tls, reached),
        sent_seconds: seconds(marks.sent),
        transmitted_seconds: seconds(marks.transmitted),
        headers_seconds: seconds(marks.head),
        first_event_seconds: seconds(answer.and_then(|answer| answer.first_event)),
        last_visible_seconds: seconds(last_visible),
    }
}

/// Describes the stream's resolution: whether it is fine enough to time generation.
pub fn shape(answer: &DecodedStream, tokens: &Tokens) -> StreamShape {
    let visible = VisibleText::new(answer, tokens);
    let chunks = visible.deltas.len() as u64;
    let groups = visible.groups().len() as u64;
    let largest = visible.tokens_by_chunk.iter().copied().reduce(f64::max);
    // Shares of text are estimates: if there is a chunk for every token, a long word is still one token.
    let counted = visible.deltas.iter().all(|delta| delta.tokens.is_some());
    let largest = if !counted && chunks >= visible.tokens { largest.map(|_| 1.0) } else { largest };
    let resolution = match groups {
        0 => None,
        _ if groups * 2 >= visible.tokens => Some("token"),
        _ if groups < BURST_GROUPS || groups * 16 < visible.tokens => Some("burst"),
        _ => Some("coarse"),
    };
    StreamShape {
        stream_resolution: resolution.map(str::to_owned),
        visible_stream_chunks: chunks,
        max_tokens_per_chunk: largest.map(|tokens| tokens.round().max(1.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Connection, ConnectionInfo};
    use crate::wire::{ExchangeEnd, Marks};
    use bytes::Bytes;
    use chrono::DateTime;

    fn recording(end_ms: u64) -> Recording {
        Recording {
            started_at: DateTime::UNIX_EPOCH,
            ended_at: DateTime::UNIX_EPOCH,
            connection: Connection::Cold,
            carrier: ConnectionInfo::default(),
            marks: Marks { end: Duration::from_millis(end_ms), ..Marks::default() },
            head: None,
            body: Bytes::new(),
            reads: Vec::new(),
            ending: ExchangeEnd::Complete,
            late_wakes: Vec::new(),
            connect_delay: None,
            dispatch_delay: Duration::ZERO,
        }
    }

    fn delta(ms: u64, channel: Channel, text: &str, tokens: Option<u32>) -> Delta {
        Delta { at: Duration::from_millis(ms), channel, text: text.to_owned(), tokens }
    }

    fn counts(visible: u64, reasoning: u64) -> Tokens {
        Tokens {
            output_tokens: Some(visible + reasoning),
            generated_output_tokens: Some(visible + reasoning),
            visible_output_tokens: Some(visible),
            ..Tokens::default()
        }
    }

    fn steady(tokens: u64) -> DecodedStream {
        let deltas = (0..tokens).map(|i| delta(200 + 20 * i, Channel::Visible, "word", None)).collect();
        DecodedStream { deltas, ..DecodedStream::default() }
    }

    #[test]
    fn a_steady_stream_of_64() {
        let figures = speeds(AnswerTimes::of(&recording(1460)), &steady(64), &counts(64, 0));
        assert_eq!(figures.time_to_first_token, Some(0.2));
        assert!((figures.inter_token_latency.unwrap() - 0.02).abs() < 1e-9);
        assert!((figures.decode_tokens_per_second.unwrap() - 50.0).abs() < 1e-6);
        assert!((figures.tokens_per_second - 64.0 / 1.46).abs() < 1e-9);
        assert_eq!(figures.time_to_64_visible_tokens_seconds, Some(1.46));
        assert_eq!(figures.times_between_tokens.len(), 63);
        assert!((figures.max_stall_seconds.unwrap() - 0.02).abs() < 1e-9);
    }

    #[test]
    fn reasoning_is_no_first_token_and_never_advances_the_64() {
        let mut answer = steady(64);
        answer.deltas.insert(0, delta(50, Channel::Reasoning, "hm", None));
        let figures = speeds(AnswerTimes::of(&recording(1460)), &answer, &counts(64, 40));
        assert_eq!(figures.time_to_first_reasoning_token, Some(0.05));
        assert_eq!(figures.time_to_first_token, Some(0.2));
        assert_eq!(figures.time_to_64_visible_tokens_seconds, Some(1.46));
        assert!((figures.tokens_per_second - 104.0 / 1.46).abs() < 1e-9);
    }

    #[test]
    fn nothing_visible_is_null_everywhere() {
        let answer = DecodedStream {
            deltas: vec![delta(50, Channel::Reasoning, "hm", None)],
            ..DecodedStream::default()
        };
        let figures = speeds(AnswerTimes::of(&recording(100)), &answer, &counts(0, 9));
        assert_eq!(figures.time_to_first_token, None);
        assert!(!figures.ttft_available);
        assert_eq!(figures.inter_token_latency, None);
        assert_eq!(figures.max_stall_seconds, None);
        assert_eq!(shape(&answer, &counts(0, 9)).stream_resolution, None);
    }

    #[test]
    fn chunks_of_four_words_have_four_tokens_each_however_long_the_words_are() {
        let text = |number: u64| if number == 0 { "It is as a" } else { " remarkable consequence of 2026" };
        let deltas = (0..16).map(|number| delta(200 + 80 * number, Channel::Visible, text(number), None));
        let answer = DecodedStream { deltas: deltas.collect(), ..DecodedStream::default() };
        let figures = speeds(AnswerTimes::of(&recording(1400)), &answer, &counts(64, 0));
        let exact = figures.inter_token_latency.unwrap() / 0.02;
        assert!((exact - 1.0).abs() < 0.03, "{exact}");
        assert_eq!(shape(&answer, &counts(64, 0)).stream_resolution.as_deref(), Some("coarse"));
    }

    #[test]
    fn one_chunk_shows_no_pace() {
        let answer = DecodedStream {
            deltas: vec![delta(90, Channel::Visible, "all at once", None)],
            ..DecodedStream::default()
        };
        let figures = speeds(AnswerTimes::of(&recording(100)), &answer, &counts(70, 0));
        assert_eq!((figures.inter_token_latency, figures.decode_tokens_per_second), (None, None));
        assert_eq!(figures.time_to_64_visible_tokens_seconds, Some(0.09));
        assert_eq!(shape(&answer, &counts(70, 0)).stream_resolution.as_deref(), Some("burst"));
    }

    #[test]
    fn the_64th_token_lies_in_the_chunk_that_holds_it() {
        let chunk = |ms, tokens| delta(ms, Channel::Visible, "0123456789", tokens);
        let counted = DecodedStream {
            deltas: vec![chunk(10, Some(63)), chunk(20, Some(1)), chunk(30, Some(36))],
            ..DecodedStream::default()
        };
        let figures = speeds(AnswerTimes::of(&recording(40)), &counted, &counts(100, 0));
        assert_eq!(figures.time_to_64_visible_tokens_seconds, Some(0.02));
        let shared = DecodedStream {
            deltas: vec![chunk(10, None), chunk(20, None), chunk(30, None)],
            ..DecodedStream::default()
        };
        let figures = speeds(AnswerTimes::of(&recording(40)), &shared, &counts(90, 0));
        assert_eq!(figures.time_to_64_visible_tokens_seconds, Some(0.03));
        assert_eq!(shape(&shared, &counts(90, 0)).max_tokens_per_chunk, Some(30));
    }

    #[test]
    fn resolution_follows_chunks_per_token() {
        let of = |chunks: u64, tokens| shape(&steady(chunks), &counts(tokens, 0)).stream_resolution.unwrap();
        assert_eq!(of(64, 64), "token");
        assert_eq!(of(20, 64), "coarse");
        assert_eq!(of(13, 256), "burst");
        assert_eq!(of(3, 64), "burst");
    }
}

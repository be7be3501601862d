//! The client's effect on a sample, and doubts about the answer. The only place that
//! defines when a sample is `suspect`.

use crate::domain::run::{Quality, Tokens};
use crate::measure::tokens::TOKENIZER_LABEL;
use crate::providers::protocols::{Channel, DecodedStream};
use crate::wire::{BodyRead, LateWake, Recording};
use std::time::Duration;

/// Delay below which a time is never in doubt: figures are given in milliseconds.
const DELAY_FLOOR: f64 = 0.010;
/// Delay above which a time is always in doubt.
const DELAY_CEILING: f64 = 0.050;
/// Share of a time above which a delay between the floor and the ceiling puts it in doubt.
const DELAY_SHARE: f64 = 0.05;
/// The loop wakes for a timer and for bytes in one go; they may be up to this long apart.
const SAME_WAKE: Duration = Duration::from_millis(5);
/// Seconds of a wall clock step above which the row's date is wrong.
const STEP_LIMIT: f64 = 1.0;

/// The quality stamps of one exchange, and of its answer, if one was decoded. The time to first token is judged by what
/// happened up to that token, the pace by what happened after it.
pub fn of(recording: &Recording, answer: Option<&DecodedStream>) -> Quality {
    let wall = (recording.ended_at - recording.started_at).as_seconds_f64();
    let text = answer.and_then(|answer| TextArrivals::new(recording, answer));
    let waited = |read: &BodyRead| read.waited.map(|waited| waited.as_secs_f64());
    let quality = Quality {
        clock_source: clock_source(&recording.reads).map(str::to_owned),
        kernel_lag_seconds: text.as_ref().and_then(|text| waited(text.first().read?)),
        kernel_lag_max_seconds: recording.reads.iter().filter_map(waited).reduce(f64::max),
        loop_lag_seconds: recording.loop_lag().as_secs_f64(),
        dispatch_delay_seconds: recording.dispatch_delay.as_secs_f64(),
        wall_clock_step_seconds: wall - recording.marks.end.as_secs_f64(),
        ..Quality::default()
    };
    starved(quality, recording, text.as_ref())
}

/// True if the client itself spoilt the sample, so that a measurement is worth repeating.
pub fn is_starved(quality: &Quality) -> bool {
    quality.ttft_suspect || quality.decode_suspect || stepped(quality)
}

fn stepped(quality: &Quality) -> bool {
    quality.wall_clock_step_seconds.abs() > STEP_LIMIT
}

/// `kernel`, `read` or `mixed`.
fn clock_source(reads: &[BodyRead]) -> Option<&'static str> {
    let stamped = reads.iter().filter(|read| read.waited.is_some()).count();
    match (reads.len(), stamped) {
        (0, _) => None,
        (_, 0) => Some("read"),
        (all, some) if all == some => Some("kernel"),
        _ => Some("mixed"),
    }
}

/// One arrival of text.
struct TextArrival<'a> {
    at: Duration,
    /// The read that brought it.
    read: Option<&'a BodyRead>,
    /// Chunks with the same stamp, reasoning included.
    chunks: usize,
}

/// The arrivals of text in order, and which of them brought visible text first and last.
struct TextArrivals<'a> {
    all: Vec<TextArrival<'a>>,
    first_visible: usize,
    last_visible: usize,
}

impl<'a> TextArrivals<'a> {
    /// `None` without visible text.
    fn new(recording: &'a Recording, answer: &DecodedStream) -> Option<Self> {
        let mut all: Vec<TextArrival<'a>> = Vec::new();
        let mut visible = None;
        for delta in &answer.deltas {
            match all.last_mut().filter(|arrival| arrival.at == delta.at) {
                Some(arrival) => arrival.chunks += 1,
                None => all.push(TextArrival {
                    at: delta.at,
                    read: recording.reads.get(recording.reads.partition_point(|read| read.at < delta.at)),
                    chunks: 1,
                }),
            }
            if delta.channel == Channel::Visible {
                let place = all.len() - 1;
                visible = Some((visible.map_or(place, |(first, _)| first), place));
            }
        }
        let (first_visible, last_visible) = visible?;
        Some(Self { all, first_visible, last_visible })
    }

    fn first(&self) -> &TextArrival<'a> {
        &self.all[self.first_visible]
    }

    /// The longest time by which the reader may have been late for one of the arrivals at these places, seconds.
    fn reading_delay(&self, recording: &Recording, places: impl IntoIterator<Item = usize>) -> f64 {
        let delays = places.into_iter().map(|place| reading_delay(recording, &self.all[place]));
        delays.max().unwrap_or_default().as_secs_f64()
    }
}

/// Adds the ways in which the client spoilt the sample.
fn starved(mut quality: Quality, recording: &Recording, text: Option<&TextArrivals<'_>>) -> Quality {
    let mut reasons = Vec::new();
    let ttft = text.map(|text| text.first().at.as_secs_f64());
    let own = sending_delay(recording).as_secs_f64();
    if own > allowed(ttft) {
        quality.ttft_suspect = text.is_some();
        reasons.push(format!("this machine was busy: the request left late by {:.0} ms", own * 1000.0));
    }
    if let Some(text) = text {
        // The first text of either kind, and the first visible one.
        let late = text.reading_delay(recording, [0, text.first_visible]);
        if late > allowed(ttft) {
            quality.ttft_suspect = true;
            reasons
                .push(format!("at the first token the measuring loop was late by {:.0} ms", late * 1000.0));
        }
        let span = text.all[text.last_visible].at.saturating_sub(text.first().at).as_secs_f64();
        let late = text.reading_delay(recording, text.first_visible..=text.last_visible);
        if span > 0.0 && late > allowed(Some(span)) {
            quality.decode_suspect = true;
            reasons.push(format!("while tokens came the measuring loop was late by {:.0} ms", late * 1000.0));
        }
    } else if quality.loop_lag_seconds > DELAY_CEILING {
        reasons.push(format!("the measuring loop was late by {:.0} ms", quality.loop_lag_seconds * 1000.0));
    }
    if stepped(&quality) {
        reasons.push(format!("the wall clock stepped by {:.1} s", quality.wall_clock_step_seconds));
    }
    doubted(quality, reasons)
}

/// The delay from which on a time of this many seconds is in doubt.
fn allowed(time: Option<f64>) -> f64 {
    time.map_or(DELAY_CEILING, |time| (time * DELAY_SHARE).clamp(DELAY_FLOOR, DELAY_CEILING))
}

/// The time between t0 and the request's departure that was this machine's own.
fn sending_delay(recording: &Recording) -> Duration {
    let marks = &recording.marks;
    let connected = marks.tls.or(marks.proxy).or(marks.tcp);
    let connecting = match (connected, recording.connect_delay) {
        // The connection was open before.
        (None, _) => Duration::ZERO,
        (Some(connected), None) => lost_between(recording, Duration::ZERO, connected),
        // The kernel knows nothing of names.
        (_, Some(delay)) => {
            delay + marks.dns.map(|dns| lost_between(recording, Duration::ZERO, dns)).unwrap_or_default()
        }
    };
    let connected = connected.unwrap_or_default();
    // Without the kernel's word, a large request may also have waited for the network.
    let writing = match (marks.transmitted, marks.sent) {
        (Some(left), _) => left.saturating_sub(connected),
        (None, Some(sent)) => lost_between(recording, connected, sent),
        (None, None) => Duration::ZERO,
    };
    connecting + writing
}

/// The longest time that the loop lost inside a span of the run.
fn lost_between(recording: &Recording, from: Duration, to: Duration) -> Duration {
    let lost = |late: &LateWake| late.woke.min(to).saturating_sub(late.due.max(from));
    recording.late_wakes.iter().map(lost).max().unwrap_or_default()
}

/// The time by which the reader may have been late for an arrival. With the kernel's stamp it can be late without harm,
/// unless chunks have come to share a stamp: then the kernel may have kept the last one's alone.
fn reading_delay(recording: &Recording, arrival: &TextArrival<'_>) -> Duration {
    let stamped = arrival.read.is_some_and(|read| read.waited.is_some());
    if stamped && arrival.chunks == 1 {
        return Duration::ZERO;
    }
    let around = |late: &&LateWake| late.due <= arrival.at && late.woke + SAME_WAKE >= arrival.at;
    recording.late_wakes.iter().filter(around).map(|late| late.lag).max().unwrap_or_default()
}

/// Doubts about the answer itself, one sentence each. Its times are right; its counts or its text may not be.
pub fn doubts(answer: &DecodedStream, tokens: &Tokens, usage_promised: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if usage_promised && tokens.token_source == TOKENIZER_LABEL {
        reasons.push("the provider sent no usage although it had to: a tokenizer counted".to_owned());
    }
    if answer.broken_texts > 0 {
        reasons.push("the stream held bytes that are no UTF-8".to_owned());
    }
    reasons
}

/// The same stamps with more reasons for suspicion.
pub fn doubted(mut quality: Quality, reasons: Vec<String>) -> Quality {
    quality.suspect_reasons.extend(reasons);
    quality.suspect = !quality.suspect_reasons.is_empty();
    quality
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Connection, ConnectionInfo};
    use crate::providers::protocols::Delta;
    use crate::wire::{ExchangeEnd, Marks};
    use chrono::{DateTime, TimeDelta};

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// An answer whose visible chunks arrived at these milliseconds, by the kernel's stamps or by the reads'.
    fn exchange(chunks: &[u64], stamped: bool) -> (Recording, DecodedStream) {
        let read = |(place, at): (usize, &u64)| BodyRead {
            body_end: place + 1,
            at: ms(*at),
            waited: stamped.then_some(Duration::ZERO),
        };
        let delta =
            |at: &u64| Delta { at: ms(*at), channel: Channel::Visible, text: "x".into(), tokens: None };
        let recording = Recording {
            started_at: DateTime::UNIX_EPOCH,
            ended_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(1),
            connection: Connection::Cold,
            carrier: ConnectionInfo::default(),
            marks: Marks { end: ms(1000), ..Marks::default() },
            head: None,
            body: bytes::Bytes::new(),
            reads: chunks.iter().enumerate().map(read).collect(),
            ending: ExchangeEnd::Complete,
            late_wakes: Vec::new(),
            connect_delay: None,
            dispatch_delay: Duration::ZERO,
        };
        let deltas = chunks.iter().map(delta).collect();
        (recording, DecodedStream { deltas, ..DecodedStream::default() })
    }

    /// A loop that was late by `lag` until `woke`.
    fn late(lag: u64, woke: u64) -> Vec<LateWake> {
        vec![LateWake { due: ms(woke.saturating_sub(lag)), woke: ms(woke), lag: ms(lag) }]
    }

    /// Which times are in doubt for a reader that was late: the first token's, the pace.
    fn doubted_times(chunks: &[u64], stamped: bool, lag: u64, woke: u64) -> (bool, bool) {
        let (mut recording, answer) = exchange(chunks, stamped);
        recording.late_wakes = late(lag, woke);
        let quality = of(&recording, Some(&answer));
        assert_eq!(quality.suspect, quality.ttft_suspect || quality.decode_suspect, "{quality:?}");
        (quality.ttft_suspect, quality.decode_suspect)
    }

    #[test]
    fn without_stamps_lateness_counts_by_its_share_between_floor_and_ceiling() {
        let first = |at, lag| doubted_times(&[at, 5000], false, lag, at).0;
        assert!(!first(50, 9) && first(50, 11));
        assert!(!first(900, 40) && first(900, 46));
        assert!(first(30_000, 60));
    }

    #[test]
    fn each_time_is_judged_by_what_happened_at_its_ends() {
        let chunks = [200, 300, 400, 600];
        assert_eq!(doubted_times(&chunks, false, 25, 120), (false, false), "before the first token");
        assert_eq!(doubted_times(&chunks, false, 25, 200), (true, true), "at the first token");
        assert_eq!(doubted_times(&chunks, false, 25, 300), (false, true), "between the ends");
        assert_eq!(doubted_times(&chunks, false, 25, 600), (false, true), "at the last token");
    }

    #[test]
    fn a_late_reader_spoils_no_stamp_of_the_kernel_unless_chunks_share_it() {
        assert_eq!(doubted_times(&[200, 210, 600], true, 80, 220), (false, false));
        assert_eq!(doubted_times(&[200, 200, 600], true, 80, 220), (true, true));
        assert_eq!(doubted_times(&[200, 400, 400, 600], true, 80, 410), (false, true), "gaps are in doubt");
        assert_eq!(doubted_times(&[200, 200, 600], true, 0, 220), (false, false));
    }

    #[test]
    fn a_request_that_left_late_puts_the_first_token_in_doubt_alone() {
        let (mut recording, answer) = exchange(&[200, 300, 600], true);
        let doubts = |recording: &Recording| {
            let quality = of(recording, Some(&answer));
            (quality.ttft_suspect, quality.decode_suspect)
        };
        recording.marks.tcp = Some(ms(50));
        recording.marks.sent = Some(ms(90));
        recording.connect_delay = Some(ms(5));
        assert_eq!(doubts(&recording), (false, false), "the network took its time");
        recording.marks.transmitted = Some(ms(90));
        assert_eq!(doubts(&recording), (true, false), "the request was not written in time");
        recording.marks.transmitted = Some(ms(51));
        assert_eq!(doubts(&recording), (false, false), "the write was in time, and its return late");
        recording.connect_delay = Some(ms(30));
        assert_eq!(doubts(&recording), (true, false), "the handshake waited for the client");
        // A kernel that does not tell: the loop's lateness while it connected.
        (recording.connect_delay, recording.late_wakes) = (None, late(30, 40));
        assert_eq!(doubts(&recording), (true, false));
        recording.late_wakes = late(30, 150);
        assert_eq!(doubts(&recording), (false, false));
        // A name that was resolved in time, and heard of late.
        (recording.connect_delay, recording.marks.dns) = (Some(ms(0)), Some(ms(45)));
        recording.late_wakes = late(40, 45);
        assert_eq!(doubts(&recording), (true, false));
    }

    #[test]
    fn a_loop_that_was_late_before_t0_is_not_held_against_a_warm_request() {
        let (mut recording, answer) = exchange(&[200, 300, 600], true);
        recording.marks.sent = Some(ms(1));
        recording.late_wakes = vec![LateWake { due: ms(0), woke: ms(0), lag: ms(80) }];
        assert!(!of(&recording, Some(&answer)).suspect);
    }

    #[test]
    fn the_clock_is_told_and_how_long_bytes_waited() {
        let (mut recording, answer) = exchange(&[200, 300], true);
        recording.reads[0].waited = Some(ms(3));
        recording.reads[1].waited = Some(ms(8));
        let quality = of(&recording, Some(&answer));
        assert_eq!(quality.clock_source.as_deref(), Some("kernel"));
        assert_eq!((quality.kernel_lag_seconds, quality.kernel_lag_max_seconds), (Some(0.003), Some(0.008)));
        recording.reads[0].waited = None;
        let quality = of(&recording, Some(&answer));
        assert_eq!(quality.clock_source.as_deref(), Some("mixed"));
        assert_eq!((quality.kernel_lag_seconds, quality.kernel_lag_max_seconds), (None, Some(0.008)));
        recording.reads.clear();
        assert_eq!(of(&recording, None).clock_source, None);
    }

    #[test]
    fn a_stepped_clock_is_said() {
        let (mut recording, answer) = exchange(&[200], true);
        recording.ended_at = DateTime::UNIX_EPOCH + TimeDelta::seconds(3601);
        let quality = of(&recording, Some(&answer));
        assert_eq!(quality.suspect_reasons, ["the wall clock stepped by 3600.0 s"]);
        assert!(is_starved(&quality) && !quality.ttft_suspect);
    }

    #[test]
    fn a_failure_is_suspect_where_the_loop_stood_still() {
        let (mut recording, _) = exchange(&[], true);
        recording.late_wakes = late(40, 500);
        assert!(!of(&recording, None).suspect);
        recording.late_wakes = late(60, 500);
        assert!(of(&recording, None).suspect);
    }

    #[test]
    fn counts_that_did_not_come_are_doubted_where_they_were_promised() {
        let counted = |source: &str| Tokens { token_source: source.to_owned(), ..Tokens::default() };
        let answer = DecodedStream::default();
        assert_eq!(doubts(&answer, &counted(TOKENIZER_LABEL), true).len(), 1);
        assert_eq!(doubts(&answer, &counted(TOKENIZER_LABEL), false), Vec::<String>::new());
        assert_eq!(doubts(&answer, &counted("provider_usage_output_tokens"), true), Vec::<String>::new());
        let broken = DecodedStream { broken_texts: 1, ..DecodedStream::default() };
        let (recording, answer) = exchange(&[200], true);
        let quality = doubted(of(&recording, Some(&answer)), doubts(&broken, &counted("provider"), true));
        assert!(quality.suspect && !is_starved(&quality), "{quality:?}");
    }
}

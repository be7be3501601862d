//! The client's effect on a sample, and doubts about the answer. The only place that
//! defines when a sample is `suspect`.

use crate::domain::run::{Quality, Tokens};
use crate::measure::tokens::TOKENIZER_LABEL;
use crate::providers::protocols::DecodedStream;
use crate::wire::Recording;

/// Seconds of loop lag below which a sample is never suspect: figures are given in milliseconds.
const LAG_FLOOR: f64 = 0.010;
/// Seconds of loop lag above which a sample is always suspect.
const LAG_CEILING: f64 = 0.050;
/// Share of the TTFT above which a lag between the floor and the ceiling is suspect.
const LAG_SHARE: f64 = 0.05;
/// Seconds of a wall clock step above which the row's date is wrong.
const STEP_LIMIT: f64 = 1.0;

/// The quality stamps of one exchange. `ttft` is the first token's time, if one came.
pub fn of(recording: &Recording, ttft: Option<f64>) -> Quality {
    let wall = (recording.ended_at - recording.started_at).as_seconds_f64();
    let quality = Quality {
        loop_lag_seconds: recording.loop_lag.as_secs_f64(),
        dispatch_delay_seconds: recording.dispatch_delay.as_secs_f64(),
        wall_clock_step_seconds: wall - recording.marks.end.as_secs_f64(),
        ..Quality::default()
    };
    let reasons = starved(&quality, ttft);
    doubted(quality, reasons)
}

/// The ways in which the client spoilt the sample, one sentence each; empty if it did not.
pub fn starved(quality: &Quality, ttft: Option<f64>) -> Vec<String> {
    let (lag, step) = (quality.loop_lag_seconds, quality.wall_clock_step_seconds);
    let allowed = ttft.map_or(LAG_CEILING, |ttft| (ttft * LAG_SHARE).clamp(LAG_FLOOR, LAG_CEILING));
    let mut reasons = Vec::new();
    if lag > allowed {
        reasons.push(format!("the measuring loop was late by {:.0} ms", lag * 1000.0));
    }
    if step.abs() > STEP_LIMIT {
        reasons.push(format!("the wall clock stepped by {step:.1} s"));
    }
    reasons
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
    use crate::wire::{ExchangeEnd, Marks};
    use chrono::{DateTime, TimeDelta};
    use std::time::Duration;

    fn judge(lag_ms: u64, wall_ms: i64, ttft: Option<f64>) -> Quality {
        of(
            &Recording {
                started_at: DateTime::UNIX_EPOCH,
                ended_at: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(wall_ms),
                connection: Connection::Cold,
                carrier: ConnectionInfo::default(),
                marks: Marks { end: Duration::from_secs(1), ..Marks::default() },
                head: None,
                body: bytes::Bytes::new(),
                reads: Vec::new(),
                ending: ExchangeEnd::Complete,
                loop_lag: Duration::from_millis(lag_ms),
                dispatch_delay: Duration::ZERO,
            },
            ttft,
        )
    }

    #[test]
    fn lateness_counts_by_its_share_between_floor_and_ceiling() {
        assert!(!judge(9, 1000, Some(0.05)).suspect);
        assert!(judge(11, 1000, Some(0.05)).suspect);
        assert!(!judge(40, 1000, Some(0.9)).suspect);
        assert!(judge(60, 1000, Some(30.0)).suspect);
        assert!(!judge(40, 1000, None).suspect);
    }

    #[test]
    fn a_stepped_clock_is_said() {
        let quality = judge(0, 3_601_000, Some(0.2));
        assert_eq!(quality.suspect_reasons, ["the wall clock stepped by 3600.0 s"]);
        assert!((quality.wall_clock_step_seconds - 3600.0).abs() < 1e-9);
    }

    #[test]
    fn counts_that_did_not_come_are_doubted_where_they_were_promised() {
        let counted = |source: &str| Tokens { token_source: source.to_owned(), ..Tokens::default() };
        let answer = DecodedStream::default();
        assert_eq!(doubts(&answer, &counted(TOKENIZER_LABEL), true).len(), 1);
        assert_eq!(doubts(&answer, &counted(TOKENIZER_LABEL), false), Vec::<String>::new());
        assert_eq!(doubts(&answer, &counted("provider_usage_output_tokens"), true), Vec::<String>::new());
        let broken = DecodedStream { broken_texts: 1, ..DecodedStream::default() };
        let quality = doubted(judge(0, 1000, None), doubts(&broken, &counted("provider"), true));
        assert!(quality.suspect && starved(&quality, None).is_empty(), "{quality:?}");
    }
}

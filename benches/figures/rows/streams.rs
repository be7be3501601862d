//! Five hundred streams at once: how much too high their TTFT is, and how true their pace.

use super::{milliseconds, percent};
use crate::bare::{self, Ask};
use crate::stats::{largest, mean, median, percentile, repeated};
use crate::subject::{Ran, Simulator, run};
use crate::truth::Truth;
use crate::{Failed, Line, truth};
use std::collections::HashMap;

/// How many at once.
const STREAMS: usize = 500;
/// What `sim:steady` plans for the first token, seconds.
const TTFT: f64 = 0.200;
/// As many as `llmbench run` starts: the bare socket differs in what it does with an answer, not in when it asks.
const STARTS_A_MILLISECOND: usize = 4;

/// One side's figures of one repetition; seconds and shares.
struct Bias {
    /// Against the server's own clock.
    mean: f64,
    p99: f64,
    /// Against the plan.
    mean_planned: f64,
    /// The mean error of the inter-token latency against the server's own, and the largest of a stream.
    pace: f64,
    worst_pace: f64,
}

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let pairs = repeated(|| {
        let ours = run(&simulator, &["--model", "sim:steady", "-n", "500", "-c", "500"])?;
        let of_ours = of_rows(&ours, &truth::newest(&simulator, STREAMS)?)?;
        let ask = Ask {
            model: "steady",
            tokens: 64,
            streams: STREAMS,
            starts_a_millisecond: STARTS_A_MILLISECOND,
            keep: true,
        };
        let (bare, _) = bare::run(simulator.address, ask)?;
        let of_bare = of_streams(&bare, &truth::newest(&simulator, STREAMS)?)?;
        Ok((of_ours, of_bare, ours.suspects() as f64))
    })?;
    let ours = |read: fn(&Bias) -> f64| median(pairs.iter().map(|(ours, _, _)| read(ours)));
    let bare = |read: fn(&Bias) -> f64| median(pairs.iter().map(|(_, bare, _)| read(bare)));
    let line = |what, least, read: fn(&Bias) -> f64, limit, shown: fn(f64) -> String| {
        let (ours, bare) = (ours(read), bare(read));
        Line {
            what,
            least,
            measured: shown(ours),
            beside: Some((shown(bare), ours / bare)),
            met: ours <= limit,
        }
    };
    let suspects = median(pairs.iter().map(|(_, _, suspects)| *suspects));
    Ok(vec![
        line("500 streams at once: TTFT too high in the mean", "3 ms", |bias| bias.mean, 0.003, milliseconds),
        line("the same at p99", "8 ms", |bias| bias.p99, 0.008, milliseconds),
        line(
            "the same in the mean, against the plan of 200 ms",
            "3 ms",
            |bias| bias.mean_planned,
            0.003,
            milliseconds,
        ),
        line("their inter-token latency: mean error", "1 %", |bias| bias.pace, 0.01, percent),
        line("the largest error of one of them", "1 %", |bias| bias.worst_pace, 0.01, percent),
        Line {
            what: "samples of the 500 marked suspect",
            least: "0",
            measured: format!("{suspects:.0}"),
            beside: None,
            met: suspects == 0.0,
        },
    ])
}

fn of_rows(ran: &Ran, truths: &HashMap<String, Truth>) -> Result<Bias, Failed> {
    let read = |row: &serde_json::Value| {
        let truth = truths.get(row["provider_request_id"].as_str()?)?;
        Some((*truth, row["time_to_first_token"].as_f64()?, row["inter_token_latency"].as_f64()?))
    };
    bias(ran.rows.iter().map(read))
}

fn of_streams(streams: &[bare::Stream], truths: &HashMap<String, Truth>) -> Result<Bias, Failed> {
    let read = |stream: &bare::Stream| {
        let truth = truths.get(stream.id()?)?;
        let (first, last) = stream.first_and_last()?;
        Some((*truth, first, (last - first) / (truth.tokens - 1.0)))
    };
    bias(streams.iter().map(read))
}

/// From pairs of truth and measurement; nobody may be missing.
fn bias(samples: impl Iterator<Item = Option<(Truth, f64, f64)>>) -> Result<Bias, Failed> {
    let samples: Vec<(Truth, f64, f64)> =
        samples.collect::<Option<_>>().ok_or("a stream that the server does not know, or without tokens")?;
    if samples.len() != STREAMS {
        return Err(format!("{} streams instead of {STREAMS}", samples.len()).into());
    }
    let late: Vec<f64> = samples.iter().map(|(truth, ttft, _)| ttft - truth.first).collect();
    let planned: Vec<f64> = samples.iter().map(|(_, ttft, _)| ttft - TTFT).collect();
    let pace: Vec<f64> =
        samples.iter().map(|(truth, _, pace)| (pace / truth.inter_token_latency - 1.0).abs()).collect();
    Ok(Bias {
        mean: mean(&late),
        p99: percentile(late.iter().copied(), 99.0),
        mean_planned: mean(&planned),
        pace: mean(&pace),
        worst_pace: largest(pace),
    })
}

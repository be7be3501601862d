//! One cold run at a time: what it says against what was planned and against what really happened.

use super::{milliseconds, percent};
use crate::bare::{self, Ask};
use crate::stats::{median, repeated};
use crate::subject::{Simulator, run};
use crate::{Failed, Line, truth};

/// What `sim:steady` plans: the first token, seconds, and the whole.
const TTFT: f64 = 0.200;
const WHOLE: f64 = 0.200 + 63.0 * 0.020;

/// Errors of one run.
struct Errors {
    ttft_planned: f64,
    ttft_true: f64,
    rate_planned: f64,
    rate_true: f64,
    bare: f64,
}

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let errors = repeated(|| once(&simulator))?;
    let of = |read: fn(&Errors) -> f64| median(errors.iter().map(read));
    let (planned, really) = (of(|errors| errors.ttft_planned), of(|errors| errors.ttft_true));
    let (rate_planned, rate_true) = (of(|errors| errors.rate_planned), of(|errors| errors.rate_true));
    let bare = of(|errors| errors.bare);
    Ok(vec![
        Line {
            what: "one cold run, TTFT 200 ms, 20 ms × 64: error of TTFT, against the plan (against the server's own clock)",
            least: "2 ms",
            measured: format!("{} ({})", milliseconds(planned), milliseconds(really)),
            beside: Some((milliseconds(bare), planned / bare)),
            met: planned < 0.002 && really < 0.002,
        },
        Line {
            what: "the same run: error of tokens/s, against the plan (against the server's own clock)",
            least: "0.5 %",
            measured: format!("{} ({})", percent(rate_planned), percent(rate_true)),
            beside: None,
            met: rate_planned < 0.005 && rate_true < 0.005,
        },
    ])
}

fn once(simulator: &Simulator) -> Result<Errors, Failed> {
    let ran = run(simulator, &["--model", "sim:steady"])?;
    let row = ran.rows.first().ok_or("no row")?;
    let known = truth::newest(simulator, 1)?;
    let id = row["provider_request_id"].as_str().ok_or("a row without request id")?;
    let truth = known.get(id).ok_or("a row that the server does not know")?;
    let number = |name: &str| row[name].as_f64().ok_or(format!("no {name}"));
    let (ttft, rate) = (number("time_to_first_token")?, number("tokens_per_second")?);
    let ask = Ask { model: "steady", tokens: 64, streams: 1, starts_a_millisecond: 0, keep: true };
    let (streams, _) = bare::run(simulator.address, ask)?;
    let (first, _) = streams.first().and_then(bare::Stream::first_and_last).ok_or("no token")?;
    let off = |rate: f64, right: f64| (rate / right - 1.0).abs();
    Ok(Errors {
        ttft_planned: (ttft - TTFT).abs(),
        ttft_true: (ttft - truth.first).abs(),
        rate_planned: off(rate, 64.0 / WHOLE),
        rate_true: off(rate, truth.tokens / truth.end),
        bare: (first - TTFT).abs(),
    })
}

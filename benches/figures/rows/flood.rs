//! Fifty streams of a thousand tokens without a pause: how many events a second go through, network and decoding.

use crate::bare::{self, Ask};
use crate::stats::{median, repeated};
use crate::subject::{Ran, Simulator, run};
use crate::{Failed, Line};
use chrono::{DateTime, Utc};

/// How many streams at once.
const STREAMS: usize = 50;
/// Tokens of one stream, an event each.
const TOKENS: u32 = 1000;
/// All events of a flood.
const EVENTS: f64 = STREAMS as f64 * TOKENS as f64;
/// The least that is good enough.
const LEAST: f64 = 500_000.0;

/// Events a second of one repetition.
struct Rates {
    streams: f64,
    process: f64,
    bare: f64,
}

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let rates = repeated(|| once(&simulator))?;
    let of = |read: fn(&Rates) -> f64| median(rates.iter().map(read));
    let bare = of(|rates| rates.bare);
    let line = |what, rate: f64| Line {
        what,
        least: "500,000 events/s",
        measured: thousands(rate),
        beside: Some((thousands(bare), rate / bare)),
        met: rate >= LEAST,
    };
    Ok(vec![
        line(
            "a flood (1,000 tokens a response, no pauses, 50 streams): first start to last end",
            of(|rates| rates.streams),
        ),
        line("the same over the whole process: start, decoding, rows, end", of(|rates| rates.process)),
    ])
}

fn once(simulator: &Simulator) -> Result<Rates, Failed> {
    let ran = run(simulator, &["--model", "sim:flood", "--max-tokens", "1000", "-n", "50", "-c", "50"])?;
    let events: f64 = ran.numbers("visible_stream_chunks").iter().sum();
    if events != EVENTS {
        return Err(format!("{events} events instead of {EVENTS}").into());
    }
    let ask = Ask { model: "flood", tokens: TOKENS, streams: STREAMS, starts_a_millisecond: 0, keep: false };
    let (_, bare) = bare::run(simulator.address, ask)?;
    Ok(Rates {
        streams: EVENTS / seconds(&ran)?,
        process: EVENTS / ran.wall.as_secs_f64(),
        bare: EVENTS / bare.as_secs_f64(),
    })
}

/// From the first start to the last end. Rows date both to the millisecond.
fn seconds(ran: &Ran) -> Result<f64, Failed> {
    let moments = |name: &str| -> Result<Vec<DateTime<Utc>>, Failed> {
        ran.rows.iter().map(|row| Ok(row[name].as_str().ok_or("a row without dates")?.parse()?)).collect()
    };
    let first = moments("run_ts")?.into_iter().min().ok_or("no row")?;
    let last = moments("gen_ts")?.into_iter().max().ok_or("no row")?;
    Ok((last - first).as_seconds_f64())
}

/// `1234567` as `1,234,567`.
fn thousands(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

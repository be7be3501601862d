//! What a measurement takes beyond the model's own time: claim, intent, row, outbox, the next claim.

use super::milliseconds;
use crate::daemon::{Yard, providers};
use crate::stats::mean;
use crate::subject::Simulator;
use crate::{Failed, Line};
use serde_json::Value;

const RUNS: usize = 300;

/// Measures, once over many runs: one lane, one at a time, so what is between two calls is the daemon's.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let rules = "[daemon]\ncadence = 86400\nconcurrency = 1\n";
    let yard = Yard::new(&format!("{rules}{}", providers(1, &simulator.address.to_string(), "")))?;
    yard.models(RUNS as u64, 1, "steady-ttft20-gap1-n#")?;
    let daemon = yard.start("state")?;
    daemon.until("every model was measured", |pulse| {
        pulse["lanes"][0]["due"] == 0 && pulse["lanes"][0]["running"] == 0 && pulse["outbox"]["pending"] == 0
    })?;
    let processor = daemon.processor()? / RUNS as f64;
    let rows = yard.column("SELECT doc FROM runs")?;
    let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row)).collect::<Result<_, _>>()?;
    let number = |row: &Value, name: &str| row[name].as_f64();
    let at = |row: &Value, name: &str| -> Option<i64> {
        Some(row[name].as_str()?.parse::<chrono::DateTime<chrono::Utc>>().ok()?.timestamp_micros())
    };
    let mut spans: Vec<(i64, f64)> =
        rows.iter().filter_map(|row| Some((at(row, "run_ts")?, number(row, "generate_time")?))).collect();
    spans.sort_unstable_by_key(|(began, _)| *began);
    let own: Vec<f64> =
        spans.windows(2).map(|pair| (pair[1].0 - pair[0].0) as f64 / 1e6 - pair[0].1).collect();
    Ok(vec![Line {
        what: "a measurement of the daemon beyond the model's own time, wall (processor)",
        least: "5 ms",
        measured: format!("{} ({})", milliseconds(mean(&own)), milliseconds(processor)),
        beside: None,
        met: mean(&own) <= 0.005,
    }])
}

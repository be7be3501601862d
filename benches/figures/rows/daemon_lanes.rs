//! Fifty lanes with six streams each, 50 tokens a second a stream, against a simulator in its own process, for a minute or
//! for ten.

use super::milliseconds;
use crate::daemon::{Yard, providers};
use crate::stats::mean;
use crate::subject::Simulator;
use crate::{Failed, Line, is_full, truth};
use serde_json::Value;
use std::thread::sleep;
use std::time::Duration;

/// How long it is watched, seconds; and where there is time.
const WATCHED: u64 = 60;
const WATCHED_LONG: u64 = 600;

/// Measures, once.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let rules = "[daemon]\ncadence = 3\nspread = 1.0\ntick = 5.0\nconcurrency = 6\n";
    let yard = Yard::new(&format!("{rules}{}", providers(50, &simulator.address.to_string(), "")))?;
    // Streams of 200 ms and 64 tokens (`after` is but a name), 20 ms each, twelve models a lane: six are always open.
    yard.models(600, 50, "steady-ttft200-gap20-n64-after#")?;
    let daemon = yard.start("state")?;
    sleep(Duration::from_secs(10));
    let share = daemon.share(if is_full() { WATCHED_LONG } else { WATCHED })?;
    let rows = yard.column("SELECT doc FROM runs ORDER BY rowid DESC LIMIT 5000")?;
    let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row)).collect::<Result<_, _>>()?;
    let count = |what: &str| -> Result<u64, Failed> {
        let counted = yard.column(&format!("SELECT CAST(count(*) AS TEXT) FROM runs WHERE {what}"))?;
        Ok(counted.first().ok_or("no count")?.parse()?)
    };
    let (suspects, all) = (count("json_extract(doc, '$.suspect') IS NOT 0")?, count("1")?);
    let truths = truth::newest(&simulator, 1000)?;
    let late: Vec<f64> = rows
        .iter()
        .filter_map(|row| {
            let truth = truths.get(row["provider_request_id"].as_str()?)?;
            Some(row["time_to_first_token"].as_f64()? - truth.first)
        })
        .collect();
    Ok(vec![
        Line {
            what: "50 lanes of 6 streams: share of a core",
            least: "60 %",
            measured: format!("{:.0} %", share * 100.0),
            beside: None,
            met: share <= 0.6,
        },
        Line {
            what: "the same: samples marked suspect",
            least: "0",
            measured: format!("{suspects} of {all}"),
            beside: None,
            met: suspects == 0 && all > 0,
        },
        Line {
            what: "the same: TTFT too high in the mean",
            least: "3 ms",
            measured: milliseconds(mean(&late)),
            beside: None,
            met: mean(&late) <= 0.003,
        },
    ])
}

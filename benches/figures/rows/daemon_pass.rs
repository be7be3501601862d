//! A look over 100,000 series, all due: read from the catalog, sorted by age, none of them affordable.

use crate::daemon::{Yard, providers};
use crate::{Failed, Line};
use serde_json::Value;

const SERIES: u64 = 100_000;

/// Measures, once: from the start of the process to its first pulse with all lanes.
pub fn measure() -> Result<Vec<Line>, Failed> {
    // No call is allowed, so what is measured is the look alone.
    let budgets: String = (0..10).map(|n| format!("[daemon.providers.p{n}]\nruns_per_day = 0\n")).collect();
    let rules = format!("[daemon]\ntick = 5.0\n{budgets}");
    let yard = Yard::new(&format!("{rules}{}", providers(10, "127.0.0.1:9", "")))?;
    yard.models(SERIES, 10, "vendor/model-#")?;
    let daemon = yard.start("state")?;
    let sum = |pulse: &Value| {
        let lanes = pulse["lanes"].as_array().map(Vec::as_slice).unwrap_or_default();
        lanes.iter().filter_map(|lane| lane["due"].as_u64()).sum::<u64>()
    };
    let took = daemon.until("all are due", |pulse| sum(pulse) == SERIES)?.as_secs_f64();
    let share = daemon.share(20)?;
    let (_, peak) = daemon.memory();
    Ok(vec![
        Line {
            what: "a first look over 100,000 models, all due, from the start of the process",
            least: "1 s",
            measured: format!("{took:.2} s"),
            beside: None,
            met: took <= 1.0,
        },
        Line {
            what: "the same: peak memory (share of a core with a look every 5 s)",
            least: "200 MB",
            measured: format!("{peak:.0} MB ({:.0} %)", share * 100.0),
            beside: None,
            met: peak <= 200.0,
        },
    ])
}

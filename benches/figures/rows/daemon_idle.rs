//! A daemon that has nothing to do: 500 models, all measured, the next turn far away.

use super::percent;
use crate::daemon::{Yard, providers};
use crate::subject::Simulator;
use crate::{Failed, Line};

/// How long it is watched, seconds.
const WATCHED: u64 = 30;

/// Measures, once: it takes most of a minute.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let rules = "[daemon]\ncadence = 86400\nconcurrency = 8\n";
    let yard = Yard::new(&format!("{rules}{}", providers(10, &simulator.address.to_string(), "")))?;
    yard.models(500, 10, "steady-ttft2-gap1-n#")?;
    let daemon = yard.start("state")?;
    daemon.until("every model was measured", |pulse| {
        let idle = |lane: &serde_json::Value| lane["due"] == 0 && lane["running"] == 0;
        pulse["lanes"].as_array().is_some_and(|lanes| lanes.len() == 10 && lanes.iter().all(idle))
            && pulse["outbox"]["pending"] == 0
    })?;
    let share = daemon.share(WATCHED)?;
    let (memory, peak) = daemon.memory();
    Ok(vec![
        Line {
            what: "idle daemon with 500 models, all measured before: memory (its peak)",
            least: "25 MB",
            measured: format!("{memory:.1} MB ({peak:.1})"),
            beside: None,
            met: memory <= 25.0,
        },
        Line {
            what: "the same: share of a core over 30 s",
            least: "0.5 %",
            measured: percent(share),
            beside: None,
            met: share <= 0.005,
        },
    ])
}

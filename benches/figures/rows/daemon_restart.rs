//! A start with 500,000 rows in the outbox, after a kill, while the store is away.

use crate::daemon::{Yard, providers};
use crate::subject::Simulator;
use crate::{Failed, Line};
use rusqlite::Connection;

const ROWS: u64 = 500_000;

/// Measures, once: filling takes a while.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let rules = "[daemon]\ncadence = 86400\n";
    let yard = Yard::new(&format!("{rules}{}", providers(1, &simulator.address.to_string(), "")))?;
    yard.models(1, 1, "steady-ttft2-gap1-n4")?;
    let mut first = yard.start("state")?;
    first.until("one row is stored", |pulse| {
        pulse["outbox"]["delivered"].as_u64() > Some(0) || pulse["lanes"][0]["stored_at"].is_string()
    })?;
    first.kill();
    multiply(&Connection::open(yard.home.path().join("state/outbox/outbox.db"))?)?;
    std::fs::remove_file(yard.home.path().join("state/pulse.json"))?;
    // A store that does not answer: what waits stays, and is not measured along.
    let mut away = Vec::new();
    for _ in 0..3 {
        let mut daemon = yard.start_at("state", "mongodb://127.0.0.1:9/away")?;
        let took =
            daemon.until("it is there", |pulse| pulse["outbox"]["pending"].as_u64() >= Some(ROWS - 1))?;
        away.push((took.as_secs_f64(), daemon.memory().1));
        daemon.kill();
        std::fs::remove_file(yard.home.path().join("state/pulse.json"))?;
    }
    let (took, peak) =
        away.into_iter().fold((0.0_f64, 0.0_f64), |most, one| (most.0.max(one.0), most.1.max(one.1)));
    Ok(vec![
        Line {
            what: "start with 500,000 rows in the outbox and no store (the slowest of three)",
            least: "5 s",
            measured: format!("{took:.2} s"),
            beside: None,
            met: took <= 5.0,
        },
        Line {
            what: "the same: peak memory",
            least: "100 MB",
            measured: format!("{peak:.0} MB"),
            beside: None,
            met: peak <= 100.0,
        },
    ])
}

/// Makes the one delivered row half a million that wait.
fn multiply(outbox: &Connection) -> Result<(), Failed> {
    Ok(outbox.execute_batch(&format!(
        "PRAGMA synchronous = OFF; BEGIN;
         CREATE TEMP TABLE one AS SELECT * FROM items LIMIT 1;
         CREATE TEMP TABLE body AS SELECT * FROM payloads WHERE seq = (SELECT seq FROM one);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO items (seq, id, sha256, kind, provider, model, measured_at_ms, accepted_at_ms, bytes, state,
             next_at_ms)
         SELECT 1000000 + i, id || '-' || i, sha256, kind, provider, model, measured_at_ms, accepted_at_ms, bytes,
             'pending', next_at_ms FROM one, n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO payloads SELECT 1000000 + i, format, body FROM body, n;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"
    ))?)
}

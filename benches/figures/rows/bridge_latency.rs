//! How long a post takes at half of what the bridge can do at most, beside an insert of the same document by the driver at
//! the same pace. Posts are due at fixed moments: one that has to wait for a free connection has waited.

use crate::bridge::{self, Bridge, Way};
use crate::mongod::{Mongod, runtime};
use crate::rows::milliseconds;
use crate::stats::{median, percentile};
use crate::{Failed, Line};
use std::sync::Arc;

/// Rows that find out how many a second there can be, and rows at half of that.
const ROWS: usize = 10_000;
/// At once, at most.
const HANDS: usize = 64;
/// The most beside the database's own.
const TIMES_DRIVER: f64 = 3.0;
/// How often it is measured.
const TIMES: usize = 3;

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let mongod = Mongod::start()?;
    let runtime = runtime()?;
    let seen = (0..TIMES).map(|time| runtime.block_on(once(&mongod, &format!("latency{time}"))));
    let seen = seen.collect::<Result<Vec<_>, _>>()?;
    let pace = median(seen.iter().map(|one| one.pace));
    let ours = median(seen.iter().map(|one| one.ours));
    let driver = median(seen.iter().map(|one| one.driver));
    let ratio = median(seen.iter().map(|one| one.ours / one.driver));
    Ok(vec![Line {
        what: "the bridge: p99 of a post at half of its maximal load",
        least: "at most 3 times the database's own",
        measured: format!("{} at {pace:.0} posts/s", milliseconds(ours)),
        beside: Some((milliseconds(driver), ratio)),
        met: ratio <= TIMES_DRIVER,
    }])
}

struct Seen {
    /// Posts a second.
    pace: f64,
    /// The 99th percentile of a post, seconds.
    ours: f64,
    /// The same of an insert.
    driver: f64,
}

async fn once(mongod: &Mongod, name: &str) -> Result<Seen, Failed> {
    let full = format!("{name}-full");
    let bridge = Bridge::start(&bridge::fresh(mongod, &full).await?, &[])?;
    let requests = Arc::new(bridge::rows(ROWS).iter().map(bridge::post).collect::<Vec<_>>());
    let (took, _) = bridge::put_all(&Way::Bridge(bridge.address, requests.clone()), HANDS, None).await?;
    drop(bridge);
    mongod.clear(&full).await?;
    let pace = ROWS as f64 / took.as_secs_f64() / 2.0;
    let bridge = Bridge::start(&bridge::fresh(mongod, name).await?, &[])?;
    let (_, ours) = bridge::put_all(&Way::Bridge(bridge.address, requests), HANDS, Some(pace)).await?;
    drop(bridge);
    let by_driver = bridge::the_same_by_driver(mongod, name, 1).await?;
    let (_, driver) = bridge::put_all(&by_driver, HANDS, Some(pace)).await?;
    mongod.clear(name).await?;
    Ok(Seen { pace, ours: percentile(ours, 99.0), driver: percentile(driver, 99.0) })
}

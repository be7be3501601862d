//! How much the bridge takes at most: posts of one row on 64 connections, and of a hundred on eight. Beside it the driver
//! alone: the same documents, as many at once, by tasks of one process. Both wait for the journal of a majority.

use crate::bridge::{self, Bridge, Way};
use crate::mongod::{Mongod, runtime};
use crate::stats::median;
use crate::{Failed, Line};
use serde_json::Value;
use std::sync::Arc;

/// How often it is measured.
const TIMES: usize = 3;

struct Load {
    /// The name of its databases.
    name: &'static str,
    rows: usize,
    /// Rows of one post, and of one insert.
    portion: usize,
    /// Posts at once.
    hands: usize,
    /// The least beside the driver.
    share: f64,
}

/// Measures posts of one row.
pub fn single() -> Result<Vec<Line>, Failed> {
    let load = Load { name: "single", rows: 20_000, portion: 1, hands: 64, share: 0.6 };
    let what = "the bridge: posts of one row on 64 connections, health and rollups derived";
    load.measure(what, "60 % of the driver's own inserts")
}

/// Measures posts of many.
pub fn batch() -> Result<Vec<Line>, Failed> {
    let load = Load { name: "batch", rows: 50_000, portion: 100, hands: 8, share: 0.7 };
    let what = "the bridge: posts of 100 rows on 8 connections, health and rollups derived";
    load.measure(what, "70 % of the driver's own inserts of 100")
}

impl Load {
    fn measure(&self, what: &'static str, least: &'static str) -> Result<Vec<Line>, Failed> {
        let mongod = Mongod::start()?;
        let runtime = runtime()?;
        let rates = (0..TIMES).map(|time| runtime.block_on(self.once(&mongod, time)));
        let rates = rates.collect::<Result<Vec<_>, _>>()?;
        let ours = median(rates.iter().map(|(ours, _)| *ours));
        let driver = median(rates.iter().map(|(_, driver)| *driver));
        let ratio = median(rates.iter().map(|(ours, driver)| ours / driver));
        Ok(vec![Line {
            what,
            least,
            measured: format!("{ours:.0} rows/s"),
            beside: Some((format!("{driver:.0} rows/s"), ratio)),
            met: ratio >= self.share,
        }])
    }

    /// Rows a second of the bridge and of the driver.
    async fn once(&self, mongod: &Mongod, time: usize) -> Result<(f64, f64), Failed> {
        let name = format!("{}{time}", self.name);
        let bridge = Bridge::start(&bridge::fresh(mongod, &name).await?, &[])?;
        let rows = bridge::rows(self.rows);
        let request = |rows: &[Value]| match rows {
            [one] => bridge::post(one),
            many => bridge::post_many(many),
        };
        let requests = Arc::new(rows.chunks(self.portion).map(request).collect());
        let (ours, _) = bridge::put_all(&Way::Bridge(bridge.address, requests), self.hands, None).await?;
        drop(bridge);
        let by_driver = bridge::the_same_by_driver(mongod, &name, self.portion).await?;
        let (driver, _) = bridge::put_all(&by_driver, self.hands, None).await?;
        mongod.clear(&name).await?;
        Ok((self.rows as f64 / ours.as_secs_f64(), self.rows as f64 / driver.as_secs_f64()))
    }
}

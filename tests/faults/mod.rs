//! The daemon among faults: processes that are killed, paused and starved, a real mongod that comes and goes, and an oracle
//! that knows every row that was ever accepted. What single providers do to a lane is in `daemon`,
//! and what becomes of rows that runners post is in `ingest::outage`.
//!
//! A short, seeded version runs with all tests. For longer, and with pauses that really outlast a lease:
//!
//! ```text
//! LLMBENCH_TEST_FAULTS=30 cargo test --test it faults:: -- --nocapture        30 minutes
//! LLMBENCH_TEST_FAULTS=10 cargo test --test it outage:: -- --nocapture        the bridge, 10 minutes
//! LLMBENCH_TEST_FAULTS_SEED=7 …                                               faults in another order
//! LLMBENCH_TEST_FAULTS=30 cargo test --test it outbox::crash -- --nocapture    30 minutes of kills at any write
//! ```

mod kills;
mod limits;
mod oracle;
mod pauses;
mod store;

use std::time::Duration;

/// How long faults are asked for, where somebody asks for the long version.
pub fn asked() -> Option<Duration> {
    let minutes = std::env::var("LLMBENCH_TEST_FAULTS").ok()?;
    let minutes: f64 = minutes.parse().expect("LLMBENCH_TEST_FAULTS is a number of minutes");
    Some(Duration::from_secs_f64(minutes * 60.0))
}

/// Where the order of faults begins.
pub fn seed() -> u64 {
    let named = std::env::var("LLMBENCH_TEST_FAULTS_SEED").ok();
    named.map_or(4, |seed| seed.parse().expect("LLMBENCH_TEST_FAULTS_SEED is a whole number"))
}

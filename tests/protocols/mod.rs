//! Wire formats against recorded-like streams, generated input and the seeds of the fuzz targets. No sockets.

#![allow(clippy::unwrap_used, reason = "a test's helper that cannot go on should panic")]

#[path = "../../fuzz/entries.rs"]
mod entries;

mod cassettes;
mod counts;
mod properties;
mod seeds;

//! Wire formats against recorded-like streams, generated input and the seeds of the fuzz targets. No sockets.

#[path = "../../fuzz/entries.rs"]
mod entries;

mod cassettes;
mod properties;
mod seeds;

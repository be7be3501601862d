//! Reads arbitrary bytes as a body posted to the bridge.
#![no_main]

#[path = "../entries.rs"]
#[allow(dead_code)] // Each target calls one of them.
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::ingest_body(data));

//! Reads arbitrary bytes as an export, as its receipts and as its manifest.
#![no_main]

#[path = "../entries.rs"]
#[allow(dead_code)] // Each target calls one of them.
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::receipts(data));

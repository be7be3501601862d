//! Decodes arbitrary bytes as Messages.
#![no_main]

#[path = "../entries.rs"]
#[allow(dead_code)] // Each target calls one of them.
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::decode(llmbench::providers::protocols::Dialect::Messages, data));

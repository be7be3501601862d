//! Replays the seeds of the fuzz targets, and the cassettes, which are seeds too.

use super::cassettes::{body, files, folder};
use super::entries;
use llmbench::providers::protocols::Dialect;
use std::fs;
use std::path::Path;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    files(&corpus).iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn seeds_of_the_decoders() {
    for dialect in Dialect::ALL {
        let target = format!("decode_{dialect:?}").to_lowercase();
        let cassettes = files(&folder(dialect)).into_iter().map(|file| body(dialect, &file));
        seeds(&target).into_iter().chain(cassettes).for_each(|seed| entries::decode(dialect, &seed));
    }
}

#[test]
fn seeds_of_the_event_cutter() {
    let cassettes = files(&folder(Dialect::Chat)).into_iter().map(|file| body(Dialect::Chat, &file));
    seeds("sse").into_iter().chain(cassettes).for_each(|seed| entries::events(&seed));
}

#[test]
fn seeds_of_the_error_reader() {
    seeds("error_body").iter().for_each(|seed| entries::error_body(seed));
}

#[test]
fn seeds_of_exports_with_receipts() {
    let seeds = seeds("receipts");
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| entries::receipts(seed));
}

#[test]
fn seeds_of_the_bridge() {
    seeds("ingest_body").iter().for_each(|seed| entries::ingest_body(seed));
}

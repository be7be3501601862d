//! How long reports of many models take, and how large they are.

use super::world::{ReportWorld, models};
use crate::stores::backend::Backend;
use std::fs;
use std::path::Path;
use std::time::Instant;

fn size(folder: &Path) -> (u64, u64) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.fold((0, 0), |(files, bytes), entry| {
        let found = entry.metadata().unwrap();
        let (more, large) = if found.is_dir() { size(&entry.path()) } else { (1, found.len()) };
        (files + more, bytes + large)
    })
}

/// Reports of 500 models × 90 days, 2.1 million samples: `cargo test --release --test it -- --ignored --nocapture
/// reports_of_five_hundred`. `LLMBENCH_TEST_REPORT_STORE=mongodb` takes MongoDB.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a promise of every machine"]
async fn reports_of_five_hundred_models_in_ninety_days() {
    let asked = std::env::var("LLMBENCH_TEST_REPORT_STORE").unwrap_or_default();
    let backend = if asked == "mongodb" { Backend::mongo().await } else { Backend::sqlite() };
    let world = ReportWorld::new(backend).await;
    let models = models(500);
    world.measure(&models, 90).await;
    let run = |what: &str| {
        let url = world.backend.url();
        let arguments = ["-f", "%e s, %M KB", env!("CARGO_BIN_EXE_llmbench"), "report", "--store", &url];
        let mut command = std::process::Command::new("/usr/bin/time");
        let has_time = Path::new("/usr/bin/time").exists();
        if !has_time {
            command = world.home.llmbench(&["report", "--store", &url]);
        } else {
            world.home.scrub(command.args(arguments).env_clear());
        }
        let begun = Instant::now();
        let ended = command.args(["--site", "www", "--since", "90d"]).output().unwrap();
        println!("{what}: {:?}; {}", begun.elapsed(), String::from_utf8_lossy(&ended.stderr).trim());
        assert!(ended.status.success());
    };
    // The first one also looks for changes in 90 days of every series, which a daemon beside the store does as they come.
    run("with the look for changes");
    run("first report");
    let today = chrono::Utc::now().timestamp().div_euclid(86_400);
    world.measure_day(&models, today).await;
    run("the next day's, with its look for changes");
    run("once more");
    let site = world.home.path().join("www");
    let (files, bytes) = size(&site);
    let index = fs::metadata(site.join("index.html")).unwrap().len();
    println!("{files} files, {bytes} bytes; index {index} bytes");
    assert!(index < 1_000_000 && bytes < 60_000_000);
}

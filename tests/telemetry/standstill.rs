//! A process whose runtime stands still is ended from outside of it, with a reason. The process is this test binary, told
//! by a variable to be the one that stands still.

use llmbench::commands::stall_exit;
use llmbench::daemon::watchdog::{REASON_FILE, Stall, Watchdog};
use llmbench::domain::redact::Redactor;
use llmbench::output::log::{LogFormat, LogHandle};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

const ROLE: &str = "LLMBENCH_TEST_STANDS_STILL_IN";

/// Ticks, then never again: the runtime's only thread is blocked.
fn stand_still(directory: &Path) -> ! {
    let watchdog = Arc::new(Watchdog::new(Duration::from_millis(20)));
    let tick = watchdog.watch("runtime", Duration::from_millis(300));
    let log = LogHandle::start(LogFormat::Json, Redactor::new(), |_| ()).unwrap();
    tracing::subscriber::set_global_default(log.subscriber(LevelFilter::WARN)).unwrap();
    let end = move |stall: &Stall| stall_exit::end(stall, &log);
    let _watching = watchdog.start(Arc::default(), directory.join(REASON_FILE), end).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        for _ in 0..20 {
            tick.tick();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::thread::sleep(Duration::from_secs(300));
    });
    unreachable!("nobody ended it");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test plays both processes")]
fn a_standstill_ends_the_process_with_a_reason() {
    if let Some(directory) = std::env::var_os(ROLE) {
        stand_still(&PathBuf::from(directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let myself = std::env::current_exe().unwrap();
    let this = "telemetry::standstill::a_standstill_ends_the_process_with_a_reason";
    let output = Command::new(myself)
        .args(["--exact", this, "--nocapture"])
        .env(ROLE, directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{said}");
    let line = said.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{said}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["message"].as_str().unwrap().contains("runtime has stood still for 0 s"), "{said}");
    assert_eq!((&line["level"], &line["who"]), (&"error".into(), &"runtime".into()));
    assert_eq!(line["exit_status"], 70);
    let reason = std::fs::read_to_string(directory.path().join(REASON_FILE)).unwrap();
    let reason: Value = serde_json::from_str(&reason).unwrap();
    assert_eq!((&reason["reason"], &reason["stall"]["who"]), (&"stalled".into(), &"runtime".into()));
}

//! Which machine this is, and whether it does something else meanwhile. Linux; elsewhere the words are missing.

use crate::Failed;
use std::fs::read_to_string;
use std::time::Duration;

/// More than this share of the processors in use before a measurement makes it doubtful.
const BUSY: f64 = 0.05;

/// Cores, processor, memory, kernel, load.
pub fn describe() -> Result<String, Failed> {
    let cores = std::thread::available_parallelism()?;
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| kilobytes(&text)).unwrap_or(0);
    let word = |path: &str| read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let kernel = format!("{} {}", std::env::consts::OS, word("/proc/sys/kernel/osrelease"));
    let load = word("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    Ok(format!(
        "{cores} cores of {model}, {} GB, {kernel}; load {load} at the start; llmbench {}; medians of {}",
        memory / 1_000_000,
        env!("CARGO_PKG_VERSION"),
        crate::stats::TIMES,
    ))
}

/// The value behind `name:` in a file of such lines.
pub fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let (_, value) =
        text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

/// The number of `1234 kB`.
pub fn kilobytes(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Says on stderr where others use the processors before a part of the table is measured.
pub fn warn_if_busy(part: &str) -> Result<(), Failed> {
    let Some(before) = ticks() else { return Ok(()) };
    std::thread::sleep(Duration::from_millis(300));
    let Some(after) = ticks() else { return Ok(()) };
    let share = 1.0 - (after.0 - before.0) / (after.1 - before.1).max(1.0);
    if share > BUSY {
        eprintln!("{part}: {:.0} % of the processors are in use by others; figures suffer", share * 100.0);
    }
    Ok(())
}

/// Idle ticks and all ticks since boot.
fn ticks() -> Option<(f64, f64)> {
    let text = read_to_string("/proc/stat").ok()?;
    let numbers: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guests are counted in user already.
    Some((numbers.get(3)? + numbers.get(4)?, numbers.iter().take(8).sum()))
}

//! The changes in series of other programs, for comparisons with what those find.

use super::USUAL;
use super::level_shift::{LevelBlock, LevelShift, ShiftSettings, find_shifts};
use super::synthetic_series::{PER_DAY, Weather};
use super::trials::{Disruption, WARM_DAYS, shift_series};
use std::process::ExitCode;

/// A Monday, on which the first number of every series is.
const FIRST_DAY: i64 = 20_454;

/// Prints the changes of each series of a file: its name, then the numbers of the values at which changes begin.
pub fn shifts_of_file(path: Option<&str>) -> ExitCode {
    let Some(text) = path.and_then(|path| std::fs::read_to_string(path).ok()) else {
        eprintln!("--shifts needs a file: a name, a colon and numbers on each line");
        return ExitCode::FAILURE;
    };
    for line in text.lines() {
        let Some((name, values)) = line.split_once(':') else { continue };
        let values = values.split_whitespace().map(|word| word.parse().unwrap_or(f64::NAN));
        let block = |(day, value): (i64, f64)| LevelBlock {
            slot: (FIRST_DAY + day) * 8,
            ln_median: value.ln(),
            samples: 1,
        };
        let blocks: Vec<LevelBlock> = (0..).zip(values).map(block).collect();
        let found = find_shifts(&blocks, &ShiftSettings::default());
        println!("{name}: {}", days(&found, FIRST_DAY).join(" "));
    }
    ExitCode::SUCCESS
}

/// The days since `first` on which levels moved.
fn days(found: &[LevelShift], first: i64) -> Vec<String> {
    let moved = found.iter().flat_map(|shift| [Some(shift.began), shift.ended]).flatten();
    // The nearest midnight.
    moved.map(|time| ((time.slot + 4) / 8 - first).to_string()).collect()
}

/// Series of a hundred days that each program can look at.
const SERIES: u64 = 200;

/// Prints simulated series: condition, the day of the step if any, the days that were found, the medians of days.
pub fn simulated() -> ExitCode {
    let quiet = Weather { noise: 0.15, ..USUAL };
    let conditions = [
        ("No change at noise 0.30", USUAL, 1.0),
        ("No change at noise 0.15", quiet, 1.0),
        ("40 % slower at noise 0.30", USUAL, 1.4),
        ("20 % slower at noise 0.15", quiet, 1.2),
    ];
    for (condition, weather, ratio) in conditions {
        for seed in 0..SERIES {
            let step = WARM_DAYS + seed as i64 % 7;
            let disrupted = |first: i64, _: &mut u64| {
                let from = first + step * PER_DAY;
                Some(Disruption { from, samples: i64::MAX / 2, log: f64::ln(ratio) })
            };
            let blocks = shift_series(&weather, WARM_DAYS + 28, disrupted, &mut (seed + 900));
            let first = blocks[0].slot / 8;
            let found = days(&find_shifts(&blocks, &ShiftSettings::default()), first).join(" ");
            let truth = if ratio > 1.0 { step.to_string() } else { String::new() };
            println!("{condition}: {truth}: {found}: {}", medians_of_days(&blocks).join(" "));
        }
    }
    ExitCode::SUCCESS
}

fn medians_of_days(blocks: &[LevelBlock]) -> Vec<String> {
    let median = |day: &[LevelBlock]| {
        let mut logs: Vec<f64> = day.iter().map(|block| block.ln_median).collect();
        logs.sort_unstable_by(f64::total_cmp);
        format!("{:.4}", logs[logs.len() / 2].exp())
    };
    blocks.chunk_by(|one, other| one.slot / 8 == other.slot / 8).map(median).collect()
}

/// Prints what docs/changes.py draws: a change as it was found, then a block a line.
pub fn example() -> ExitCode {
    let weather = Weather { noise: 0.2, day: 0.04, ..USUAL };
    let disrupted = |first: i64, _: &mut u64| {
        let from = first + (WARM_DAYS + 5) * PER_DAY + PER_DAY / 2;
        Some(Disruption { from, samples: i64::MAX / 2, log: f64::ln(1.25) })
    };
    let blocks = shift_series(&weather, WARM_DAYS + 20, disrupted, &mut 16);
    let found = find_shifts(&blocks, &ShiftSettings::default());
    let Some(shift) = found.first() else { return ExitCode::FAILURE };
    println!(
        "alarm={} began={} earliest={} latest={} before={} after={} ratio={} low={} high={}",
        shift.alarm_slot,
        shift.began.slot,
        shift.began.earliest,
        shift.began.latest,
        shift.ln_before,
        shift.ln_after,
        shift.ratio(),
        shift.effect.low,
        shift.effect.high
    );
    let recent = blocks.iter().filter(|block| block.slot >= shift.began.slot - 42 * 8);
    recent.for_each(|block| println!("{} {}", block.slot, block.ln_median));
    ExitCode::SUCCESS
}

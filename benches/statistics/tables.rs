//! The tables: each runs its trials and holds them against what is wanted.

use super::block_comparison::MeasuredDifference;
use super::level_shift::{IncidentSettings, LevelBlock, ShiftSettings, find_shifts, find_shifts_since};
use super::synthetic_series::{PER_DAY, Weather, share};
use super::trials::{self, StepTrials, WARM_DAYS};
use super::{Line, Table, USUAL, many};
use std::time::Instant;

/// The seeds of the tables. Those with which thresholds were chosen are others.
const SEED: u64 = 20_261_130;

/// Conditions that no threshold was chosen for.
fn unseen() -> Vec<(&'static str, Weather)> {
    vec![
        ("noise that lasts longer (0.8)", Weather { lasting: 0.8, ..USUAL }),
        ("heavy tails (t with 3 degrees)", Weather { heavy: true, ..USUAL }),
        ("30 % of the time without samples", Weather { gaps: 0.3, ..USUAL }),
        ("slow samples missing as suspect, up to 60 %", Weather { suspects: 0.6, ..USUAL }),
        ("days that differ by 8 %", Weather { noise: 0.15, day: 0.08, ..USUAL }),
        (
            "the same, half of it kept by the next day",
            Weather { noise: 0.15, day: 0.08, day_lasting: 0.5, ..USUAL },
        ),
        ("5 % slower each month", Weather { noise: 0.15, trend: 0.05, ..USUAL }),
    ]
}

fn per_cent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Alarms in months without a change.
pub fn false_alarms() -> Table {
    let series = many(5_000);
    let line = |what: String, weather: &Weather, warm: i64, most: Option<f64>, seed: u64| {
        let alarms = trials::false_alarms(weather, series as u32, warm, SEED + seed);
        let of_500 = alarms as f64 * 500.0 / series as f64;
        let wanted = most.map_or(String::new(), |most| format!("{most}"));
        let met = most.is_none_or(|most| of_500 <= most);
        Line { what, cells: vec![wanted, format!("{of_500:.1}")], met }
    };
    let usual = "AR(1) 0.5, daily cycle, days 5 %, weekends 10 %, outliers".to_string();
    let mut lines = vec![
        line(usual, &USUAL, WARM_DAYS, Some(1.0), 1),
        line(
            "the same at a noise of 0.15".into(),
            &Weather { noise: 0.15, ..USUAL },
            WARM_DAYS,
            Some(1.0),
            2,
        ),
        line("the same, six weeks of history before".into(), &USUAL, 42, Some(1.0), 3),
        line("the same, the first month that is watched".into(), &USUAL, 17, None, 4),
    ];
    for ((name, weather), seed) in unseen().into_iter().zip(5..) {
        lines.push(line(name.into(), &weather, WARM_DAYS, None, seed));
    }
    Table {
        title: "False alarms of `results changes`: 500 series for a month",
        columns: &["condition", "most", "alarms"],
        lines,
    }
}

/// `results compare` under no difference, and its interval under a difference.
pub fn comparisons() -> Table {
    let trials_of = many(4_000) as u32;
    // Weeks of the first three are promised.
    let conditions = [
        ("independent", Weather::CALM),
        ("AR(1) 0.5", Weather { lasting: 0.5, ..Weather::CALM }),
        ("AR(1) 0.5, cycle, days 5 %", Weather { weekend: 0.0, ..USUAL }),
        ("AR(1) 0.8, cycle, days 8 %", Weather { lasting: 0.8, day: 0.08, weekend: 0.0, ..USUAL }),
        ("heavy tails", Weather { heavy: true, weekend: 0.0, ..USUAL }),
    ];
    let mut lines = Vec::new();
    for (number, (name, weather)) in conditions.iter().enumerate() {
        for (span, days) in [("a week", 7), ("24 hours", 1)] {
            // Within a day nothing tells how days differ.
            let weather = if days == 1 { Weather { day: 0.0, ..*weather } } else { *weather };
            let of = |ratio: f64, state: &mut u64| -> MeasuredDifference {
                trials::compared(&trials::sides(&weather, 1, days * PER_DAY, ratio, state))
            };
            let seed = SEED + 100 + number as u64;
            let wrong = share(trials_of, seed, |state| of(1.0, state).is_real(0.0));
            let held = share(trials_of, seed + 50, |state| {
                let interval = of(1.2, state).ratio_interval;
                interval.low <= 1.2 && 1.2 <= interval.high
            });
            let power = share(trials_of, seed + 90, |state| of(1.2, state).is_real(0.0));
            lines.push(Line {
                what: format!("{name}, {span} against {span}"),
                cells: vec![per_cent(wrong), per_cent(power), per_cent(held)],
                met: days < 7 || number > 2 || (wrong <= 0.07 && (0.92..=0.98).contains(&held)),
            });
        }
    }
    Table {
        title: "`results compare` (weeks of the first three: \"real\" without a difference at most 7 %, the interval holds 92 to 98 %)",
        columns: &["condition", "\"real\", no difference", "\"real\", 20 %", "interval holds"],
        lines,
    }
}

/// A step: its name, its ratio, the conditions, and the least share and the longest median delay that are promised.
type StepRow = (String, f64, Weather, Option<(f64, f64)>);

/// Steps: found, when, and how well their intervals hold them.
pub fn steps() -> Table {
    let quiet = Weather { day: 0.0, ..USUAL };
    let of_noise = |noise: f64, weather: Weather| Weather { noise, ..weather };
    let promised = |least: f64| Some((least, 75.0));
    let rows: Vec<StepRow> = vec![
        ("40 % at noise 0.30".into(), 1.4, quiet, promised(0.99)),
        ("20 % at noise 0.15".into(), 1.2, of_noise(0.15, quiet), promised(0.97)),
        ("40 % at noise 0.30, days differ by 5 %".into(), 1.4, USUAL, promised(0.99)),
        ("20 % at noise 0.15, days differ by 5 %".into(), 1.2, of_noise(0.15, USUAL), None),
        ("28 % faster at noise 0.30, days differ by 5 %".into(), 1.0 / 1.4, USUAL, None),
        ("100 % at noise 0.30, days differ by 5 %".into(), 2.0, USUAL, None),
        ("20 % at noise 0.30, days differ by 5 %".into(), 1.2, USUAL, None),
        ("10 % at noise 0.10".into(), 1.1, of_noise(0.1, quiet), None),
        ("10 % at noise 0.30".into(), 1.1, quiet, None),
    ];
    let of_unseen = unseen().into_iter().filter(|(_, weather)| weather.noise > 0.2);
    let rows = rows
        .into_iter()
        .chain(of_unseen.map(|(name, weather)| (format!("40 % at noise 0.30, {name}"), 1.4, weather, None)));
    let lines = rows.zip(200..).map(|((what, ratio, weather, wanted), seed)| {
        step_line(what, &trials::step_trials(&weather, ratio, many(2_000), SEED + seed), wanted)
    });
    Table {
        title: "Steps (wanted of the first three: found in 99, 97, 99 %, median delay at most 75 h, intervals hold 92 %)",
        columns: &[
            "step",
            "found",
            "median delay",
            "9 of 10 within",
            "time held",
            "its interval",
            "effect held",
        ],
        lines: lines.collect(),
    }
}

fn step_line(what: String, trials: &StepTrials, wanted: Option<(f64, f64)>) -> Line {
    let [time, effect] = trials.held();
    let late = trials.delays.get(trials.delays.len() * 9 / 10).copied().unwrap_or(f64::NAN);
    let met = wanted.is_none_or(|(least, longest)| {
        trials.found() >= least && trials.median_delay() <= longest && time >= 0.92 && effect >= 0.92
    });
    Line {
        what,
        cells: vec![
            per_cent(trials.found()),
            format!("{:.0} h", trials.median_delay()),
            format!("{late:.0} h"),
            per_cent(time),
            format!("{:.0} h", trials.median_width()),
            per_cent(effect),
        ],
        met,
    }
}

/// Disturbances that end.
pub fn incidents() -> Table {
    let of_noise = |noise: f64| Weather { noise, ..USUAL };
    let rows = [
        ("6 h twice as slow, noise 0.15", 2.0, 6, 0.15, true),
        ("6 h twice as slow, noise 0.30", 2.0, 6, 0.30, true),
        ("12 h twice as slow, noise 0.30", 2.0, 12, 0.30, false),
        ("24 h twice as slow, noise 0.30", 2.0, 24, 0.30, false),
        ("3 days 40 % slower, noise 0.30", 1.4, 72, 0.30, false),
        ("7 days 50 % slower, noise 0.30", 1.5, 7 * 24, 0.30, false),
    ];
    let mut lines: Vec<Line> = Vec::new();
    for ((what, ratio, hours, noise, promised), seed) in rows.into_iter().zip(300..) {
        let found = trials::incident_trials(&of_noise(noise), ratio, hours, many(1_000), SEED + seed);
        let shares = [found.told, found.ended, found.found, found.listed];
        let cells = shares.map(per_cent).to_vec();
        lines.push(Line { what: what.into(), cells, met: !promised || found.told <= 0.02 });
    }
    for (what, noise, seed) in
        [("nothing for a month, noise 0.15", 0.15, 320), ("nothing for a month, noise 0.30", 0.30, 321)]
    {
        let series = many(1_000);
        let [found, listed] = [IncidentSettings::default(), IncidentSettings::ALONE].map(|settings| {
            trials::false_incidents(&of_noise(noise), &settings, series as u32, SEED + seed) as f64
                / series as f64
        });
        let cells =
            vec![String::new(), String::new(), format!("{found:.3} a month"), format!("{listed:.3} a month")];
        lines.push(Line { what: what.into(), cells, met: listed <= 0.01 });
    }
    Table {
        title: "Incidents (6 h: told as a change in at most 2 %)",
        columns: &["disturbance", "told as a change", "and as ended", "found where asked", "listed alone"],
        lines,
    }
}

/// What the search costs.
pub fn costs() -> Table {
    let series: Vec<Vec<LevelBlock>> = (0..many(500) as u64)
        .map(|seed| trials::shift_series(&USUAL, 90, |_, _| None, &mut (SEED + 400 + seed)))
        .collect();
    let settings = ShiftSettings::default();
    let count = series.len() as f64;
    let start = Instant::now();
    let found: usize = series.iter().map(|blocks| find_shifts(blocks, &settings).len()).sum();
    let whole = start.elapsed().as_secs_f64() / count;
    let start = Instant::now();
    let newest = |blocks: &Vec<LevelBlock>| {
        find_shifts_since(blocks, &[], blocks[blocks.len() - 1].slot, &settings).len()
    };
    let again: usize = series.iter().map(newest).sum();
    let look = start.elapsed().as_secs_f64() / count;
    let line = |what: &str, seconds: f64, most: f64| Line {
        what: what.into(),
        cells: vec![format!("{:.0} µs", most * 1e6), format!("{:.0} µs", seconds * 1e6)],
        met: seconds <= most,
    };
    Table {
        title: if found + again == 0 {
            "Processor time"
        } else {
            "Processor time (some series had an alarm)"
        },
        columns: &["what", "most", "measured"],
        lines: vec![
            line("90 days of one figure of one series", whole, 500e-6),
            line("the newest block of one figure, 90 days before it", look, 50e-6),
        ],
    }
}

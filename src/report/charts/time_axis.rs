//! Round moments of a time axis: hours, days, Mondays, months or years, all in UTC.

use chrono::{DateTime, Datelike, TimeZone, Utc};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Steps of an even axis, in seconds. Weeks begin on Mondays.
const STEPS: [i64; 9] = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY];

/// The first Monday after the beginning of 1970, in seconds.
const MONDAY: i64 = 4 * DAY;

/// Round moments from `from` to `to`, at most `most`, each with its label.
pub(super) fn time_ticks(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    most: usize,
) -> Vec<(DateTime<Utc>, String)> {
    let most = most.max(1) as i64;
    let seconds = (to - from).num_seconds();
    match STEPS.into_iter().find(|step| seconds / step < most) {
        Some(step) => even_times(from, to, step),
        None => month_times(from, to, months_of_step(seconds / (30 * DAY), most)),
    }
}

fn even_times(from: DateTime<Utc>, to: DateTime<Utc>, step: i64) -> Vec<(DateTime<Utc>, String)> {
    let shift = if step % (7 * DAY) == 0 { MONDAY } else { 0 };
    let first = from.timestamp().saturating_sub(shift + 1).div_euclid(step) + 1;
    let times = (first..).map_while(|count| DateTime::from_timestamp(count * step + shift, 0));
    let label = |at: DateTime<Utc>| {
        let is_midnight = at.timestamp().rem_euclid(DAY) == 0;
        at.format(if is_midnight { "%b %-d" } else { "%H:%M" }).to_string()
    };
    times.skip_while(|at| *at < from).take_while(|at| *at <= to).map(|at| (at, label(at))).collect()
}

/// Months, quarters, half years, then 1, 2, 5, 10 … years.
fn months_of_step(months: i64, most: i64) -> i64 {
    let years = (0..6_u32).flat_map(|power| [1, 2, 5].map(|factor| 12 * factor * 10_i64.pow(power)));
    [1, 3, 6].into_iter().chain(years).find(|step| months / step < most).unwrap_or(12 * 1_000_000)
}

fn month_times(from: DateTime<Utc>, to: DateTime<Utc>, step: i64) -> Vec<(DateTime<Utc>, String)> {
    let first = (i64::from(from.year()) * 12 + i64::from(from.month0())).div_euclid(step);
    let at = |count: i64| {
        let month = count * step;
        let year = i32::try_from(month.div_euclid(12)).ok()?;
        let of_year = u32::try_from(month.rem_euclid(12)).ok()?;
        Utc.with_ymd_and_hms(year, of_year + 1, 1, 0, 0, 0).single()
    };
    let label = |at: DateTime<Utc>| at.format(if step % 12 == 0 { "%Y" } else { "%b %Y" }).to_string();
    let times = (first..).map_while(at).skip_while(|at| *at < from).take_while(|at| *at <= to);
    times.map(|at| (at, label(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn labels(from: &str, to: &str) -> Vec<String> {
        time_ticks(at(from), at(to), 5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn moments_are_round_for_every_span() {
        let day = labels("2026-11-30T01:00:00Z", "2026-12-01T01:00:00Z");
        assert_eq!(day, ["06:00", "12:00", "18:00", "Dec 1"]);
        let week = labels("2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
        assert_eq!(week, ["Nov 23", "Nov 25", "Nov 27", "Nov 29"]);
        let month = labels("2026-11-01T00:00:00Z", "2026-11-30T21:00:00Z");
        assert_eq!(month, ["Nov 2", "Nov 9", "Nov 16", "Nov 23", "Nov 30"]);
        let quarter = labels("2026-09-01T00:00:00Z", "2026-11-30T21:00:00Z");
        assert_eq!(quarter, ["Sep 2026", "Oct 2026", "Nov 2026"]);
        assert_eq!(labels("2020-05-01T00:00:00Z", "2026-11-30T21:00:00Z"), ["2022", "2024", "2026"]);
    }

    #[test]
    fn a_moment_at_an_end_is_labelled() {
        assert_eq!(labels("2026-11-30T00:00:00Z", "2026-11-30T01:00:00Z"), ["Nov 30", "01:00"]);
    }

    proptest! {
        #[test]
        fn there_are_never_too_many(start in -60_000_000_000_i64..250_000_000_000, length in 0..8_000_000_000_i64, most in 1..9_usize) {
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let to = from + TimeDelta::seconds(length);
            let ticks = time_ticks(from, to, most);
            prop_assert!(ticks.len() <= most + 1, "{from} {to} {ticks:?}");
            prop_assert!(ticks.iter().all(|(at, _)| (from..=to).contains(at)));
        }
    }
}

//! Formats numbers for people: three significant digits and a unit. Machines get plain seconds, elsewhere.

use crate::measure::metrics::Unit;

/// A duration: `1.23 s`, `215 ms`, `48.0 µs`. `unicode` false writes `us`.
pub fn seconds(value: f64, unicode: bool) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0 s".to_owned()
    } else if size < 0.000_999_5 {
        format!("{} {}", significant(value * 1e6), if unicode { "µs" } else { "us" })
    } else if size < 0.999_5 {
        format!("{} ms", significant(value * 1e3))
    } else {
        format!("{} s", significant(value))
    }
}

/// A plain number: an integer as it is, others with three significant digits.
pub fn count(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { significant(value) }
}

/// An integer with a comma at every thousand.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// For example `1 error`, `2 errors`, `3,000 successes`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {noun}{plural}", grouped(number))
}

/// A share of 1 as a percentage: `5 %`, `12.5 %`.
pub fn share(value: f64) -> String {
    format!("{} %", count((value * 1e4).round() / 1e2))
}

/// A rate in tokens per second, with its unit: `38.4 tok/s`.
pub fn rate(value: f64) -> String {
    format!("{} tok/s", significant(value))
}

/// A rate without its unit, for a column whose title names it: `38.4`.
pub fn short_rate(value: f64) -> String {
    significant(value)
}

/// A bar of a small chart as one character, from an eighth of its height to all of it for a share of 1.
pub fn height(share: f64, unicode: bool) -> char {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const MARKS: [char; 8] = ['.', ':', '-', '=', '+', '*', '%', '#'];
    let step = ((share * 8.0).ceil() as usize).clamp(1, 8) - 1;
    if unicode { BLOCKS[step] } else { MARKS[step] }
}

/// A metric's value in a table cell; the row's title names the unit of a rate.
pub fn cell(unit: Unit, value: f64, unicode: bool) -> String {
    match unit {
        Unit::Seconds => seconds(value, unicode),
        Unit::Rate => significant(value),
        Unit::Count => count(value),
    }
}

/// A round value on the axis of a chart: without zeros at its end, `1.5 s` and not `1.50 s`; `1e9` for what is long.
pub fn tick(unit: Unit, value: f64) -> String {
    if value.abs() >= 1e6 {
        return format!("{value:e}") + if unit == Unit::Seconds { " s" } else { "" };
    }
    let shown = cell(unit, value, true);
    let (number, unit) =
        shown.split_once(' ').map_or((shown.as_str(), None), |(number, unit)| (number, Some(unit)));
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    unit.map_or_else(|| number.to_owned(), |unit| format!("{number} {unit}"))
}

/// A metric's value in a sentence.
pub fn phrase(unit: Unit, value: f64, unicode: bool) -> String {
    if unit == Unit::Rate { rate(value) } else { cell(unit, value, unicode) }
}

/// Three significant digits from 1 upwards, at most two decimals, no exponent. The limits account for rounding that
/// would add a digit.
fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_reads_best() {
        let shown = |value| seconds(value, true);
        assert_eq!(shown(0.0), "0 s");
        assert_eq!(shown(0.000_048), "48.0 µs");
        assert_eq!(seconds(0.000_048, false), "48.0 us");
        assert_eq!(shown(0.005_213), "5.21 ms");
        assert_eq!(shown(0.214_9), "215 ms");
        assert_eq!(shown(1.234), "1.23 s");
        assert_eq!(shown(98.76), "98.8 s");
        assert_eq!(shown(3600.0), "3600 s");
        assert_eq!(shown(-0.012), "-12.0 ms");
    }

    #[test]
    fn rounding_carries_into_the_next_unit() {
        assert_eq!(seconds(0.999_6, true), "1.00 s");
        assert_eq!(seconds(0.999_4, true), "999 ms");
        assert_eq!(seconds(0.000_999_9, true), "1.00 ms");
        assert_eq!(rate(9.999), "10.0 tok/s");
        assert_eq!(rate(99.99), "100 tok/s");
        assert_eq!(rate(38.42), "38.4 tok/s");
    }

    #[test]
    fn labels_of_axes_are_short() {
        assert_eq!(tick(Unit::Seconds, 1.5), "1.5 s");
        assert_eq!(tick(Unit::Seconds, 0.2), "200 ms");
        assert_eq!(tick(Unit::Seconds, 10.0), "10 s");
        assert_eq!(tick(Unit::Rate, 40.0), "40");
        assert_eq!(tick(Unit::Rate, 0.0), "0");
        assert_eq!(tick(Unit::Count, 1500.0), "1500");
        assert_eq!(tick(Unit::Rate, 2e9), "2e9");
    }

    #[test]
    fn counts_and_shares_are_plain() {
        assert_eq!(count(64.0), "64");
        assert_eq!(count(63.5), "63.5");
        assert_eq!(share(0.05), "5 %");
        assert_eq!(share(1.0 / 8.0), "12.5 %");
        assert_eq!(share(2.0 / 3.0), "66.7 %");
    }
}

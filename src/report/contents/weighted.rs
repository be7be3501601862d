//! Percentiles of medians, each of which counts as often as it has samples. Pure arithmetic.

/// Significant digits of figures in a report: those of the stored medians.
const DIGITS: usize = 6;

/// A value and how many samples it stands for.
pub type CountedValue = (f64, u32);

/// Percentiles of values, as if each were there as often as it counts; between two neighbours they are interpolated, as
/// `measure::stats` does. `None` without samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CountedValues {
    /// In ascending order.
    sorted: Vec<CountedValue>,
    count: u64,
}

impl CountedValues {
    pub fn of(values: impl IntoIterator<Item = CountedValue>) -> Self {
        let mut sorted: Vec<CountedValue> = values.into_iter().filter(|(_, count)| *count > 0).collect();
        sorted.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let count = sorted.iter().map(|(_, count)| u64::from(*count)).sum();
        Self { sorted, count }
    }

    /// Samples.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The `rank`-th percentile, 0 to 100.
    pub fn percentile(&self, rank: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let position = rank / 100.0 * last as f64;
        let (below, above) = (self.at(position.floor() as u64)?, self.at(position.ceil() as u64)?);
        Some(below + (above - below) * position.fract())
    }

    fn at(&self, place: u64) -> Option<f64> {
        let mut passed = 0;
        let found = self.sorted.iter().find(|(_, count)| {
            passed += u64::from(*count);
            place < passed
        });
        found.map(|(value, _)| *value)
    }
}

/// A figure with the digits that pages and data files have in common.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::stats;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_percentile_and_one_has_itself() {
        assert_eq!(CountedValues::default().percentile(50.0), None);
        assert_eq!(CountedValues::of([(1.0, 0)]).percentile(50.0), None);
        let one = CountedValues::of([(3.0, 1)]);
        assert_eq!([10.0, 50.0, 90.0].map(|rank| one.percentile(rank)), [Some(3.0); 3]);
        assert_eq!(rounded(0.123_456_789), 0.123_457);
    }

    proptest! {
        #[test]
        fn counted_values_are_as_if_written_out(
            values in prop::collection::vec((0.01..100.0_f64, 1..5_u32), 1..20), rank in 0.0..100.0_f64,
        ) {
            let mut all: Vec<f64> = values.iter().flat_map(|(value, count)| vec![*value; *count as usize]).collect();
            all.sort_by(f64::total_cmp);
            let counted = CountedValues::of(values);
            prop_assert_eq!(counted.count(), all.len() as u64);
            let (ours, theirs) = (counted.percentile(rank).unwrap(), stats::percentile(&all, rank));
            prop_assert!((ours - theirs).abs() < 1e-9, "{} {}", ours, theirs);
        }
    }
}

//! Sparklines: values as bars of one character each, from zero to the greatest of the line. Pure.

use crate::domain::median::median;
use crate::output::units;

/// One character for each value; a blank where there is none.
pub fn spark(cells: &[Option<f64>], unicode: bool) -> String {
    let most = cells.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |cell: &Option<f64>| match cell {
        Some(value) if most > 0.0 => units::height(value / most, unicode),
        Some(_) => units::height(0.0, unicode),
        None => ' ',
    };
    cells.iter().map(bar).collect()
}

/// The median of each of `width` equal parts of the time from `from` to `to`, for values sorted by time.
pub fn over_time(
    values: impl Iterator<Item = (i64, f64)>,
    from: i64,
    to: i64,
    width: usize,
) -> Vec<Option<f64>> {
    let mut parts: Vec<Vec<f64>> = vec![Vec::new(); width];
    let span = i128::from(to) - i128::from(from);
    for (at, value) in values.filter(|(at, _)| (from..=to).contains(at)) {
        let place = (i128::from(at) - i128::from(from)) * width as i128 / span.max(1);
        let place = usize::try_from(place).unwrap_or(0).min(width.saturating_sub(1));
        if let Some(part) = parts.get_mut(place) {
            part.push(value);
        }
    }
    parts.iter_mut().map(|part| median(part)).collect()
}

/// Lets a bar stand over at most so many empty cells after it, up to the next one.
pub fn held(mut cells: Vec<Option<f64>>, most: usize) -> Vec<Option<f64>> {
    let (mut last, mut age) = (None, 0);
    for cell in &mut cells {
        match cell {
            Some(value) => (last, age) = (Some(*value), 0),
            None => age += 1,
        }
        if age <= most {
            *cell = cell.or(last);
        }
    }
    cells
}

/// The last `width` values, the newest at the right.
pub fn newest(values: impl DoubleEndedIterator<Item = f64>, width: usize) -> Vec<Option<f64>> {
    let mut cells: Vec<Option<f64>> = values.rev().take(width).map(Some).collect();
    cells.resize(width, None);
    cells.reverse();
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bars_begin_at_zero_and_nothing_is_a_blank() {
        assert_eq!(spark(&[Some(4.0), None, Some(8.0), Some(0.5)], true), "▄ █▁");
        assert_eq!(spark(&[Some(4.0), None, Some(8.0)], false), "= #");
        assert_eq!(spark(&[Some(0.0)], true), "▁");
    }

    #[test]
    fn each_part_of_the_time_has_its_median() {
        let values = [(0, 1.0), (1, 3.0), (9, 7.0), (10, 8.0), (11, 99.0)];
        assert_eq!(over_time(values.into_iter(), 0, 10, 2), [Some(2.0), Some(7.5)]);
        let gap = vec![None, Some(1.0), None, None, Some(2.0), None];
        assert_eq!(held(gap, 1), [None, Some(1.0), Some(1.0), None, Some(2.0), Some(2.0)]);
        assert_eq!(newest([1.0, 2.0].into_iter(), 3), [None, Some(1.0), Some(2.0)]);
        assert_eq!(newest([1.0, 2.0].into_iter(), 1), [Some(2.0)]);
    }

    proptest! {
        #[test]
        fn any_times_have_a_cell(at: i64, from: i64, to: i64, width in 0..20_usize) {
            prop_assert_eq!(over_time(std::iter::once((at, 1.0)), from, to, width).len(), width);
        }
    }
}

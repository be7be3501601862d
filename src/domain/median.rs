//! The median, for samples in any order.

/// The median: the middle value, or the mean of the two in the middle; `None` of nothing. Moves the values about.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let half = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if !even {
        return Some(*upper);
    }
    Some(f64::midpoint(below.iter().copied().fold(f64::NEG_INFINITY, f64::max), *upper))
}

/// The same of values that nobody has collected.
pub fn median_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    median(&mut values.collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_of_any_order() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, -1.0, 3.0, 1.0]), Some(2.0));
    }
}

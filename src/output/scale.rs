//! Where values lie on the axis of a chart, and which round values are labelled. One implementation for charts in the
//! terminal and on pages. Pure; every value, however strange, has a place on the axis.

/// Larger numbers are drawn as if they were this one, so that no difference between two overflows.
const LARGEST: f64 = 1e15;

/// Less than this is nothing to a logarithmic axis.
const SMALLEST: f64 = 1e-15;

/// An axis from its lowest value to its highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AxisScale {
    is_logarithmic: bool,
    /// In the space in which the axis is even: the value, or its natural logarithm.
    low: f64,
    high: f64,
}

impl AxisScale {
    /// A logarithmic axis over the values that are more than 0, `least` wide in natural logarithms. `None` without any.
    pub fn logarithmic(values: impl IntoIterator<Item = f64>, least: f64) -> Option<Self> {
        let logarithms = values.into_iter().filter(|value| *value > 0.0).filter_map(drawable);
        let (low, high) = ends(logarithms.map(|value| value.max(SMALLEST).ln()))?;
        Some(Self::widened(true, low, high, least))
    }

    /// An even axis over the values, at least `least` of the larger end wide. `None` without any.
    pub fn linear(values: impl IntoIterator<Item = f64>, least: f64) -> Option<Self> {
        let (low, high) = ends(values.into_iter().filter_map(drawable))?;
        let largest = low.abs().max(high.abs());
        let least = if largest > 0.0 { least * largest } else { 1.0 };
        Some(Self::widened(false, low, high, least))
    }

    /// A logarithmic axis where the values are all more than 0 and span more than a factor of `factor`, else an even one.
    pub fn fitting(values: impl IntoIterator<Item = f64>, factor: f64, least: f64) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().filter_map(drawable).collect();
        let (low, high) = ends(values.iter().copied())?;
        if low > 0.0 && high / low > factor {
            Self::logarithmic(values, least)
        } else {
            Self::linear(values, least)
        }
    }

    /// Equal values lie in the middle.
    fn widened(is_logarithmic: bool, low: f64, high: f64, least: f64) -> Self {
        let room = ((least - (high - low)) / 2.0).max(0.0);
        Self { is_logarithmic, low: low - room, high: high + room }
    }

    pub fn is_logarithmic(&self) -> bool {
        self.is_logarithmic
    }

    /// The place of a value, from 0 at the lowest to 1 at the highest; what lies beyond an end is at the end.
    pub fn share(&self, value: f64) -> f64 {
        let place = match (self.is_logarithmic, value > 0.0) {
            (true, true) => value.clamp(SMALLEST, LARGEST).ln(),
            (true, false) => f64::NEG_INFINITY,
            (false, _) => value.clamp(-LARGEST, LARGEST),
        };
        let share = (place - self.low) / (self.high - self.low);
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// The value at a place.
    pub fn value(&self, share: f64) -> f64 {
        let place = self.low + (self.high - self.low) * share;
        if self.is_logarithmic { place.exp() } else { place }
    }

    /// The same axis with its ends moved outwards to round values, where that costs less than a quarter of it.
    pub fn rounded(self, most: usize) -> Self {
        let step = step(self.high - self.low, most);
        if self.is_logarithmic {
            return self;
        }
        let (low, high) = ((self.low / step).floor() * step, (self.high / step).ceil() * step);
        let grown = (high - low) / (self.high - self.low);
        if grown < 1.25 { Self { low, high, ..self } } else { self }
    }

    /// Round values within the axis, in ascending order: at most `most`, as far as two of them are not too many.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        if self.is_logarithmic {
            let decades = decade_ticks(self.value(0.0), self.value(1.0), most);
            if decades.len() >= 3 {
                return decades;
            }
        }
        even_ticks(self.value(0.0), self.value(1.0), most)
    }
}

/// A value as it is drawn; `None` for what is no number.
fn drawable(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-LARGEST, LARGEST))
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that divides `width` into at most `most` parts.
fn step(width: f64, most: usize) -> f64 {
    let raw = width / most.max(1) as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let round = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * (1.0 - 1e-9));
    round.unwrap_or(10.0) * power
}

/// Multiples of a round step. They are counted in whole numbers, so that no error adds up.
fn even_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let step = step(high - low, most.saturating_sub(1));
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    if !step.is_finite() || step <= 0.0 || last - first > most as f64 {
        return Vec::new();
    }
    // A step below 1 is the inverse of a whole number, and dividing by it is exact where multiplying is not.
    let inverse = (1.0 / step).round();
    let at = |count: f64| if step < 1.0 && inverse < 1e15 { count / inverse } else { count * step };
    let counts = (0..=most).map(|count| first + count as f64).take_while(|count| *count <= last);
    // 0 has no sign.
    counts.map(|count| at(count) + 0.0).collect()
}

/// Values that are round within each decade, in the closest spacing of which there are at most `most`.
fn decade_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    const SPACINGS: [&[i32]; 3] = [&[1, 2, 5], &[1, 3], &[1]];
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let (low, high) = (low * (1.0 - 1e-9), high * (1.0 + 1e-9));
    for (spacing, every) in
        SPACINGS.into_iter().map(|spacing| (spacing, 1)).chain((2..40).map(|n| (&[1][..], n)))
    {
        let decades = (first..=last).filter(|decade| decade.rem_euclid(every) == 0);
        let ticks = decades.flat_map(|decade| spacing.iter().map(move |factor| power(*factor, decade)));
        let ticks: Vec<f64> = ticks.filter(|tick| (low..=high).contains(tick)).collect();
        if ticks.len() <= most {
            return ticks;
        }
    }
    Vec::new()
}

/// `factor` times ten to the power of `decade`, to the last digit.
fn power(factor: i32, decade: i32) -> f64 {
    let ten = 10_f64.powi(decade.abs());
    if decade < 0 { f64::from(factor) / ten } else { f64::from(factor) * ten }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn linear(low: f64, high: f64) -> AxisScale {
        AxisScale::linear([low, high], 0.1).unwrap()
    }

    #[test]
    fn ticks_are_round_and_exact() {
        assert_eq!(linear(0.0, 1.0).ticks(6), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(linear(0.31, 0.47).ticks(5), [0.35, 0.4, 0.45]);
        assert_eq!(linear(-3.0, 7.0).ticks(6), [-2.0, 0.0, 2.0, 4.0, 6.0]);
        assert_eq!(linear(1200.0, 9000.0).ticks(5), [2000.0, 4000.0, 6000.0, 8000.0]);
    }

    #[test]
    fn decades_are_divided_as_far_as_there_is_room() {
        let scale = |low, high| AxisScale::logarithmic([low, high], 0.1).unwrap();
        assert_eq!(scale(0.1, 10.0).ticks(7), [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
        assert_eq!(scale(0.1, 10.0).ticks(5), [0.1, 0.3, 1.0, 3.0, 10.0]);
        assert_eq!(scale(0.1, 10.0).ticks(4), [0.1, 1.0, 10.0]);
        assert_eq!(scale(1e-9, 1e9).ticks(4), [1e-5, 1.0, 1e5]);
        // Less than a decade reads better with even steps.
        assert_eq!(scale(0.31, 0.47).ticks(5), [0.35, 0.4, 0.45]);
    }

    #[test]
    fn equal_values_lie_in_the_middle() {
        for scale in [AxisScale::linear([0.4, 0.4], 0.1), AxisScale::logarithmic([0.4], 0.1)] {
            assert!((scale.unwrap().share(0.4) - 0.5).abs() < 1e-9);
        }
        assert_eq!(AxisScale::linear([0.0], 0.1).unwrap().share(0.0), 0.5);
    }

    #[test]
    fn what_is_no_value_makes_no_axis() {
        assert_eq!(AxisScale::linear([f64::NAN, f64::INFINITY], 0.1), None);
        assert_eq!(AxisScale::logarithmic([0.0, -1.0], 0.1), None);
        assert!(!AxisScale::fitting([0.0, 5.0], 5.0, 0.1).unwrap().is_logarithmic());
        assert!(!AxisScale::fitting([1.0, 4.0], 5.0, 0.1).unwrap().is_logarithmic());
        assert!(AxisScale::fitting([1.0, 9.0], 5.0, 0.1).unwrap().is_logarithmic());
    }

    #[test]
    fn ends_are_rounded_where_it_costs_little() {
        assert_eq!(linear(0.02, 0.97).rounded(5).ticks(6), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    }

    proptest! {
        #[test]
        fn every_value_has_a_place(values in prop::collection::vec(prop::num::f64::ANY, 1..8), value in prop::num::f64::ANY, most in 0..9_usize) {
            let scales = [
                AxisScale::linear(values.clone(), 0.1), AxisScale::logarithmic(values.clone(), 0.1),
                AxisScale::fitting(values, 5.0, 0.1),
            ];
            for scale in scales.into_iter().flatten() {
                for scale in [scale, scale.rounded(5)] {
                    let share = scale.share(value);
                    prop_assert!((0.0..=1.0).contains(&share), "{scale:?} {share}");
                    let ticks = scale.ticks(most);
                    prop_assert!(ticks.len() <= most.max(2), "{scale:?} {ticks:?}");
                    prop_assert!(ticks.iter().all(|tick| tick.is_finite()), "{ticks:?}");
                    prop_assert!(ticks.is_sorted(), "{ticks:?}");
                }
            }
        }

        #[test]
        fn places_keep_the_order_of_values(a in 1e-9..1e9_f64, b in 1e-9..1e9_f64) {
            let scale = AxisScale::fitting([a, b], 5.0, 0.1).unwrap();
            prop_assert!((scale.share(a) <= scale.share(b)) == (a <= b) || (a - b).abs() < 1e-9 * a);
            prop_assert!((scale.value(scale.share(a)) / a - 1.0).abs() < 1e-6);
        }
    }
}

//! Quantiles of Student's t, for intervals from few values. A crate of distributions would bring linear algebra with it
//! for these few lines; the tests hold them against the tables.

/// Degrees of freedom beyond which t is the normal distribution to five digits.
const MOST_DEGREES: f64 = 100_000.0;

/// The value below which a share `probability` (between 0 and 1) of t with these degrees of freedom lies.
pub fn t_quantile(probability: f64, degrees: f64) -> f64 {
    if probability < 0.5 {
        return -t_quantile(1.0 - probability, degrees);
    }
    let degrees = degrees.clamp(0.1, MOST_DEGREES);
    let (mut low, mut high) = (0.0, 1.0);
    while below(high, degrees) < probability && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if below(middle, degrees) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// Quantiles at one probability for whole degrees of freedom. Each is computed once, because lists of thousands of models
/// ask for the same few.
#[derive(Debug, Clone)]
pub struct TQuantiles {
    probability: f64,
    known: Vec<Option<f64>>,
}

impl TQuantiles {
    /// Degrees of freedom that are kept apart; more of them count as these, which makes intervals a little wider.
    const MOST: usize = 1_000;

    /// Those at `probability`, between 0 and 1.
    pub fn at(probability: f64) -> Self {
        Self { probability, known: Vec::new() }
    }

    /// Those whose quantiles lie on either side of the middle with `confidence` between them.
    pub fn two_sided(confidence: f64) -> Self {
        Self::at(f64::midpoint(1.0, confidence))
    }

    /// The quantile at so many degrees, rounded down; below 1 they count as 1.
    pub fn of(&mut self, degrees: f64) -> f64 {
        let whole = (degrees.max(1.0) as usize).min(Self::MOST);
        if self.known.len() <= whole {
            self.known.resize(whole + 1, None);
        }
        *self.known[whole].get_or_insert_with(|| t_quantile(self.probability, whole as f64))
    }
}

/// The share of t that lies below `t`, which is 0 or more.
fn below(t: f64, degrees: f64) -> f64 {
    1.0 - incomplete_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5) / 2.0
}

/// The regularised incomplete beta function, by its continued fraction on the side where that converges fast.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function, by the method of Lentz.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let whole = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / whole(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..2_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / whole(1.0 + term * d);
            c = whole(1.0 + term / c);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function for arguments above 0: Lanczos' sum of nine terms.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let terms = TERMS.iter().zip(1..).map(|(term, place)| term / (x + f64::from(place)));
    let sum = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    let base = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * base.ln() - base + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, degrees, tabled) in [
            (0.975, 1.0, 12.7062),
            (0.975, 2.0, 4.3027),
            (0.975, 3.0, 3.1824),
            (0.975, 6.0, 2.4469),
            (0.975, 12.0, 2.1788),
            (0.975, 30.0, 2.0423),
            (0.975, 120.0, 1.9799),
            (0.95, 5.0, 2.0150),
            (0.995, 10.0, 3.1693),
            (0.9995, 4.0, 8.6103),
            (0.8, 20.0, 0.8600),
            (0.975, 1e9, 1.9600),
            (0.99995, 1.0, 6366.1977),
        ] {
            let found = t_quantile(probability, degrees);
            assert!((found / tabled - 1.0).abs() < 5e-5, "{found} is not {tabled} at {degrees}");
        }
        assert!(t_quantile(0.5, 7.0).abs() < 1e-9);
    }

    #[test]
    fn kept_quantiles_are_those_of_the_degrees_rounded_down() {
        let mut kept = TQuantiles::two_sided(0.95);
        for _ in 0..2 {
            assert_eq!((kept.of(6.9), kept.of(2.0)), (t_quantile(0.975, 6.0), t_quantile(0.975, 2.0)));
        }
        assert_eq!((kept.of(0.3), kept.of(f64::NAN)), (kept.of(1.0), kept.of(1.0)));
        assert_eq!(kept.of(1e9), t_quantile(0.975, 1_000.0));
    }

    proptest! {
        #[test]
        fn quantiles_grow_with_the_share_and_fall_with_the_degrees(
            probability in 0.51..0.999_9_f64, degrees in 1.0..500.0_f64,
        ) {
            let here = t_quantile(probability, degrees);
            prop_assert!(here > 0.0 && here.is_finite());
            prop_assert!(t_quantile(probability + 0.000_05, degrees) > here);
            prop_assert!(t_quantile(probability, degrees * 2.0) < here);
            prop_assert!((t_quantile(1.0 - probability, degrees) + here).abs() < 1e-6 * here.max(1.0));
        }
    }
}

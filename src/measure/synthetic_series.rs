//! Series like those that are measured, from a seed: noise that lasts (AR(1)), a daily cycle, weekends, days that are better
//! or worse as a whole, outliers, heavy tails, gaps, samples that are missing because they were slow. For the simulations of
//! tests and of `benches/statistics`, which includes this file; the same on every machine.

/// Minutes between two samples.
pub const EVERY: i64 = 30;

pub const PER_DAY: i64 = 24 * 60 / EVERY;

/// A number from 0 to below 1, by SplitMix64 (Steele, Lea, Flood 2014).
pub fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number of the standard normal distribution, by Box and Muller.
pub fn normal(state: &mut u64) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(state)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(state)).cos()
}

/// What moves the samples of a series: standard deviations and amplitudes of logarithms, shares, correlations.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub noise: f64,
    /// The correlation of neighbouring samples.
    pub lasting: f64,
    pub cycle: f64,
    /// By how much whole days differ, and how much of it the next day keeps.
    pub day: f64,
    pub day_lasting: f64,
    /// How much slower Saturdays and Sundays are.
    pub weekend: f64,
    /// The share of samples that are 4.5 times as slow.
    pub outliers: f64,
    /// True for noise of Student's t with 3 degrees of freedom instead of the normal distribution.
    pub heavy: bool,
    /// How much a month adds.
    pub trend: f64,
    /// The share of the time in which nothing is measured, in pieces of 12 hours on average.
    pub gaps: f64,
    /// The share of slow samples that are missing: the slower one is, the likelier.
    pub suspects: f64,
}

impl Weather {
    pub const CALM: Self = Self {
        noise: 0.3,
        lasting: 0.0,
        cycle: 0.0,
        day: 0.0,
        day_lasting: 0.0,
        weekend: 0.0,
        outliers: 0.02,
        heavy: false,
        trend: 0.0,
        gaps: 0.0,
        suspects: 0.0,
    };
}

/// A sample: its number since 1970 at one for every [`EVERY`] minutes, and the logarithm of its value.
#[derive(Debug, Clone, Copy)]
pub struct SyntheticSample {
    pub at: i64,
    pub log: f64,
}

impl SyntheticSample {
    pub fn milliseconds(self) -> i64 {
        self.at * EVERY * 60_000
    }
}

/// Series of several models that share each day's fate, `count` samples each from the number `first` on.
pub fn series(
    weather: &Weather,
    models: usize,
    first: i64,
    count: i64,
    state: &mut u64,
) -> Vec<Vec<SyntheticSample>> {
    let days = days(weather, count / PER_DAY + 2, state);
    let day_of = |at: i64| days[(at.div_euclid(PER_DAY) - first.div_euclid(PER_DAY)) as usize];
    let fresh = (1.0 - weather.lasting * weather.lasting).sqrt();
    let mut one = |model: usize| {
        let mut drift = shock(weather, state);
        let mut silent = false;
        let mut samples = Vec::with_capacity(count as usize);
        for at in first..first + count {
            drift = weather.lasting * drift + fresh * shock(weather, state);
            let outlier = if uniform(state) < weather.outliers { 1.5 } else { 0.0 };
            silent = weather.gaps > 0.0 && goes_silent(weather, silent, uniform(state));
            let suspect = weather.suspects / (1.0 + (-2.0 * (drift - 0.5)).exp());
            if silent || (weather.suspects > 0.0 && uniform(state) < suspect) {
                continue;
            }
            let level = (1.0 + model as f64).ln() + usual(weather, at, at - first) + day_of(at);
            samples.push(SyntheticSample { at, log: level + weather.noise * drift + outlier });
        }
        samples
    };
    (0..models).map(&mut one).collect()
}

/// What every week has: the daily cycle, the weekend, and the trend since the first sample.
fn usual(weather: &Weather, at: i64, since: i64) -> f64 {
    let phase = at.rem_euclid(PER_DAY) as f64 / PER_DAY as f64 * std::f64::consts::TAU;
    // 1970 began on a Thursday.
    let weekend = if (at.div_euclid(PER_DAY) + 3).rem_euclid(7) >= 5 { weather.weekend } else { 0.0 };
    weather.cycle * phase.sin() + weekend + weather.trend * since as f64 / (30 * PER_DAY) as f64
}

fn days(weather: &Weather, count: i64, state: &mut u64) -> Vec<f64> {
    let fresh = (1.0 - weather.day_lasting * weather.day_lasting).sqrt();
    let mut day = normal(state);
    let mut all = vec![weather.day * day];
    for _ in 1..count {
        day = weather.day_lasting * day + fresh * normal(state);
        all.push(weather.day * day);
    }
    all
}

/// Noise with a standard deviation of 1.
fn shock(weather: &Weather, state: &mut u64) -> f64 {
    let straight = normal(state);
    if !weather.heavy {
        return straight;
    }
    let squares: f64 = (0..3).map(|_| normal(state).powi(2)).sum();
    // t with 3 degrees of freedom has a variance of 3.
    straight / (squares / 3.0).sqrt() / 3.0_f64.sqrt()
}

/// Whether nothing is measured now: silences of 12 hours, as often as the share asks for.
fn goes_silent(weather: &Weather, silent: bool, lot: f64) -> bool {
    let end = 2.0 / PER_DAY as f64;
    if silent { lot >= end } else { lot < end * weather.gaps / (1.0 - weather.gaps) }
}

/// The share of `trials` for which `hits` is true.
pub fn share(trials: u32, seed: u64, mut hits: impl FnMut(&mut u64) -> bool) -> f64 {
    let mut state = seed;
    f64::from((0..trials).map(|_| u32::from(hits(&mut state))).sum::<u32>()) / f64::from(trials)
}

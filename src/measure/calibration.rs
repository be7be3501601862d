//! How wrong this host's own clock is: figures of runs against a server that knows when its tokens left, and what they
//! mean for publishing. Pure; `commands::calibrate` makes the runs.

use crate::measure::stats::{SummaryStats, percentile};
use crate::measure::timeline::arrival_groups;
use serde::Serialize;
use std::time::Duration;

/// Quantile of the normal distribution for an interval of 95 %.
const QUANTILE_95: f64 = 1.96;
/// Seconds of bias of TTFT, in the mean, up to which a host may publish.
const TTFT_MEAN_LIMIT: f64 = 0.002;
/// Seconds of bias of TTFT at p99 up to which a host may publish.
const TTFT_P99_LIMIT: f64 = 0.010;
/// Relative error of inter-token latency, in the mean, up to which a host may publish.
const ITL_LIMIT: f64 = 0.01;
/// Share of suspect or failed samples up to which a host may publish.
const SPOILT_LIMIT: f64 = 0.05;

/// The times that a server saw: seconds since the request had arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServerTimes {
    pub first_visible: f64,
    pub end: f64,
    pub visible_tokens: f64,
    /// Seconds a token; `None` if all left at once.
    pub inter_token_latency: Option<f64>,
}

impl ServerTimes {
    /// From the moments at which tokens left: a server that is late sends several at once, so its pace is counted from groups, as
    /// that of its client is. `None` without tokens.
    pub fn of(tokens: &[Duration], end: f64) -> Option<Self> {
        let first = *arrival_groups(tokens).first()?;
        let seconds = tokens.last()?.saturating_sub(tokens[first - 1]).as_secs_f64();
        let later = tokens.len() - first;
        Some(Self {
            first_visible: tokens[0].as_secs_f64(),
            end,
            visible_tokens: tokens.len() as f64,
            inter_token_latency: (later > 0).then(|| seconds / later as f64),
        })
    }
}

/// One run with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationSample {
    pub server: ServerTimes,
    /// Seconds from t0 to the end of TCP and TLS.
    pub connect: f64,
    /// Seconds.
    pub ttft: f64,
    /// Seconds; `None` if the run has no pace.
    pub inter_token_latency: Option<f64>,
    pub tokens_per_second: f64,
    pub suspect: bool,
    pub clock_source: Option<String>,
}

/// The conditions of a part of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CellConditions {
    pub tls: bool,
    /// Streams at once.
    pub streams: usize,
    /// True beside loops that never wait, as many as there are cores.
    pub busy: bool,
}

/// An error of a figure: measured minus true, in seconds, or as a share of the true value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ErrorEstimate {
    pub n: usize,
    pub mean: f64,
    /// The interval of 95 % of the mean.
    pub mean_low: f64,
    pub mean_high: f64,
    pub stddev: f64,
    pub p50: f64,
    pub p99: f64,
}

impl ErrorEstimate {
    /// `None` without samples.
    fn of(mut errors: Vec<f64>) -> Option<Self> {
        errors.retain(|error| error.is_finite());
        errors.sort_by(f64::total_cmp);
        let SummaryStats { n, mean, stddev, p50, .. } = SummaryStats::of_sorted(&errors)?;
        let half = QUANTILE_95 * stddev / (n as f64).sqrt();
        let p99 = percentile(&errors, 99.0);
        Some(Self { n, mean, mean_low: mean - half, mean_high: mean + half, stddev, p50, p99 })
    }

    /// The larger end of the mean's interval, without its sign.
    fn worst_mean(&self) -> f64 {
        self.mean_low.abs().max(self.mean_high.abs())
    }
}

/// A part of a calibration: one set of conditions and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationCell {
    #[serde(flatten)]
    pub conditions: CellConditions,
    pub runs: usize,
    /// Runs that failed, or that the server does not know.
    pub failed: usize,
    pub suspect: usize,
    /// Runs that the kernel's clock stamped.
    pub kernel_stamped: usize,
    /// Runs that the moments of their reads stamped; the rest have both.
    pub read_stamped: usize,
    /// What connecting costs on this host: the shortest of the cell, seconds. It is no error.
    pub connect: f64,
    /// Seconds.
    pub ttft: Option<ErrorEstimate>,
    /// A share of the true inter-token latency.
    pub inter_token_latency: Option<ErrorEstimate>,
    /// A share of the true rate.
    pub tokens_per_second: Option<ErrorEstimate>,
}

impl CalibrationCell {
    /// The figures of a cell's runs; `failed` of them have no sample. Suspect samples are left out of the figures, as
    /// everywhere, and counted.
    pub fn of(conditions: CellConditions, samples: &[CalibrationSample], failed: usize) -> Self {
        let sound = || samples.iter().filter(|sample| !sample.suspect);
        let stamped = |by: &str| {
            let same = |sample: &&CalibrationSample| sample.clock_source.as_deref() == Some(by);
            samples.iter().filter(same).count()
        };
        let connect = samples.iter().map(|sample| sample.connect).reduce(f64::min).unwrap_or(0.0);
        let pace = |sample: &CalibrationSample| {
            Some(sample.inter_token_latency? / sample.server.inter_token_latency? - 1.0)
        };
        let rate = |sample: &CalibrationSample| {
            let truth = sample.server.visible_tokens / (connect + sample.server.end);
            sample.tokens_per_second / truth - 1.0
        };
        Self {
            conditions,
            runs: samples.len() + failed,
            failed,
            suspect: samples.iter().filter(|sample| sample.suspect).count(),
            kernel_stamped: stamped("kernel"),
            read_stamped: stamped("read"),
            connect,
            ttft: ErrorEstimate::of(
                sound().map(|sample| sample.ttft - connect - sample.server.first_visible).collect(),
            ),
            inter_token_latency: ErrorEstimate::of(sound().filter_map(pace).collect()),
            tokens_per_second: ErrorEstimate::of(sound().map(rate).collect()),
        }
    }

    /// The reason why a host with these figures should not publish.
    fn trouble(&self) -> Option<String> {
        let spoilt = (self.failed + self.suspect) as f64 / self.runs.max(1) as f64;
        let (Some(ttft), Some(pace)) = (self.ttft, self.inter_token_latency) else {
            return Some("no run gave a figure".to_owned());
        };
        let ms = |seconds: f64| format!("{:.1} ms", seconds * 1000.0);
        if spoilt > SPOILT_LIMIT {
            Some(format!("{:.0} % of the runs failed or are suspect", spoilt * 100.0))
        } else if ttft.worst_mean() > TTFT_MEAN_LIMIT {
            Some(format!("TTFT is {} off in the mean", ms(ttft.mean)))
        } else if ttft.p99.abs() > TTFT_P99_LIMIT {
            Some(format!("TTFT is {} off at p99", ms(ttft.p99)))
        } else if pace.worst_mean() > ITL_LIMIT {
            Some(format!("inter-token latency is {:.1} % off in the mean", pace.mean * 100.0))
        } else {
            None
        }
    }
}

/// Whether a host may publish.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationVerdict {
    /// Streams at once by which it was judged.
    pub streams: usize,
    pub may_publish: bool,
    /// The answer in a sentence, with the reason.
    pub sentence: String,
    /// The error of TTFT; `None` if no judged run gave a figure.
    pub ttft: Option<WorstError>,
}

/// The worst errors of the judged conditions, which may be of different ones; seconds, with their signs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WorstError {
    pub mean: f64,
    pub p99: f64,
}

impl WorstError {
    fn of(errors: &[ErrorEstimate]) -> Option<Self> {
        let worst = |read: fn(&ErrorEstimate) -> f64| {
            errors
                .iter()
                .map(read)
                .reduce(|worst, error| if error.abs() > worst.abs() { error } else { worst })
        };
        Some(Self { mean: worst(|error| error.mean)?, p99: worst(|error| error.p99)? })
    }
}

/// Judges a host by the idle cells of up to `streams` streams at once, which is what its daemon opens; by the smallest
/// ones if there are no others.
pub fn verdict(cells: &[CalibrationCell], streams: usize) -> CalibrationVerdict {
    let smallest = cells.iter().map(|cell| cell.conditions.streams).min().unwrap_or(0);
    let most = streams.max(smallest);
    let judged: Vec<_> =
        cells.iter().filter(|cell| !cell.conditions.busy && cell.conditions.streams <= most).collect();
    let ttft = WorstError::of(&judged.iter().filter_map(|cell| cell.ttft).collect::<Vec<_>>());
    let trouble = judged.iter().find_map(|cell| Some((cell.conditions, cell.trouble()?)));
    let (may_publish, sentence) = match (ttft, trouble) {
        (_, Some((conditions, why))) => {
            (false, format!("This host should not publish: with {}, {why}.", described(conditions)))
        }
        (None, None) => (false, "This host should not publish: nothing was measured on it.".to_owned()),
        (Some(WorstError { mean, p99 }), None) => {
            let (mean, p99) = (mean * 1000.0, p99 * 1000.0);
            let sentence = format!(
                "This host may publish: with up to {most} streams at once, its TTFT is off by {mean:+.2} ms in the mean and \
                 {p99:+.2} ms at p99 at most."
            );
            (true, sentence)
        }
    };
    let has_tls = judged.iter().any(|cell| cell.conditions.tls);
    let sentence =
        if has_tls { sentence } else { format!("{sentence} Connections over TLS were not measured.") };
    CalibrationVerdict { streams: most, may_publish, sentence, ttft }
}

/// The conditions in words: `50 streams at once over TLS beside a load`.
pub fn described(conditions: CellConditions) -> String {
    let CellConditions { tls, streams, busy } = conditions;
    let count = if streams == 1 { "1 stream".to_owned() } else { format!("{streams} streams at once") };
    format!("{count}{}{}", if tls { " over TLS" } else { "" }, if busy { " beside a load" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: CellConditions = CellConditions { tls: false, streams: 1, busy: false };

    /// Runs whose TTFT and pace are off by these, and the number of suspect ones among them.
    fn cell(conditions: CellConditions, ttft_off: f64, pace_off: f64, suspect: usize) -> CalibrationCell {
        let sample = |n: usize| CalibrationSample {
            server: ServerTimes {
                first_visible: 0.05,
                end: 0.15,
                visible_tokens: 21.0,
                inter_token_latency: Some(0.005),
            },
            connect: 0.003 + (n % 2) as f64 * 1e-5,
            ttft: 0.053 + ttft_off + (n % 3) as f64 * 1e-5,
            inter_token_latency: Some(0.005 * (1.0 + pace_off)),
            tokens_per_second: 21.0 / 0.153,
            suspect: n < suspect,
            clock_source: Some("kernel".to_owned()),
        };
        let samples: Vec<_> = (0..100).map(sample).collect();
        CalibrationCell::of(conditions, &samples, 0)
    }

    #[test]
    fn a_server_that_sends_several_tokens_at_once_has_the_pace_of_the_rest() {
        let at = |milliseconds: &[u64]| {
            milliseconds.iter().copied().map(Duration::from_millis).collect::<Vec<_>>()
        };
        let late = ServerTimes::of(&at(&[50, 50, 50, 55, 60, 65]), 0.07).unwrap();
        assert!((late.inter_token_latency.unwrap() - 0.005).abs() < 1e-9, "{late:?}");
        assert_eq!((late.first_visible, late.visible_tokens), (0.05, 6.0));
        assert_eq!(ServerTimes::of(&at(&[50, 50]), 0.07).unwrap().inter_token_latency, None);
        assert_eq!(ServerTimes::of(&[], 0.07), None);
    }

    #[test]
    fn a_good_host_may_publish_and_each_fault_turns_the_verdict() {
        let judged = |cells: &[CalibrationCell]| verdict(cells, 2);
        let good = judged(&[cell(IDLE, 0.0002, 0.001, 0)]);
        assert!(good.may_publish, "{good:?}");
        let ttft = good.ttft.unwrap();
        assert!((ttft.mean - 0.000_21).abs() < 1e-5 && (ttft.p99 - 0.000_22).abs() < 1e-5, "{ttft:?}");
        assert_eq!(
            good.sentence,
            "This host may publish: with up to 2 streams at once, its TTFT is off by +0.21 ms in the mean and +0.22 ms at \
             p99 at most. Connections over TLS were not measured."
        );
        for (faulty, why) in [
            (cell(IDLE, 0.004, 0.0, 0), "TTFT is 4.0 ms off in the mean"),
            (cell(IDLE, -0.004, 0.0, 0), "TTFT is -4.0 ms off in the mean"),
            (cell(IDLE, 0.0, 0.03, 0), "inter-token latency is 3.0 % off"),
            (cell(IDLE, 0.0, 0.0, 9), "9 % of the runs failed or are suspect"),
            (CalibrationCell::of(IDLE, &[], 4), "no run gave a figure"),
        ] {
            let bad = judged(&[cell(CellConditions { tls: true, ..IDLE }, 0.0, 0.0, 0), faulty]);
            assert!(!bad.may_publish && bad.sentence.contains(why), "{bad:?}");
        }
        assert!(!judged(&[]).may_publish && judged(&[]).ttft.is_none());
    }

    #[test]
    fn a_host_is_judged_by_what_it_does() {
        let busy = cell(CellConditions { busy: true, ..IDLE }, 0.5, 0.5, 50);
        let many = cell(CellConditions { streams: 500, ..IDLE }, 0.5, 0.5, 50);
        assert!(verdict(&[cell(IDLE, 0.0, 0.0, 0), busy.clone(), many.clone()], 2).may_publish);
        assert!(!verdict(&[cell(IDLE, 0.0, 0.0, 0), busy, many.clone()], 500).may_publish);
        assert!(!verdict(&[many], 2).may_publish, "the smallest one counts if there is no other");
    }

    #[test]
    fn the_interval_of_the_mean_shrinks_with_the_runs() {
        let of = |n: usize| ErrorEstimate::of((0..n).map(|at| (at % 10) as f64).collect()).unwrap();
        let (few, many) = (of(20), of(2000));
        assert!(few.mean_low < 4.5 && few.mean_high > 4.5);
        let width = |estimate: ErrorEstimate| estimate.mean_high - estimate.mean_low;
        assert!(width(many) * 9.0 < width(few), "{few:?} {many:?}");
        assert_eq!(ErrorEstimate::of(vec![f64::NAN]), None);
    }
}

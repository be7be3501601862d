//! How true the times of many streams are where it is hard: beside loops that never wait, over TLS, by the thousand. Each is
//! held against what the server saw leave.

use super::{milliseconds, percent};
use crate::stats::{mean, median, percentile, repeated};
use crate::subject::{Simulator, run};
use crate::{Failed, Line, truth};
use llmbench::measure::busy_loop::BusyLoop;

/// Streams at once, and what is wanted of them.
struct Condition {
    what: &'static str,
    streams: usize,
    tls: bool,
    /// Beside two loops that never wait.
    busy: bool,
    /// The most that TTFT may be too high at p99, seconds, as number and text.
    p99: (f64, &'static str),
    /// The largest share of suspect samples, as number and text.
    suspect: (f64, &'static str),
    /// The most memory, MB, as number and text.
    memory: (f64, &'static str),
}

const CONDITIONS: [Condition; 5] = [
    Condition {
        what: "500 streams over TLS: TTFT too high beyond connecting, in the mean and at p99",
        streams: 500,
        tls: true,
        busy: false,
        p99: (0.0006, "0.6 ms"),
        suspect: (0.0, "0"),
        memory: (120.0, "120 MB"),
    },
    Condition {
        what: "500 streams beside two busy loops: TTFT too high in the mean and at p99",
        streams: 500,
        tls: false,
        busy: true,
        p99: (0.0015, "1.5 ms"),
        suspect: (0.01, "1 %"),
        memory: (120.0, "120 MB"),
    },
    Condition {
        what: "2,000 streams: TTFT too high in the mean and at p99",
        streams: 2000,
        tls: false,
        busy: false,
        p99: (0.001, "1 ms"),
        suspect: (0.0, "0"),
        memory: (150.0, "150 MB"),
    },
    Condition {
        what: "2,000 streams beside two busy loops: TTFT too high in the mean and at p99",
        streams: 2000,
        tls: false,
        busy: true,
        p99: (0.004, "4 ms"),
        suspect: (0.02, "2 %"),
        memory: (150.0, "150 MB"),
    },
    Condition {
        what: "5,000 streams: TTFT too high in the mean and at p99",
        streams: 5000,
        tls: false,
        busy: false,
        p99: (0.002, "2 ms"),
        suspect: (0.0, "0"),
        memory: (250.0, "250 MB"),
    },
];

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let mut lines = Vec::new();
    for condition in &CONDITIONS {
        lines.extend(condition.measure()?);
    }
    Ok(lines)
}

impl Condition {
    fn measure(&self) -> Result<Vec<Line>, Failed> {
        let simulator = if self.tls { Simulator::start_over_tls()? } else { Simulator::start()? };
        let _loops: Vec<BusyLoop> = (0..if self.busy { 2 } else { 0 }).map(|_| BusyLoop::start()).collect();
        let runs = repeated(|| self.once(&simulator))?;
        let figure = |read: fn(&[f64; 4]) -> f64| median(runs.iter().map(read));
        let (mean, p99) = (figure(|run| run[0]), figure(|run| run[1]));
        let (suspect, memory) = (figure(|run| run[2]), figure(|run| run[3]));
        let line = |what, least, measured, met| Line { what, least, measured, beside: None, met };
        let late = format!("{}, {}", milliseconds(mean), milliseconds(p99));
        Ok(vec![
            line(self.what, self.p99.1, late, p99 <= self.p99.0),
            line(
                "samples of these marked suspect",
                self.suspect.1,
                percent(suspect),
                suspect <= self.suspect.0,
            ),
            line("their peak memory", self.memory.1, format!("{memory:.0} MB"), memory <= self.memory.0),
        ])
    }

    /// Mean and p99 in seconds, the share of suspect samples, MB. Over TLS, connecting is the work of both sides on the same
    /// cores, so it is left out there.
    fn once(&self, simulator: &Simulator) -> Result<[f64; 4], Failed> {
        let streams = self.streams.to_string();
        let ran = run(simulator, &["--model", "sim:steady", "-n", &streams, "-c", &streams])?;
        let truths = truth::newest(simulator, self.streams)?;
        let late = |row: &serde_json::Value| {
            let truth = truths.get(row["provider_request_id"].as_str()?)?;
            let connecting = if self.tls { row["connect_seconds"].as_f64()? } else { 0.0 };
            Some(row["time_to_first_token"].as_f64()? - connecting - truth.first)
        };
        let late: Vec<f64> = ran
            .rows
            .iter()
            .map(late)
            .collect::<Option<_>>()
            .ok_or("a stream that the server does not know")?;
        let suspect = ran.suspects() as f64 / self.streams as f64;
        let p99 = percentile(late.iter().copied(), 99.0);
        Ok([mean(&late), p99, suspect, ran.peak as f64 / 1000.0])
    }
}

//! Progress on stderr while runs are measured: only where somebody looks at it, and never in the way of notes or data.

use super::{Terminal, print, units};
use crate::domain::Outcome;
use crate::measure::stats::percentile;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Over how many of the last successes the shown TTFT is the median.
const ROLLING: usize = 20;
/// Terminals narrower than this get words without a bar.
const BAR_WIDTH: usize = 60;

/// What has ended so far.
#[derive(Debug, Default)]
struct Ended {
    failed: u64,
    ttfts: VecDeque<f64>,
}

impl Ended {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Failure(_) => self.failed += 1,
            Outcome::Success(run) => {
                if self.ttfts.len() == ROLLING {
                    self.ttfts.pop_front();
                }
                self.ttfts.extend(run.speeds.time_to_first_token);
            }
        }
    }

    fn message(&self, unicode: bool) -> String {
        let mut sorted: Vec<f64> = self.ttfts.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut words = vec![format!("{} failed", self.failed)];
        if !sorted.is_empty() {
            words.push(format!("TTFT {}", units::seconds(percentile(&sorted, 50.0), unicode)));
        }
        words.join(", ")
    }
}

/// A progress bar, or nothing at all where stderr is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    ended: Mutex<Ended>,
    quiet: bool,
    unicode: bool,
}

impl Progress {
    /// Starts it. `total` is the number of runs, where one is planned. `quiet` keeps notes away too.
    pub fn start(total: Option<u64>, terminal: &Terminal, quiet: bool) -> Self {
        let shown = terminal.stderr_tty && !quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style(total.is_some(), terminal));
        if shown {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self { bar, ended: Mutex::default(), quiet, unicode: terminal.unicode }
    }

    /// Counts a run that has ended.
    pub fn finished(&self, outcome: &Outcome) {
        let message = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.add(outcome);
            ended.message(self.unicode)
        };
        self.bar.set_message(message);
        self.bar.inc(1);
    }

    /// Writes a note to stderr, above the bar if there is one.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| print::note(text));
        }
    }

    /// Runs `write` while the bar is away, so that data on the same terminal stays legible.
    pub fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Takes the bar away.
    pub fn done(self) {
        self.bar.finish_and_clear();
    }
}

fn style(bounded: bool, terminal: &Terminal) -> ProgressStyle {
    let template = match (bounded, terminal.width >= BAR_WIDTH) {
        (true, true) => "[{bar:20}] {pos}/{len}  {elapsed}  {wide_msg}",
        (true, false) => "{pos}/{len} {elapsed} {wide_msg}",
        (false, _) => "{pos} done  {elapsed}  {wide_msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars(if terminal.unicode { "█▌ " } else { "#> " })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Kind;
    use crate::measure::testing::{failure, run};
    use crate::output::terminal::Wishes;

    #[test]
    fn the_shown_ttft_is_the_median_of_the_last_twenty() {
        let mut ended = Ended::default();
        assert_eq!(ended.message(true), "0 failed");
        for ttft in std::iter::repeat_n(9.0, 30).chain(std::iter::repeat_n(0.25, 20)) {
            ended.add(&Outcome::Success(Box::new(run("groq", "m", ttft))));
        }
        ended.add(&failure("groq", "m", Kind::Timeout, "late"));
        assert_eq!(ended.message(true), "1 failed, TTFT 250 ms");
    }

    #[test]
    fn nothing_is_drawn_where_nobody_looks() {
        let terminal = |tty| Terminal::new(Wishes::default(), false, tty, None);
        for (tty, quiet) in [(false, false), (false, true), (true, true)] {
            let progress = Progress::start(Some(3), &terminal(tty), quiet);
            assert!(progress.bar.is_hidden());
            progress.finished(&failure("groq", "m", Kind::Auth, "no"));
            assert_eq!(progress.bar.position(), 1);
            assert_eq!(progress.aside(|| 7), 7);
            progress.done();
        }
    }
}

//! Shows progress on stderr while runs are measured: only if stderr is a terminal, and without disturbing notes or
//! data.

use super::{Terminal, print, units};
use crate::domain::Outcome;
use crate::measure::stats::percentile;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The number of latest successes whose medians are shown.
const ROLLING: usize = 20;
/// Narrower terminals, in columns, get words without a bar.
const BAR_WIDTH: usize = 60;

/// Statistics of the runs that have ended so far.
#[derive(Debug, Default)]
struct RollingStats {
    failed: u64,
    ttfts: VecDeque<f64>,
    rates: VecDeque<f64>,
}

impl RollingStats {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Failure(_) => self.failed += 1,
            Outcome::Success(run) => {
                roll(&mut self.ttfts, run.speeds.time_to_first_token);
                roll(&mut self.rates, Some(run.speeds.tokens_per_second));
            }
        }
    }

    fn message(&self, unicode: bool) -> String {
        let mut words = vec![format!("{} failed", self.failed)];
        words.extend(median(&self.ttfts).map(|ttft| format!("TTFT {}", units::seconds(ttft, unicode))));
        words.extend(median(&self.rates).map(units::rate));
        words.join(", ")
    }
}

fn roll(last: &mut VecDeque<f64>, value: Option<f64>) {
    let Some(value) = value else { return };
    if last.len() == ROLLING {
        last.pop_front();
    }
    last.push_back(value);
}

fn median(values: &VecDeque<f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| percentile(&sorted, 50.0))
}

/// A progress bar; draws nothing if stderr is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    ended: Mutex<RollingStats>,
    quiet: bool,
    unicode: bool,
    _echo: Option<NoControlEcho>,
}

impl Progress {
    /// Starts the bar. `total` is the number of planned runs, if known. `quiet` suppresses notes too.
    pub fn start(total: Option<u64>, terminal: &Terminal, quiet: bool) -> Self {
        let shown = terminal.stderr_tty && !quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style(total.is_some(), terminal));
        if shown {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        let echo = shown.then(NoControlEcho::begin).flatten();
        Self { bar, ended: Mutex::default(), quiet, unicode: terminal.unicode, _echo: echo }
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

    /// Runs `write` while the bar is hidden, so that data on the same terminal stays legible.
    pub fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Removes the bar from the terminal.
    pub fn done(self) {
        self.bar.finish_and_clear();
    }
}

/// Stops the terminal from showing Ctrl-C as `^C` while a bar is drawn: the bar fills its line, so the two characters
/// would move to the next one and the bar could no longer be removed. Restores the mode when dropped.
#[derive(Debug)]
struct NoControlEcho(Termios);

impl NoControlEcho {
    fn begin() -> Option<Self> {
        let before = tcgetattr(std::io::stderr()).ok()?;
        let mut during = before.clone();
        during.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(std::io::stderr(), OptionalActions::Now, &during).ok()?;
        Some(Self(before))
    }
}

impl Drop for NoControlEcho {
    fn drop(&mut self) {
        // Restoring fails only if the terminal has gone, and then it does not matter.
        let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, &self.0);
    }
}

fn style(bounded: bool, terminal: &Terminal) -> ProgressStyle {
    let template = match (bounded, terminal.width >= BAR_WIDTH) {
        (true, true) => "[{wide_bar}] {pos}/{len}  {elapsed}, {eta} left  {msg}",
        (true, false) => "{pos}/{len} {eta} left {wide_msg}",
        (false, _) => "{pos} done  {elapsed}  {wide_msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars(if terminal.unicode { "█▌ " } else { "#> " })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureKind;
    use crate::measure::testing::{failure, run};
    use crate::output::terminal::TerminalEnv;

    #[test]
    fn the_shown_figures_are_medians_of_the_last_twenty() {
        let mut ended = RollingStats::default();
        assert_eq!(ended.message(true), "0 failed");
        for ttft in std::iter::repeat_n(9.0, 30).chain(std::iter::repeat_n(0.25, 20)) {
            ended.add(&Outcome::Success(Box::new(run("groq", "m", ttft))));
        }
        ended.add(&failure("groq", "m", FailureKind::Timeout, "late"));
        assert_eq!(ended.message(true), "1 failed, TTFT 250 ms, 51.2 tok/s");
    }

    #[test]
    fn nothing_is_drawn_where_nobody_looks() {
        let terminal = |tty| Terminal::new(TerminalEnv::default(), false, tty, None);
        for (tty, quiet) in [(false, false), (false, true), (true, true)] {
            let progress = Progress::start(Some(3), &terminal(tty), quiet);
            assert!(progress.bar.is_hidden());
            progress.finished(&failure("groq", "m", FailureKind::Auth, "no"));
            assert_eq!(progress.bar.position(), 1);
            assert_eq!(progress.aside(|| 7), 7);
            progress.done();
        }
    }
}

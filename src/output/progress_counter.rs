//! Shows the number of rows so far on stderr, only if stderr is a terminal and the work takes long.

use super::Terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Shorter work shows no counter.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct ProgressCounter {
    bar: ProgressBar,
    begun: Instant,
    may_show: bool,
}

impl ProgressCounter {
    /// Starts at 0. `what` names the counted things, in the plural.
    pub fn start(what: &'static str, terminal: &Terminal, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{human_pos} {msg}  {elapsed}  {per_sec}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(what);
        Self { bar, begun: Instant::now(), may_show: terminal.stderr_tty && !quiet }
    }

    pub fn more(&mut self, count: u64) {
        if self.may_show && self.begun.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.may_show = false;
        }
        self.bar.inc(count);
    }

    /// Removes the counter from the terminal.
    pub fn done(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::terminal::TerminalEnv;

    #[test]
    fn nothing_is_drawn_at_first_or_where_nobody_looks() {
        for (tty, quiet) in [(true, false), (true, true), (false, false)] {
            let terminal = Terminal::new(TerminalEnv::default(), false, tty, None);
            let mut counter = ProgressCounter::start("runs", &terminal, quiet);
            counter.more(7);
            assert!(counter.bar.is_hidden());
            counter.begun = Instant::now().checked_sub(PATIENCE).unwrap();
            counter.more(7);
            assert_eq!((counter.bar.position(), counter.may_show), (14, false));
            counter.done();
        }
    }
}

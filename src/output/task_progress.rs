//! Shows the progress of several tasks on stderr, one line each, and only if stderr is a terminal.

use super::{Terminal, print, text};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// One line per task that is running; nothing if stderr is no terminal.
#[derive(Debug)]
pub struct Steps {
    all: MultiProgress,
    lines: BTreeMap<String, ProgressBar>,
    width: usize,
    unicode: bool,
}

impl Steps {
    pub fn start(names: &[String], terminal: &Terminal, quiet: bool) -> Self {
        let shown = terminal.stderr_tty && !quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let all = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let style =
            style.tick_chars(if terminal.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏·" } else { "|/-\\ " });
        let widest = names.iter().map(|name| text::width(name)).max().unwrap_or(0);
        let line = |name: &String| {
            let bar = all.add(ProgressBar::new_spinner().with_style(style.clone()));
            bar.set_prefix(format!("{name:widest$}"));
            if shown {
                bar.enable_steady_tick(Duration::from_millis(100));
            }
            (name.clone(), bar)
        };
        let lines = names.iter().map(line).collect();
        Self { all, lines, width: terminal.width, unicode: terminal.unicode }
    }

    /// Updates the line of a task with its progress.
    pub fn says(&self, name: &str, how: &str) {
        if let Some(bar) = self.lines.get(name) {
            bar.set_message(text::cut(&text::one_line(how), self.width, self.unicode));
        }
    }

    pub fn note(&self, text: &str) {
        self.all.suspend(|| print::note(text));
    }

    /// Ends the line of a task with its result.
    pub fn ended(&self, name: &str, how: &str) {
        if let Some(bar) = self.lines.get(name) {
            bar.finish_with_message(text::cut(&text::one_line(how), self.width, self.unicode));
        }
    }

    /// Removes the lines from the terminal.
    pub fn done(self) {
        // A failure to draw on stderr has no consequences.
        let _ = self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::terminal::TerminalEnv;

    #[test]
    fn nothing_is_drawn_where_nobody_looks() {
        let terminal = Terminal::new(TerminalEnv::default(), false, false, None);
        let steps = Steps::start(&["groq".to_owned()], &terminal, false);
        assert!(steps.lines["groq"].is_hidden());
        steps.ended("groq", "two\nlines");
        steps.ended("nobody", "");
        assert!(steps.lines["groq"].is_finished());
        assert_eq!(steps.lines["groq"].message(), "two lines");
        steps.done();
    }
}

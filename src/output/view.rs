//! How a report is shown: the terminal, how much is said, and the zone of its times.

use super::color::Paint;
use super::{Terminal, text};
use chrono::{FixedOffset, Local, Offset};

/// The settings of a display.
#[derive(Debug, Clone, Copy)]
pub struct ReportView {
    pub terminal: Terminal,
    /// Shows phases, the provider's clock and quality too.
    pub verbose: bool,
    /// The time zone of displayed times.
    pub zone: FixedOffset,
}

impl ReportView {
    /// A view in the local time zone of now.
    pub fn new(terminal: Terminal, verbose: bool) -> Self {
        Self { terminal, verbose, zone: Local::now().offset().fix() }
    }

    pub(super) fn paint(&self) -> Paint {
        Paint { on: self.terminal.colour }
    }

    /// The maximum width of a list's line; `None` for files, or if everything is requested.
    pub(super) fn limit(&self) -> Option<usize> {
        self.terminal.text_limit().filter(|_| !self.verbose)
    }

    /// Breaks a line at the terminal's width.
    pub(super) fn wrap(&self, line: &str) -> Vec<String> {
        text::wrap(line, self.terminal.width, 0)
    }
}

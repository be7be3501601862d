//! Detects the properties of stdout and stderr once and passes them on as a value. It does not read the environment:
//! `settings` passes a lookup function.

use std::io::IsTerminal;

/// The width of reports that go into a file or a pipe: no reader has to scroll sideways.
const PIPE_WIDTH: usize = 80;

/// The variables of the environment about terminals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TerminalEnv {
    /// `COLUMNS`, if it is a number of 1 or more.
    pub columns: Option<usize>,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>), or `TERM` is `dumb`.
    pub no_colour: bool,
    /// `CLICOLOR_FORCE` is set and neither empty nor 0: color even into pipes. `NO_COLOR` wins.
    pub force_colour: bool,
    /// The locale's character set is UTF-8.
    pub unicode: bool,
}

impl TerminalEnv {
    /// Reads the names above through `look_up`, and the locale in POSIX order: `LC_ALL`, `LC_CTYPE`, `LANG`.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
        let charset = locale.to_lowercase();
        Self {
            columns: set("COLUMNS").and_then(|text| text.trim().parse().ok()).filter(|columns| *columns > 0),
            no_colour: set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb"),
            force_colour: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            unicode: charset.contains("utf-8") || charset.contains("utf8"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    pub stdout_tty: bool,
    pub stderr_tty: bool,
    /// The width of a report, in columns.
    pub width: usize,
    /// True if long lines are cut to `width`; false for files, where the rest of a message would be lost.
    pub cuts: bool,
    /// True if stdout may contain colors.
    pub colour: bool,
    /// True if characters beyond ASCII can be drawn.
    pub unicode: bool,
}

impl Terminal {
    /// Inspects the process's own stdout and stderr.
    pub fn detect(wishes: TerminalEnv) -> Self {
        let size = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self::new(wishes, std::io::stdout().is_terminal(), std::io::stderr().is_terminal(), size)
    }

    /// Applies the rules: `COLUMNS` wins over the terminal's size, which counts only if stdout is
    /// a terminal; otherwise 80.
    pub fn new(wishes: TerminalEnv, stdout_tty: bool, stderr_tty: bool, size: Option<usize>) -> Self {
        let size = size.filter(|columns| stdout_tty && *columns > 0);
        Self {
            stdout_tty,
            stderr_tty,
            width: wishes.columns.or(size).unwrap_or(PIPE_WIDTH),
            cuts: stdout_tty || wishes.columns.is_some(),
            colour: !wishes.no_colour && (stdout_tty || wishes.force_colour),
            unicode: wishes.unicode,
        }
    }

    /// The most columns of a line of free text; `None` if it is unlimited.
    pub fn text_limit(&self) -> Option<usize> {
        self.cuts.then_some(self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(pairs: &[(&str, &str)]) -> TerminalEnv {
        TerminalEnv::read(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn columns_win_over_the_terminal_and_a_pipe_has_eighty() {
        let plain = wishes(&[]);
        assert_eq!(Terminal::new(plain, true, true, Some(132)).width, 132);
        assert_eq!(Terminal::new(plain, false, true, Some(132)).width, 80);
        assert_eq!(Terminal::new(wishes(&[("COLUMNS", "40")]), true, true, Some(132)).width, 40);
        assert_eq!(Terminal::new(wishes(&[("COLUMNS", "none")]), true, true, None).width, 80);
        assert_eq!(Terminal::new(wishes(&[("COLUMNS", "0")]), true, true, Some(0)).width, 80);
    }

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        let colour = |pairs: &[(&str, &str)], tty| Terminal::new(wishes(pairs), tty, true, None).colour;
        assert!(colour(&[], true));
        assert!(colour(&[("NO_COLOR", "")], true));
        assert!(!colour(&[], false));
        assert!(!colour(&[("NO_COLOR", "1")], true));
        assert!(!colour(&[("TERM", "dumb")], true));
        assert!(colour(&[("CLICOLOR_FORCE", "1")], false));
        assert!(!colour(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true));
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert!(wishes(&[("LANG", "en_US.UTF-8")]).unicode);
        assert!(wishes(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]).unicode);
        assert!(!wishes(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]).unicode);
        assert!(!wishes(&[]).unicode);
    }

    #[test]
    fn files_keep_whole_lines() {
        assert_eq!(Terminal::new(wishes(&[]), false, true, None).text_limit(), None);
        assert_eq!(Terminal::new(wishes(&[]), true, true, Some(100)).text_limit(), Some(100));
    }
}

//! The length of a list: as requested, else a screenful at a terminal, and in a pipe or a document the most that one
//! answer of a store may hold.

use crate::output::print;
use crate::output::terminal::Terminal;
use crate::storage::history::MOST_ROWS;

/// The number of lines of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimit {
    /// Most lines that are shown.
    most: u32,
    /// True if the user set the limit; otherwise the output mentions that the list was cut.
    asked: bool,
}

impl ListLimit {
    /// From `-n`; without it, `screenful` lines at a terminal, unless a `document` is requested, and else
    /// [`MOST_ROWS`]: no list reads a store of millions of rows into memory.
    pub fn new(asked: Option<u32>, screenful: u32, document: bool, terminal: &Terminal) -> Self {
        let usual = if terminal.stdout_tty && !document { screenful } else { MOST_ROWS };
        Self { most: asked.unwrap_or(usual), asked: asked.is_some() }
    }

    /// Most lines that are shown.
    pub fn most(self) -> u32 {
        self.most
    }

    /// The number of rows to query: one more shows if the list is longer.
    pub fn wanted(self) -> u32 {
        self.most.saturating_add(1)
    }

    /// Cuts the rows to the limit, and returns true if rows may be missing that the user did not ask to leave out.
    pub fn cut<T>(self, found: &mut Vec<T>) -> bool {
        let full = found.len() > self.most as usize || found.len() >= MOST_ROWS as usize;
        found.truncate(self.most as usize);
        full && !self.asked
    }

    /// Prints a note that the list was cut, and the way to see the rest; `beyond` is for lists that exceed every limit.
    pub fn say_cut(self, beyond: &str) {
        let most = self.most;
        print::note(&if most < MOST_ROWS {
            format!(
                "the newest {most} are shown and there are more: -n {MOST_ROWS} or a pipe shows up to {MOST_ROWS}"
            )
        } else {
            format!("a list holds {most} at most and there may be more: {beyond}")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::terminal::TerminalEnv;

    #[test]
    fn only_a_terminal_gets_a_screenful() {
        let length = |asked, document, tty| {
            ListLimit::new(asked, 20, document, &Terminal::new(TerminalEnv::default(), tty, tty, None))
        };
        for (asked, document, tty, most) in [
            (None, false, true, 20),
            (None, true, true, MOST_ROWS),
            (None, false, false, MOST_ROWS),
            (Some(3), false, false, 3),
            (Some(30), true, true, 30),
        ] {
            assert_eq!(length(asked, document, tty).most(), most, "{asked:?} {document} {tty}");
        }
        let (mut few, mut many) = (vec![0; 20], vec![0; 21]);
        let screen = length(None, false, true);
        assert!(!screen.cut(&mut few) && screen.cut(&mut many));
        assert_eq!((few.len(), many.len()), (20, 20));
        assert!(!length(Some(3), false, true).cut(&mut many), "who asked for three gets three");
        assert!(length(None, false, false).cut(&mut vec![0; MOST_ROWS as usize]));
    }
}

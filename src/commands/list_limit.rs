//! How long a list is: as long as was asked for; else a screenful where somebody looks at it, and in a pipe or a document as
//! long as one answer of a store may be.

use crate::output::print;
use crate::output::terminal::Terminal;
use crate::storage::history::MOST_ROWS;

/// How many lines a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimit {
    /// At most.
    most: u32,
    /// Somebody said how many; else whoever reads the list is told where it was cut.
    asked: bool,
}

impl ListLimit {
    /// From `-n`; without it, `screenful` lines at a terminal, unless a `document` is wanted, and else [`MOST_ROWS`]: no list
    /// reads a store of millions of rows into memory.
    pub fn new(asked: Option<u32>, screenful: u32, document: bool, terminal: &Terminal) -> Self {
        let usual = if terminal.stdout_tty && !document { screenful } else { MOST_ROWS };
        Self { most: asked.unwrap_or(usual), asked: asked.is_some() }
    }

    /// At most so many lines.
    pub fn most(self) -> u32 {
        self.most
    }

    /// How many to ask for: one more tells whether there are more.
    pub fn wanted(self) -> u32 {
        self.most.saturating_add(1)
    }

    /// Cuts what came, and says whether something may be missing that nobody asked to leave out.
    pub fn cut<T>(self, found: &mut Vec<T>) -> bool {
        let full = found.len() > self.most as usize || found.len() >= MOST_ROWS as usize;
        found.truncate(self.most as usize);
        full && !self.asked
    }

    /// Says that the list was cut, and how to see the rest; `beyond` says it for what no list can hold.
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

//! Colors text where color is wanted. Color only repeats what the words say.

/// Adds colors to text, or returns it unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// True if escape sequences may be written.
    pub on: bool,
}

impl Paint {
    /// For names and headings.
    pub fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For failures and tripped gates.
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// For values that deserve a second look.
    pub fn doubtful(self, text: &str) -> String {
        self.with("33", text)
    }

    /// For gates that passed.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// For advice and explanations.
    pub fn quiet(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Indentation stays outside the color, so that only words are colored.
    fn with(self, code: &str, text: &str) -> String {
        let words = text.trim_start();
        if !self.on || words.is_empty() {
            return text.to_owned();
        }
        let indent = &text[..text.len() - words.len()];
        format!("{indent}\x1b[{code}m{words}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_means_not_one_escape() {
        let (on, off) = (Paint { on: true }, Paint { on: false });
        assert_eq!(off.bad("  x"), "  x");
        assert_eq!(on.bad("  x"), "  \x1b[31mx\x1b[0m");
        assert_eq!(on.heading("  "), "  ");
    }
}

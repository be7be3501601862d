//! Makes foreign text safe for a terminal, and cuts or wraps it. Widths are columns, not characters.

use crate::domain::name_rules::is_hidden;
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// The width of a text in columns.
pub fn width(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// True if all characters are printable ASCII, each one column wide; this covers almost every cell of a long table.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Replaces characters that could move a cursor, change a color or reverse the reading direction by their escapes
/// (`\u{1b}`). Line breaks too: a model's name must not be able to forge a row.
pub fn escape(text: &str) -> String {
    escaped(text).into_owned()
}

/// Like [`escape`], but copies only if something is escaped.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_hidden) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        if is_hidden(ch) { out.extend(ch.escape_default()) } else { out.push(ch) }
    }
    out.into()
}

/// A message as one line: white space of any kind becomes a single space, the rest as in [`escape`].
pub fn one_line(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Escapes each line and keeps line breaks.
pub fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// Cuts to at most `columns` columns, with an ellipsis where text is missing. `unicode` false writes `...`.
pub fn cut(text: &str, columns: usize, unicode: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "..." };
    let room = columns.saturating_sub(width(mark));
    let mut out = take_columns(text, room).to_owned();
    out.push_str(if columns < width(mark) { "" } else { mark });
    out
}

/// The longest start of `text` that fits into `columns`.
fn take_columns(text: &str, columns: usize) -> &str {
    let ends = text.char_indices().map(|(at, ch)| at + ch.len_utf8());
    // A combining mark can widen the character before it, so widths of characters do not add up to the width of a text.
    let fitting = ends.take_while(|end| width(&text[..*end]) <= columns);
    &text[..fitting.last().unwrap_or(0)]
}

/// Breaks text into lines of at most `columns` columns, each behind `indent` spaces. Breaks at spaces; a word longer
/// than a line is broken inside.
pub fn wrap(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let room = columns.saturating_sub(indent).max(8);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while width(&line) > room {
            let head = take_columns(&line, room).len();
            let rest = line.split_off(head);
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.push(line);
    lines.into_iter().map(|line| format!("{:indent$}{line}", "")).collect()
}

/// Wraps words and breaks words longer than a line, except text between backticks: a command is meant to be copied, so
/// it stays whole at any length.
pub fn unbroken(words: &str, columns: usize, indent: usize) -> Vec<String> {
    let parts: Vec<&str> = words.split('`').collect();
    let mut whole: Vec<String> = Vec::new();
    let mut glued = false;
    for (at, part) in parts.iter().enumerate() {
        let command = at % 2 == 1 && at + 1 < parts.len();
        let pieces: Vec<String> = if command {
            vec![format!("`{part}`")]
        } else {
            part.split_whitespace().map(str::to_owned).collect()
        };
        for (place, piece) in pieces.into_iter().enumerate() {
            match whole.last_mut() {
                Some(last) if place == 0 && glued && !part.starts_with(char::is_whitespace) => {
                    last.push_str(&piece)
                }
                _ => whole.push(piece),
            }
        }
        glued = !part.ends_with(char::is_whitespace);
    }
    let room = columns.saturating_sub(indent).max(8);
    let mut lines: Vec<String> = Vec::new();
    for word in whole.iter().flat_map(|word| pieces(word, room)) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{:indent$}{word}", "")),
        }
    }
    lines
}

/// Splits a word into pieces of at most `room` columns; a word that contains a command stays whole.
fn pieces(word: &str, room: usize) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), word);
    while width(rest) > room && !word.contains('`') {
        let (head, tail) = rest.split_at(take_columns(rest, room).len());
        found.push(head);
        rest = tail;
    }
    found.push(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mark_that_widens_its_character_is_cut_off_with_it() {
        let keycap = "*\u{fe0f} and more";
        assert_eq!((width("*\u{fe0f}"), cut(keycap, 4, false)), (2, "*...".to_owned()));
        assert!(width(&cut(keycap, 5, false)) <= 5);
    }

    #[test]
    fn nothing_that_moves_a_cursor_survives() {
        assert_eq!(escape("a\x1b[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\nd");
        assert_eq!(escape("Modell-größe 模型"), "Modell-größe 模型");
        assert_eq!(one_line("two\r\n  lines\tof\x07text"), "two lines of\\u{7}text");
        assert_eq!(escape_lines("a\x1bb\nc"), "a\\u{1b}b\nc");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("abcdef", 6, true), "abcdef");
        assert_eq!(cut("abcdef", 4, true), "abc…");
        assert_eq!(cut("abcdef", 4, false), "a...");
        assert_eq!(cut("模型模型", 5, true), "模型…");
        assert_eq!(cut("abcdef", 2, false), "");
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 9, 1), [" one two", " three"]);
        assert_eq!(wrap("abcdefghijkl", 8, 0), ["abcdefgh", "ijkl"]);
        assert_eq!(wrap("", 8, 2), ["  "]);
    }

    #[test]
    fn a_command_stays_in_one_piece() {
        let lines = unbroken("do it: `one two three`, then (`four`) or not", 20, 2);
        assert_eq!(lines, ["  do it:", "  `one two three`,", "  then (`four`) or", "  not"]);
        assert_eq!(unbroken("a `b", 20, 0), ["a b"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(text in "\\PC{0,80}", columns in 10..60_usize) {
            prop_assert!(width(&cut(&text, columns, true)) <= columns);
            for line in wrap(&escape(&text), columns, 2) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }

        #[test]
        fn what_is_plain_has_its_length_for_a_width(text in "[ -~]{0,20}[\\PC\x00-\x1f]?") {
            prop_assert_eq!(width(&text), UnicodeWidthStr::width(text.as_str()));
        }

        #[test]
        fn escaped_text_holds_no_control_character(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(char::is_control));
        }
    }
}

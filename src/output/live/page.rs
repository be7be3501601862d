//! Lines of text into the cells of a frame, from the top. Whatever is written is made safe and cut here. Colors repeat what
//! the words say.

use crate::output::terminal::Terminal;
use crate::output::text;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// The smallest terminal on which a view is drawn.
pub const LEAST_WIDTH: u16 = 60;
pub const LEAST_HEIGHT: u16 = 12;

/// How a text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    Plain,
    Heading,
    Good,
    Doubtful,
    Bad,
    Quiet,
}

impl Tint {
    fn style(self, colour: bool) -> Style {
        let plain = Style::default();
        match self {
            Tint::Plain => plain,
            Tint::Heading => plain.add_modifier(Modifier::BOLD),
            _ if !colour => plain,
            Tint::Good => plain.fg(Color::Green),
            Tint::Doubtful => plain.fg(Color::Yellow),
            Tint::Bad => plain.fg(Color::Red),
            Tint::Quiet => plain.add_modifier(Modifier::DIM),
        }
    }
}

/// A frame that is filled from the top.
pub struct Page<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    colour: bool,
    pub unicode: bool,
    /// The next line.
    next: u16,
}

impl<'a> Page<'a> {
    /// `None` on a terminal that is too small; the frame then says so.
    pub fn new(frame: &'a mut Frame<'_>, terminal: &Terminal) -> Option<Self> {
        let area = frame.area();
        let (colour, unicode) = (terminal.colour, terminal.unicode);
        let mut page = Self { buffer: frame.buffer_mut(), area, colour, unicode, next: 0 };
        if area.width >= LEAST_WIDTH && area.height >= LEAST_HEIGHT {
            return Some(page);
        }
        let said = format!(
            "The view needs {LEAST_WIDTH} columns and {LEAST_HEIGHT} lines; here are {} and {}. q quits.",
            area.width, area.height
        );
        for line in text::wrap(&said, usize::from(area.width).max(8), 0) {
            page.line(&line, Tint::Plain);
        }
        None
    }

    pub fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    pub fn height(&self) -> usize {
        usize::from(self.area.height)
    }

    /// Lines that are free.
    pub fn rest(&self) -> usize {
        usize::from(self.area.height.saturating_sub(self.next))
    }

    /// Goes to the line that has so many lines below it.
    pub fn leave_below(&mut self, lines: usize) {
        let lines = u16::try_from(lines).unwrap_or(u16::MAX);
        self.next = self.next.max(self.area.height.saturating_sub(lines));
    }

    /// Writes one line.
    pub fn line(&mut self, words: &str, tint: Tint) {
        self.parts(&[(words, tint)]);
    }

    /// Writes one line of several texts side by side.
    pub fn parts(&mut self, parts: &[(&str, Tint)]) {
        if self.rest() == 0 {
            return;
        }
        let (mut column, y) = (0, self.area.y + self.next);
        self.next += 1;
        for (words, tint) in parts {
            let room = self.width().saturating_sub(column);
            let words = text::cut(&text::escape(words), room, self.unicode);
            let x = self.area.x + u16::try_from(column).unwrap_or(u16::MAX);
            if room > 0 {
                self.buffer.set_stringn(x, y, &words, room, tint.style(self.colour));
            }
            column += text::width(&words);
        }
    }

    /// Shows the line that was written last in reverse.
    pub fn reverse(&mut self) {
        if let Some(y) = self.next.checked_sub(1) {
            let line = Rect { y: self.area.y + y, height: 1, ..self.area };
            self.buffer.set_style(line, Style::default().add_modifier(Modifier::REVERSED));
        }
    }
}

/// A text in a cell of so many columns, at its left or right end.
pub fn cell(words: &str, columns: usize, right: bool, unicode: bool) -> String {
    let words = text::cut(&text::escape(words), columns, unicode);
    let blanks = " ".repeat(columns.saturating_sub(text::width(&words)));
    if right { blanks + &words } else { words + &blanks }
}

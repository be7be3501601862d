//! A list at a terminal from which the user takes one or several entries, searched by typing. Pure: keys in, lines out;
//! `prompt` owns the terminal. dialoguer's own lists search or mark, and lists of a thousand models need both.

use super::text;
use dialoguer::console::Key;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickerItem {
    /// The name, which the search matches.
    pub name: String,
    /// A remark that helps to choose.
    pub note: String,
}

/// The result of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickerStep {
    /// The list stays open.
    On,
    /// The user has chosen; [`Picker::taken`] gives the answer.
    Taken,
    /// The user left without an answer.
    Left,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// Lines that are no entries: title, search, foot, and one for the cursor below.
const FRAME: usize = 4;

/// The most entries that are drawn at once.
const MOST_ROWS: usize = 15;

#[derive(Debug)]
pub struct Picker<'a> {
    title: String,
    choices: &'a [PickerItem],
    many: bool,
    query: String,
    /// The entries that match the query, the best first.
    found: Vec<usize>,
    /// The index into `found` that Enter and Tab act on.
    cursor: usize,
    marked: BTreeSet<usize>,
}

impl<'a> Picker<'a> {
    /// A list with nothing typed and nothing marked.
    pub fn new(title: &str, choices: &'a [PickerItem], many: bool) -> Self {
        let found = (0..choices.len()).collect();
        let (query, marked) = (String::new(), BTreeSet::new());
        Self { title: text::one_line(title), choices, many, query, found, cursor: 0, marked }
    }

    pub fn press(&mut self, key: &Key) -> PickerStep {
        match key {
            Key::CtrlC | Key::Char('\u{3}') => return PickerStep::Interrupted,
            Key::Escape | Key::Char('\u{4}') => return PickerStep::Left,
            Key::Enter if !self.taken().is_empty() => return PickerStep::Taken,
            Key::ArrowUp => self.cursor = self.cursor.saturating_sub(1),
            Key::ArrowDown => self.cursor += 1,
            Key::PageUp => self.cursor = self.cursor.saturating_sub(MOST_ROWS),
            Key::PageDown => self.cursor += MOST_ROWS,
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.found.len(),
            Key::Tab | Key::Char(' ') if self.many => self.mark(),
            Key::Char('*') if self.many => self.mark_all(),
            Key::Backspace => {
                self.query.pop();
                self.search();
            }
            Key::Char('\u{15}') => {
                self.query.clear();
                self.search();
            }
            Key::Char(ch) if !ch.is_control() => {
                self.query.push(*ch);
                self.search();
            }
            _ => {}
        }
        self.cursor = self.cursor.min(self.found.len().saturating_sub(1));
        PickerStep::On
    }

    /// The indexes of the entries that Enter takes: the marked ones, else the one at the cursor.
    pub fn taken(&self) -> Vec<usize> {
        if self.marked.is_empty() {
            return self.found.get(self.cursor).copied().into_iter().collect();
        }
        self.marked.iter().copied().collect()
    }

    /// The lines to draw on a terminal of this size; none wraps, and all of them fit.
    pub fn lines(&self, rows: usize, columns: usize) -> Vec<String> {
        let room = rows.saturating_sub(FRAME).clamp(1, MOST_ROWS);
        let first = self.cursor.saturating_sub(room - 1);
        let widest = self.found.iter().map(|place| text::width(&text::escape(&self.choices[*place].name)));
        let widest = widest.max().unwrap_or(0).min(columns.saturating_sub(8) * 2 / 3);
        let mut lines = vec![self.title.clone(), format!("search: {}", text::escape(&self.query))];
        let shown = self.found.iter().enumerate().skip(first).take(room);
        lines.extend(shown.map(|(at, place)| self.line(at, *place, widest)));
        lines.push(self.foot());
        lines.iter().map(|line| text::cut(line, columns.saturating_sub(1), false)).collect()
    }

    fn line(&self, at: usize, place: usize, widest: usize) -> String {
        let here = if at == self.cursor { ">" } else { " " };
        let mark = match (self.many, self.marked.contains(&place)) {
            (false, _) => "",
            (true, true) => " [x]",
            (true, false) => " [ ]",
        };
        let PickerItem { name, note } = &self.choices[place];
        let name = text::cut(&text::escape(name), widest, false);
        let room = " ".repeat(widest.saturating_sub(text::width(&name)));
        format!("{here}{mark} {name}{room}  {}", text::escape(note)).trim_end().to_owned()
    }

    fn foot(&self) -> String {
        let found = format!("{} of {}", self.found.len(), self.choices.len());
        if self.many {
            let marked = self.marked.len();
            format!("{found}, {marked} marked; Tab marks, * marks all found, Enter takes, Esc leaves")
        } else {
            format!("{found}; type to search, Enter takes, Esc leaves")
        }
    }

    fn mark(&mut self) {
        let Some(place) = self.found.get(self.cursor).copied() else { return };
        if !self.marked.remove(&place) {
            self.marked.insert(place);
        }
        self.cursor += 1;
    }

    /// Marks all entries that are found; unmarks them if all are marked.
    fn mark_all(&mut self) {
        if self.found.iter().all(|place| self.marked.contains(place)) {
            self.marked.retain(|place| !self.found.contains(place));
        } else {
            self.marked.extend(self.found.iter().copied());
        }
    }

    fn search(&mut self) {
        let fits = |place: usize| Some((distance(&self.query, &self.choices[place].name)?, place));
        let mut found: Vec<(usize, usize)> = (0..self.choices.len()).filter_map(fits).collect();
        found.sort_unstable();
        self.found = found.into_iter().map(|(_, place)| place).collect();
        self.cursor = 0;
    }
}

/// The distance of a name from the query: less is nearer, `None` does not match. The letters have to come in their
/// order, in any case; adjacent letters are nearest, then letters close to each other.
fn distance(query: &str, name: &str) -> Option<usize> {
    const SCATTERED: usize = 1000;
    let (query, name) = (query.to_lowercase(), name.to_lowercase());
    if let Some(at) = name.find(&query) {
        return Some(at);
    }
    let (mut wanted, mut from, mut first) = (query.chars().peekable(), 0, None);
    for (at, ch) in name.char_indices() {
        if wanted.next_if_eq(&ch).is_some() {
            first.get_or_insert(at);
            from = at;
        }
    }
    wanted.peek().is_none().then(|| SCATTERED + from - first.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn choices() -> Vec<PickerItem> {
        ["llama-3.3-70b", "llama-4-scout", "whisper", "evil\u{1b}[2J\nname"]
            .map(|name| PickerItem { name: name.to_owned(), note: "context 8,192".to_owned() })
            .to_vec()
    }

    fn pressed(many: bool, keys: &[Key]) -> (PickerStep, Vec<usize>, Vec<String>) {
        let choices = choices();
        let mut picker = Picker::new("Which?", &choices, many);
        let mut step = PickerStep::On;
        for key in keys {
            step = picker.press(key);
        }
        (step, picker.taken(), picker.lines(24, 60))
    }

    fn typed(text: &str) -> Vec<Key> {
        text.chars().map(Key::Char).collect()
    }

    #[test]
    fn typing_finds_and_enter_takes() {
        let keys = [typed("l4s"), vec![Key::Enter]].concat();
        let (step, taken, lines) = pressed(false, &keys);
        assert_eq!((step, taken), (PickerStep::Taken, vec![1]));
        assert_eq!(
            lines[1..],
            [
                "search: l4s",
                "> llama-4-scout  context 8,192",
                "1 of 4; type to search, Enter takes, Esc leaves"
            ]
        );
        let (step, taken, _) = pressed(false, &[typed("zzz"), vec![Key::Enter]].concat());
        assert_eq!((step, taken), (PickerStep::On, vec![]));
        assert_eq!(pressed(false, &[Key::ArrowDown, Key::ArrowDown, Key::Enter]).1, [2]);
        assert_eq!(pressed(false, &[Key::End, Key::PageDown, Key::ArrowUp, Key::Enter]).1, [2]);
    }

    #[test]
    fn marks_survive_a_search_and_all_found_are_marked_at_once() {
        let keys =
            [vec![Key::ArrowDown, Key::ArrowDown, Key::Tab], typed("llama*"), vec![Key::Enter]].concat();
        assert_eq!(pressed(true, &keys).1, [0, 1, 2]);
        let keys =
            [typed("llama**"), vec![Key::Char('\u{15}'), Key::Tab, Key::Tab, Key::ArrowUp, Key::Char(' ')]]
                .concat();
        assert_eq!(pressed(true, &keys).1, [0]);
        // In a list of which one entry is taken, these are letters.
        assert!(pressed(false, &typed("llama 4")).1.is_empty());
    }

    #[test]
    fn ways_out() {
        assert_eq!(pressed(true, &[Key::Tab, Key::Escape]).0, PickerStep::Left);
        assert_eq!(pressed(true, &[Key::CtrlC]).0, PickerStep::Interrupted);
        assert_eq!(pressed(true, &[Key::UnknownEscSeq(vec!['x']), Key::Del]).0, PickerStep::On);
    }

    proptest! {
        #[test]
        fn every_line_fits_and_none_moves_the_cursor(
            names in prop::collection::vec(any::<String>(), 0..40), query in "[a-z]{0,3}", rows in 1..50_usize, columns in 1..90_usize,
        ) {
            let choices: Vec<PickerItem> =
                names.iter().map(|name| PickerItem { name: name.clone(), note: name.clone() }).collect();
            let mut picker = Picker::new("Which?", &choices, true);
            for key in typed(&query) {
                picker.press(&key);
            }
            let lines = picker.lines(rows, columns);
            prop_assert!(lines.len() < rows.max(FRAME + 1));
            for line in lines {
                prop_assert!(text::width(&line) < columns.max(2) && !line.contains(char::is_control), "{line:?}");
            }
        }

        #[test]
        fn what_is_contained_is_found(name in "[a-zA-Z0-9.-]{1,30}", skip in 0..30_usize) {
            prop_assert!(distance(&name[skip.min(name.len())..], &name).is_some());
        }
    }
}

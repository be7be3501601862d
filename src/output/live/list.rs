//! The list of providers and models that both views have: order, filter, selection, and the part of it that is drawn. Pure.

use super::keys::LiveKey;
use crate::domain::ModelRef;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The figures of a model by which lists are sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRow {
    pub model: ModelRef,
    /// Seconds.
    pub ttft: Option<f64>,
    /// Tokens per second.
    pub rate: Option<f64>,
    /// Successes and failures.
    pub ended: u64,
    pub failed: u64,
    /// The newest success, in milliseconds.
    pub newest: Option<i64>,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListLine {
    Provider(String),
    Model(ModelRef),
}

/// The order of the models of a provider, and of the providers by their first model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LiveSort {
    #[default]
    Name,
    /// The slowest first.
    Ttft,
    /// The slowest first.
    Rate,
    /// The greatest share of failures first.
    Failures,
    Newest,
}

impl LiveSort {
    pub fn next(self) -> Self {
        match self {
            Self::Name => Self::Ttft,
            Self::Ttft => Self::Rate,
            Self::Rate => Self::Failures,
            Self::Failures => Self::Newest,
            Self::Newest => Self::Name,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Ttft => "TTFT, slowest first",
            Self::Rate => "tokens/s, slowest first",
            Self::Failures => "failures",
            Self::Newest => "newest",
        }
    }

    /// What has no figure comes last; equal ones are sorted by name.
    fn compare(self, one: &LiveRow, other: &LiveRow) -> Ordering {
        let by = match self {
            Self::Name => Ordering::Equal,
            Self::Ttft => least(one.ttft.map(|value| -value), other.ttft.map(|value| -value)),
            Self::Rate => least(one.rate, other.rate),
            Self::Failures => least(failures(one), failures(other)),
            Self::Newest => {
                let age = |row: &LiveRow| row.newest.map(|at| -(at as f64));
                least(age(one), age(other))
            }
        };
        by.then_with(|| one.model.cmp(&other.model))
    }
}

fn failures(row: &LiveRow) -> Option<f64> {
    (row.failed > 0).then(|| -(row.failed as f64) / row.ended.max(1) as f64)
}

fn least(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// The effect of a key on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListStep {
    /// The list took the key.
    Taken,
    /// Enter on a model.
    Open(ModelRef),
    /// The key means nothing here.
    Unused,
}

/// Order, filter and selection. The selection is a model and not a place, so that it stays where rows move.
#[derive(Debug, Clone, Default)]
pub struct LiveList {
    pub sort: LiveSort,
    pub filter: String,
    /// True while the filter is being typed.
    pub typing: bool,
    selected: Option<ListLine>,
    /// The place of the selection when it was last there.
    place: usize,
    /// The first line that is drawn.
    top: usize,
}

impl LiveList {
    /// The lines in their order: each provider with its models. `providers` may have no models.
    pub fn arrange(&self, rows: &[LiveRow], providers: &BTreeSet<String>) -> Vec<ListLine> {
        let wanted = self.filter.to_lowercase();
        let fits = |name: &str| name.to_lowercase().contains(&wanted);
        let mut groups: BTreeMap<&str, Vec<&LiveRow>> =
            providers.iter().filter(|name| fits(name)).map(|name| (name.as_str(), Vec::new())).collect();
        for row in rows.iter().filter(|row| fits(&row.model.to_string())) {
            groups.entry(&row.model.provider).or_default().push(row);
        }
        let mut groups: Vec<(&str, Vec<&LiveRow>)> = groups.into_iter().collect();
        for (_, models) in &mut groups {
            models.sort_by(|one, other| self.sort.compare(one, other));
        }
        if self.sort != LiveSort::Name {
            groups.sort_by(|(_, one), (_, other)| match (one.first(), other.first()) {
                (Some(one), Some(other)) => self.sort.compare(one, other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            });
        }
        let lines = |(name, models): (&str, Vec<&LiveRow>)| {
            let models = models.into_iter().map(|row| ListLine::Model(row.model.clone()));
            std::iter::once(ListLine::Provider(name.to_owned())).chain(models).collect::<Vec<_>>()
        };
        groups.into_iter().flat_map(lines).collect()
    }

    /// The place of the selection among these lines: of the same model, else near where it was.
    pub fn position(&self, lines: &[ListLine]) -> usize {
        let last = lines.len().saturating_sub(1);
        match &self.selected {
            Some(key) => lines.iter().position(|line| line == key).unwrap_or(self.place.min(last)),
            None => lines.iter().position(|line| matches!(line, ListLine::Model(_))).unwrap_or(0),
        }
    }

    /// The lines that are drawn in so much room; the selection is among them.
    pub fn window(&mut self, lines: &[ListLine], height: usize) -> Range<usize> {
        let position = self.position(lines);
        self.place = position;
        let most = lines.len().saturating_sub(height);
        // The name of the first provider stays in sight above its first model.
        let first = if position <= 1 { 0 } else { position };
        self.top = self.top.min(first).max((position + 1).saturating_sub(height)).min(most);
        self.top..(self.top + height).min(lines.len())
    }

    /// Takes a key; `page` is the height of the list.
    pub fn press(&mut self, key: LiveKey, lines: &[ListLine], page: usize) -> ListStep {
        if self.typing {
            self.type_filter(key);
            return ListStep::Taken;
        }
        let here = self.position(lines);
        match key {
            LiveKey::Up | LiveKey::Char('k') => self.select(lines, here.saturating_sub(1)),
            LiveKey::Down | LiveKey::Char('j') => self.select(lines, here + 1),
            LiveKey::PageUp => self.select(lines, here.saturating_sub(page.max(1))),
            LiveKey::PageDown | LiveKey::Char(' ') => self.select(lines, here + page.max(1)),
            LiveKey::Home | LiveKey::Char('g') => self.select(lines, 0),
            LiveKey::End | LiveKey::Char('G') => self.select(lines, usize::MAX),
            LiveKey::Char('s') => {
                // The selection is kept by its name from now on, even if nobody has moved it.
                self.select(lines, here);
                self.sort = self.sort.next();
            }
            LiveKey::Char('/') => self.typing = true,
            LiveKey::Escape if !self.filter.is_empty() => self.filter.clear(),
            LiveKey::Enter => {
                if let Some(ListLine::Model(model)) = lines.get(here) {
                    self.select(lines, here);
                    return ListStep::Open(model.clone());
                }
            }
            _ => return ListStep::Unused,
        }
        ListStep::Taken
    }

    fn select(&mut self, lines: &[ListLine], place: usize) {
        self.place = place.min(lines.len().saturating_sub(1));
        if let Some(line) = lines.get(self.place) {
            self.selected = Some(line.clone());
        }
    }

    fn type_filter(&mut self, key: LiveKey) {
        match key {
            LiveKey::Char(ch) if !ch.is_control() && self.filter.chars().count() < 80 => self.filter.push(ch),
            LiveKey::Backspace => drop(self.filter.pop()),
            LiveKey::Enter => self.typing = false,
            LiveKey::Escape => {
                self.filter.clear();
                self.typing = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(model: &str, ttft: Option<f64>, failed: u64) -> LiveRow {
        let model = model.parse().unwrap();
        LiveRow { model, ttft, rate: ttft.map(|ttft| 1.0 / ttft), ended: 10, failed, newest: None }
    }

    fn rows() -> Vec<LiveRow> {
        vec![
            row("groq:b", Some(0.2), 0),
            row("groq:a", Some(0.1), 9),
            row("openai:x", None, 1),
            row("openai:y", Some(0.9), 0),
        ]
    }

    fn shown(list: &LiveList, rows: &[LiveRow]) -> Vec<String> {
        let name = |key: ListLine| match key {
            ListLine::Provider(name) => name,
            ListLine::Model(model) => model.to_string(),
        };
        list.arrange(rows, &BTreeSet::from(["azure".to_owned()])).into_iter().map(name).collect()
    }

    #[test]
    fn providers_follow_their_first_model() {
        let mut list = LiveList::default();
        let by_name = ["azure", "groq", "groq:a", "groq:b", "openai", "openai:x", "openai:y"];
        assert_eq!(shown(&list, &rows()), by_name);
        list.sort = LiveSort::Ttft;
        let by_ttft = ["openai", "openai:y", "openai:x", "groq", "groq:b", "groq:a", "azure"];
        assert_eq!(shown(&list, &rows()), by_ttft);
        list.sort = LiveSort::Failures;
        assert_eq!(shown(&list, &rows())[..2], ["groq", "groq:a"]);
        list.filter = "OPENAI:Y".to_owned();
        assert_eq!(shown(&list, &rows()), ["openai", "openai:y"]);
    }

    #[test]
    fn the_selection_is_a_model_and_not_a_place() {
        let (mut list, none) = (LiveList::default(), BTreeSet::new());
        let lines = list.arrange(&rows(), &none);
        list.press(LiveKey::Down, &lines, 5);
        let selected = lines[list.position(&lines)].clone();
        assert_eq!(selected, ListLine::Model(ModelRef::new("groq", "b")));
        for _ in 0..5 {
            let lines = list.arrange(&rows(), &none);
            list.press(LiveKey::Char('s'), &lines, 5);
            let lines = list.arrange(&rows(), &none);
            assert_eq!(lines[list.position(&lines)], selected, "{:?}", list.sort);
        }
        let step = list.press(LiveKey::Enter, &list.arrange(&rows(), &none), 5);
        assert_eq!(step, ListStep::Open(ModelRef::new("groq", "b")));
    }

    #[test]
    fn letters_of_a_filter_are_no_commands() {
        let mut list = LiveList::default();
        for key in "/sjk".chars().map(LiveKey::Char) {
            list.press(key, &[], 5);
        }
        assert_eq!((list.filter.as_str(), list.typing, list.sort), ("sjk", true, LiveSort::Name));
        list.press(LiveKey::Enter, &[], 5);
        assert_eq!((list.typing, list.press(LiveKey::Escape, &[], 5)), (false, ListStep::Taken));
        assert!(list.filter.is_empty());
        assert_eq!(list.press(LiveKey::Escape, &[], 5), ListStep::Unused);
    }

    proptest! {
        #[test]
        fn the_selection_is_always_among_the_drawn(keys in prop::collection::vec(0..8_u8, 0..60), height in 0..9_usize, models in 0..30_usize) {
            let rows: Vec<LiveRow> = (0..models)
                .map(|place| row(&format!("p{}:m{place}", place % 3), (place % 4 > 0).then_some(place as f64), 0))
                .collect();
            let mut list = LiveList::default();
            for key in keys {
                let key = [LiveKey::Up, LiveKey::Down, LiveKey::PageDown, LiveKey::Home, LiveKey::End,
                    LiveKey::Char('s'), LiveKey::PageUp, LiveKey::Char('G')][usize::from(key)];
                let lines = list.arrange(&rows, &BTreeSet::new());
                let before = lines.get(list.position(&lines)).cloned();
                list.press(key, &lines, height);
                let lines = list.arrange(&rows, &BTreeSet::new());
                if key == LiveKey::Char('s') {
                    prop_assert_eq!(lines.get(list.position(&lines)).cloned(), before);
                }
                let window = list.window(&lines, height);
                prop_assert!(window.len() <= height && window.end <= lines.len());
                prop_assert!(height == 0 || lines.is_empty() || window.contains(&list.position(&lines)));
            }
        }
    }
}

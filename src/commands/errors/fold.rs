//! From the store's cells to the groups that people asked for. Pure.

use crate::output::advice;
use crate::output::errors::{Advised, By, Group, Limit, error_rate};
use crate::storage::history::{Cell, Successes};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A provider, or a provider's model.
type Place = (Option<String>, Option<String>);

/// Attempts by where they went: successes, errors.
pub struct Attempts(HashMap<Place, (u64, u64)>);

impl Attempts {
    /// Counted from what the store answered.
    pub fn count(cells: &[Cell], successes: &[Successes]) -> Self {
        let mut attempts: HashMap<Place, (u64, u64)> = HashMap::new();
        for one in successes {
            attempts.entry((one.provider.clone(), one.model.clone())).or_default().0 += one.count;
        }
        for cell in cells {
            attempts.entry(place(cell)).or_default().1 += cell.count;
        }
        Self(attempts)
    }

    fn at(&self, place: &Place) -> (u64, u64) {
        self.0.get(place).copied().unwrap_or_default()
    }

    /// Whether nothing succeeded where this cell's errors were.
    pub fn only_failing(&self, cell: &Cell) -> bool {
        self.at(&place(cell)).0 == 0
    }

    /// Errors and successes of everything.
    pub fn total(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |sum, (well, ill)| (sum.0 + ill, sum.1 + well))
    }
}

fn place(cell: &Cell) -> Place {
    (cell.provider.clone(), cell.model.clone())
}

/// Cells in an order of their own, so that every store's answer is told in the same words.
pub fn in_order(mut cells: Vec<Cell>) -> Vec<Cell> {
    let key = |cell: &Cell| {
        let Cell { provider, model, kind, cause, stage, fingerprint, .. } = cell.clone();
        [provider, model, kind, cause, stage, fingerprint]
    };
    cells.sort_by_cached_key(key);
    cells
}

/// The groups, the largest first.
pub fn groups(cells: &[Cell], attempts: &Attempts, by: By) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<Option<String>>, (Group, BTreeSet<Place>)> = BTreeMap::new();
    for cell in cells {
        let empty = || (bare(cell, by), BTreeSet::new());
        let (group, places) = groups.entry(key(cell, by)).or_insert_with(empty);
        group.count += cell.count;
        group.first = [group.first, cell.first].into_iter().flatten().min();
        if cell.last >= group.last {
            (group.last, group.message) = (cell.last, cell.message.clone());
        }
        places.insert(place(cell));
    }
    let finished = |(mut group, places): (Group, BTreeSet<Place>)| {
        for place in places {
            let (successes, errors) = attempts.at(&place);
            (group.successes_there, group.errors_there) =
                (group.successes_there + successes, group.errors_there + errors);
        }
        group
    };
    let mut groups: Vec<Group> = groups.into_values().map(finished).collect();
    groups.sort_by(|one, other| other.count.cmp(&one.count).then(other.last.cmp(&one.last)));
    groups
}

fn key(cell: &Cell, by: By) -> Vec<Option<String>> {
    let model = [cell.provider.clone(), cell.model.clone()];
    match by {
        By::Provider => vec![cell.provider.clone()],
        By::Model => model.to_vec(),
        By::Kind => vec![cell.kind.clone()],
        By::Cause => vec![cell.cause.clone()],
        By::Stage => vec![cell.stage.clone()],
        By::Fingerprint => {
            let rest = [cell.kind.clone(), cell.stage.clone(), cell.fingerprint.clone()];
            model.into_iter().chain(rest).collect()
        }
    }
}

/// A group of no errors, with what it is grouped by.
fn bare(cell: &Cell, by: By) -> Group {
    let keep = |wanted: &[By], value: &Option<String>| value.clone().filter(|_| wanted.contains(&by));
    Group {
        provider: keep(&[By::Provider, By::Model, By::Fingerprint], &cell.provider),
        model: keep(&[By::Model, By::Fingerprint], &cell.model),
        kind: keep(&[By::Kind, By::Fingerprint], &cell.kind),
        cause: keep(&[By::Cause], &cell.cause),
        stage: keep(&[By::Stage, By::Fingerprint], &cell.stage),
        fingerprint: keep(&[By::Fingerprint], &cell.fingerprint),
        ..Group::default()
    }
}

/// The known kinds, the most frequent first, each with the model that it struck most.
pub fn advised(cells: &[Cell]) -> Vec<Advised> {
    let mut kinds: BTreeMap<_, (u64, &Cell)> = BTreeMap::new();
    for cell in cells {
        let Some(kind) = cell.kind.as_deref().and_then(advice::kind) else { continue };
        let (count, worst) = kinds.entry(kind).or_insert((0, cell));
        *count += cell.count;
        if cell.count > worst.count {
            *worst = cell;
        }
    }
    let advised = |(kind, (count, cell)): (_, (u64, &Cell))| {
        let model = cell.model.as_ref().or(cell.newest_model.as_ref());
        Some(Advised { kind, count, provider: cell.provider.clone()?, model: model?.clone() })
    };
    let mut all: Vec<Advised> = kinds.into_iter().filter_map(advised).collect();
    all.sort_by_key(|advised| std::cmp::Reverse(advised.count));
    all
}

/// What is above the limit: each line of providers or models, else everything together. Nothing to judge by is above it.
pub fn limit(share: f64, groups: &[Group], by: By, attempts: &Attempts) -> Limit {
    let (errors, successes) = attempts.total();
    let whole = error_rate(errors, successes);
    let mut over: Vec<(String, Option<f64>)> = match by {
        By::Provider | By::Model => groups
            .iter()
            .map(|group| (group.subject(by), error_rate(group.errors_there, group.successes_there)))
            .filter(|(_, rate)| rate.is_some_and(|rate| rate > share))
            .collect(),
        _ => whole
            .filter(|rate| *rate > share)
            .map(|rate| ("everything".to_owned(), Some(rate)))
            .into_iter()
            .collect(),
    };
    if whole.is_none() {
        over.push(("everything".to_owned(), None));
    }
    Limit { share, over }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn cell(provider: &str, model: &str, kind: &str, count: u64, last: i64) -> Cell {
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Cell {
            provider: word(provider),
            model: word(model),
            kind: word(kind),
            count,
            first: DateTime::from_timestamp(last - 10, 0),
            last: DateTime::from_timestamp(last, 0),
            message: Some(format!("{kind} at {last}")),
            ..Cell::default()
        }
    }

    fn success(provider: &str, model: &str, count: u64) -> Successes {
        Successes { provider: Some(provider.to_owned()), model: Some(model.to_owned()), count, newest: None }
    }

    fn cells() -> Vec<Cell> {
        vec![
            cell("groq", "a", "rate_limit", 3, 100),
            cell("groq", "b", "rate_limit", 1, 200),
            cell("groq", "b", "hard_model", 5, 50),
            cell("", "", "quota", 1, 10),
        ]
    }

    #[test]
    fn a_group_knows_what_it_struck() {
        let successes = [success("groq", "a", 27), success("openai", "x", 100)];
        let attempts = Attempts::count(&cells(), &successes);
        assert_eq!(attempts.total(), (10, 127));
        let kinds = groups(&cells(), &attempts, By::Kind);
        let shown: Vec<_> = kinds
            .iter()
            .map(|group| {
                (group.kind.as_deref().unwrap(), group.count, group.successes_there, group.errors_there)
            })
            .collect();
        assert_eq!(shown, [("hard_model", 5, 0, 6), ("rate_limit", 4, 27, 9), ("quota", 1, 0, 1)]);
        assert_eq!(kinds[1].message.as_deref(), Some("rate_limit at 200"));
        assert_eq!(kinds[1].first, DateTime::from_timestamp(90, 0));
        assert_eq!(kinds[1].provider, None);
        let failing: Vec<_> = cells().into_iter().filter(|cell| attempts.only_failing(cell)).collect();
        assert!(failing.iter().all(|cell| cell.model.as_deref() != Some("a")) && failing.len() == 3);
    }

    #[test]
    fn advice_is_for_known_kinds_and_names_the_worst_model() {
        let advised = advised(&cells());
        let shown: Vec<_> =
            advised.iter().map(|one| (one.kind.as_str(), one.count, one.model.as_str())).collect();
        assert_eq!(shown, [("hard_model", 5, "b"), ("rate_limit", 4, "a")]);
    }

    #[test]
    fn a_limit_is_for_each_line_or_for_all() {
        let attempts = Attempts::count(&cells(), &[success("groq", "a", 27), success("groq", "b", 994)]);
        let over = |share, by| {
            let limit = limit(share, &groups(&cells(), &attempts, by), by, &attempts);
            limit.over.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(over(0.05, By::Model), ["groq:a", "-:-"]);
        assert_eq!(over(0.0, By::Kind), ["everything"]);
        assert!(over(0.5, By::Kind).is_empty());
        let nothing = Attempts::count(&[], &[]);
        assert_eq!(limit(0.5, &[], By::Provider, &nothing).over, [("everything".to_owned(), None)]);
    }

    proptest! {
        #[test]
        fn no_error_is_lost_or_counted_twice(
            parts in prop::collection::vec(("[ab]?", "[xy]?", "[km]?", 1..9_u64, 0..99_i64), 0..20),
        ) {
            let cells: Vec<Cell> =
                parts.iter().map(|(p, m, k, count, last)| cell(p, m, k, *count, *last)).collect();
            let attempts = Attempts::count(&cells, &[success("a", "x", 5)]);
            for by in [By::Provider, By::Model, By::Kind, By::Stage, By::Fingerprint] {
                let groups = groups(&cells, &attempts, by);
                let sum: u64 = groups.iter().map(|group| group.count).sum();
                prop_assert_eq!(sum, attempts.total().0);
                prop_assert!(groups.iter().all(|group| group.count <= group.errors_there));
            }
        }
    }
}

//! Folds the store's fine groups into the requested ones. Pure.

use crate::domain::ErrorGroup;
use crate::output::advice::{self, CatalogPresence};
use crate::output::errors::{ErrorGroupRow, ErrorGrouping, ErrorShareLimit, FailureAdvice, error_rate};
use crate::storage::history::Successes;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A provider, or a provider's model.
type ProviderAndModel = (Option<String>, Option<String>);

/// Successes and errors by provider and model.
pub struct AttemptCounts(HashMap<ProviderAndModel, (u64, u64)>);

impl AttemptCounts {
    /// Counts the rows that the store returned.
    pub fn count(fine: &[ErrorGroup], successes: &[Successes]) -> Self {
        let mut attempts: HashMap<ProviderAndModel, (u64, u64)> = HashMap::new();
        for one in successes {
            attempts.entry((one.provider.clone(), one.model.clone())).or_default().0 += one.count;
        }
        for part in fine {
            attempts.entry(place(part)).or_default().1 += part.count;
        }
        Self(attempts)
    }

    fn at(&self, place: &ProviderAndModel) -> (u64, u64) {
        self.0.get(place).copied().unwrap_or_default()
    }

    /// True if nothing succeeded for the provider or model of this part.
    pub fn only_failing(&self, part: &ErrorGroup) -> bool {
        self.at(&place(part)).0 == 0
    }

    /// Errors and successes of everything.
    pub fn total(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |sum, (well, ill)| (sum.0 + ill, sum.1 + well))
    }
}

fn place(part: &ErrorGroup) -> ProviderAndModel {
    (part.provider.clone(), part.model.clone())
}

/// Sorts groups in a fixed order, so that the output is the same for every store.
pub fn in_order(mut fine: Vec<ErrorGroup>) -> Vec<ErrorGroup> {
    let key = |part: &ErrorGroup| {
        let ErrorGroup { provider, model, kind, cause, stage, fingerprint, .. } = part.clone();
        [provider, model, kind, cause, stage, fingerprint]
    };
    fine.sort_by_cached_key(key);
    fine
}

/// The groups, the largest first.
pub fn groups(fine: &[ErrorGroup], attempts: &AttemptCounts, by: ErrorGrouping) -> Vec<ErrorGroupRow> {
    let mut groups: BTreeMap<Vec<Option<String>>, (ErrorGroupRow, BTreeSet<ProviderAndModel>)> =
        BTreeMap::new();
    for part in fine {
        let empty = || (bare(part, by), BTreeSet::new());
        let (group, places) = groups.entry(key(part, by)).or_insert_with(empty);
        group.errors.count += part.count;
        group.errors.first = [group.errors.first, part.first].into_iter().flatten().min();
        if part.last >= group.errors.last {
            (group.errors.last, group.errors.message) = (part.last, part.message.clone());
        }
        places.insert(place(part));
    }
    let finished = |(mut group, places): (ErrorGroupRow, BTreeSet<ProviderAndModel>)| {
        for place in places {
            let (successes, errors) = attempts.at(&place);
            (group.successes_there, group.errors_there) =
                (group.successes_there + successes, group.errors_there + errors);
        }
        group
    };
    let mut groups: Vec<ErrorGroupRow> = groups.into_values().map(finished).collect();
    groups.sort_by(|one, other| {
        other.errors.count.cmp(&one.errors.count).then(other.errors.last.cmp(&one.errors.last))
    });
    groups
}

fn key(part: &ErrorGroup, by: ErrorGrouping) -> Vec<Option<String>> {
    let model = [part.provider.clone(), part.model.clone()];
    match by {
        ErrorGrouping::Provider => vec![part.provider.clone()],
        ErrorGrouping::Model => model.to_vec(),
        ErrorGrouping::Kind => vec![part.kind.clone()],
        ErrorGrouping::Cause => vec![part.cause.clone()],
        ErrorGrouping::Stage => vec![part.stage.clone()],
        ErrorGrouping::Fingerprint => {
            let rest = [part.kind.clone(), part.stage.clone(), part.fingerprint.clone()];
            model.into_iter().chain(rest).collect()
        }
    }
}

/// A group of no errors, with its grouping fields.
fn bare(part: &ErrorGroup, by: ErrorGrouping) -> ErrorGroupRow {
    let keep =
        |wanted: &[ErrorGrouping], value: &Option<String>| value.clone().filter(|_| wanted.contains(&by));
    let errors = ErrorGroup {
        provider: keep(
            &[ErrorGrouping::Provider, ErrorGrouping::Model, ErrorGrouping::Fingerprint],
            &part.provider,
        ),
        model: keep(&[ErrorGrouping::Model, ErrorGrouping::Fingerprint], &part.model),
        kind: keep(&[ErrorGrouping::Kind, ErrorGrouping::Fingerprint], &part.kind),
        cause: keep(&[ErrorGrouping::Cause], &part.cause),
        stage: keep(&[ErrorGrouping::Stage, ErrorGrouping::Fingerprint], &part.stage),
        fingerprint: keep(&[ErrorGrouping::Fingerprint], &part.fingerprint),
        ..ErrorGroup::default()
    };
    ErrorGroupRow { errors, ..ErrorGroupRow::default() }
}

/// The known kinds, the most frequent first, each with its most affected model. Their presence in the catalog is still
/// to be queried ([`super::catalog_presence`]).
pub fn advised(fine: &[ErrorGroup]) -> Vec<FailureAdvice> {
    let mut kinds: BTreeMap<_, (u64, &ErrorGroup)> = BTreeMap::new();
    for part in fine {
        let Some(kind) = part.kind.as_deref().and_then(advice::kind) else { continue };
        let (count, worst) = kinds.entry(kind).or_insert((0, part));
        *count += part.count;
        if part.count > worst.count {
            *worst = part;
        }
    }
    let advised = |(kind, (count, part)): (_, (u64, &ErrorGroup))| {
        let model = part.model.as_ref().or(part.newest_model.as_ref());
        let (provider, model) = (part.provider.clone()?, model?.clone());
        Some(FailureAdvice { kind, count, provider, model, presence: CatalogPresence::Missing })
    };
    let mut all: Vec<FailureAdvice> = kinds.into_iter().filter_map(advised).collect();
    all.sort_by_key(|advised| std::cmp::Reverse(advised.count));
    all
}

/// The groups above the limit: each line of providers or models, else everything together. Without attempts it counts
/// as above the limit.
pub fn limit(
    share: f64,
    groups: &[ErrorGroupRow],
    by: ErrorGrouping,
    attempts: &AttemptCounts,
) -> ErrorShareLimit {
    let (errors, successes) = attempts.total();
    let whole = error_rate(errors, successes);
    let mut over: Vec<(String, Option<f64>)> = match by {
        ErrorGrouping::Provider | ErrorGrouping::Model => groups
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
    ErrorShareLimit { share, over }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn part(provider: &str, model: &str, kind: &str, count: u64, last: i64) -> ErrorGroup {
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ErrorGroup {
            provider: word(provider),
            model: word(model),
            kind: word(kind),
            count,
            first: DateTime::from_timestamp(last - 10, 0),
            last: DateTime::from_timestamp(last, 0),
            message: Some(format!("{kind} at {last}")),
            ..ErrorGroup::default()
        }
    }

    fn success(provider: &str, model: &str, count: u64) -> Successes {
        Successes { provider: Some(provider.to_owned()), model: Some(model.to_owned()), count, newest: None }
    }

    fn fine() -> Vec<ErrorGroup> {
        vec![
            part("groq", "a", "rate_limit", 3, 100),
            part("groq", "b", "rate_limit", 1, 200),
            part("groq", "b", "hard_model", 5, 50),
            part("", "", "quota", 1, 10),
        ]
    }

    #[test]
    fn a_group_knows_what_it_struck() {
        let successes = [success("groq", "a", 27), success("openai", "x", 100)];
        let attempts = AttemptCounts::count(&fine(), &successes);
        assert_eq!(attempts.total(), (10, 127));
        let kinds = groups(&fine(), &attempts, ErrorGrouping::Kind);
        let shown: Vec<_> = kinds
            .iter()
            .map(|group| {
                (
                    group.errors.kind.as_deref().unwrap(),
                    group.errors.count,
                    group.successes_there,
                    group.errors_there,
                )
            })
            .collect();
        assert_eq!(shown, [("hard_model", 5, 0, 6), ("rate_limit", 4, 27, 9), ("quota", 1, 0, 1)]);
        assert_eq!(kinds[1].errors.message.as_deref(), Some("rate_limit at 200"));
        assert_eq!(kinds[1].errors.first, DateTime::from_timestamp(90, 0));
        assert_eq!(kinds[1].errors.provider, None);
        let failing: Vec<_> = fine().into_iter().filter(|part| attempts.only_failing(part)).collect();
        assert!(failing.iter().all(|part| part.model.as_deref() != Some("a")) && failing.len() == 3);
    }

    #[test]
    fn advice_is_for_known_kinds_and_names_the_worst_model() {
        let advised = advised(&fine());
        let shown: Vec<_> =
            advised.iter().map(|one| (one.kind.as_str(), one.count, one.model.as_str())).collect();
        assert_eq!(shown, [("hard_model", 5, "b"), ("rate_limit", 4, "a")]);
    }

    #[test]
    fn a_limit_is_for_each_line_or_for_all() {
        let attempts = AttemptCounts::count(&fine(), &[success("groq", "a", 27), success("groq", "b", 994)]);
        let over = |share, by| {
            let limit = limit(share, &groups(&fine(), &attempts, by), by, &attempts);
            limit.over.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(over(0.05, ErrorGrouping::Model), ["groq:a", "-:-"]);
        assert_eq!(over(0.0, ErrorGrouping::Kind), ["everything"]);
        assert!(over(0.5, ErrorGrouping::Kind).is_empty());
        let nothing = AttemptCounts::count(&[], &[]);
        assert_eq!(
            limit(0.5, &[], ErrorGrouping::Provider, &nothing).over,
            [("everything".to_owned(), None)]
        );
    }

    proptest! {
        #[test]
        fn no_error_is_lost_or_counted_twice(
            parts in prop::collection::vec(("[ab]?", "[xy]?", "[km]?", 1..9_u64, 0..99_i64), 0..20),
        ) {
            let fine: Vec<ErrorGroup> =
                parts.iter().map(|(p, m, k, count, last)| part(p, m, k, *count, *last)).collect();
            let attempts = AttemptCounts::count(&fine, &[success("a", "x", 5)]);
            for by in [ErrorGrouping::Provider, ErrorGrouping::Model, ErrorGrouping::Kind, ErrorGrouping::Stage, ErrorGrouping::Fingerprint] {
                let groups = groups(&fine, &attempts, by);
                let sum: u64 = groups.iter().map(|group| group.errors.count).sum();
                prop_assert_eq!(sum, attempts.total().0);
                prop_assert!(groups.iter().all(|group| group.errors.count <= group.errors_there));
            }
        }
    }
}

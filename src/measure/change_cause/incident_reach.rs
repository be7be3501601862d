//! How far an incident reached, in a word and in a sentence. It is over, so nobody asks for its cause but who looks.

use super::reach::{Reach, Witnesses, runner_name};
use crate::domain::series_change::{ChangeScope, MeasuredSeries};

/// Names in a sentence.
const MOST_NAMES: usize = 3;

/// How far an incident of a series reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentReach {
    pub scope: ChangeScope,
    /// Who saw it and who did not; empty where nobody else can say.
    pub line: String,
    /// True if series that are measured apart saw it, too.
    pub is_shared: bool,
}

/// The reach by what other series say: that they saw it, that they did not, or nothing.
pub fn incident_reach<'a>(
    series: &MeasuredSeries,
    said: impl Iterator<Item = (&'a MeasuredSeries, Option<bool>)>,
) -> IncidentReach {
    let reach = Reach::by_votes(series, said);
    let scope = reach.scope();
    let is_shared =
        matches!(scope, ChangeScope::Provider | ChangeScope::Runner) || !reach.runners.moved.is_empty();
    IncidentReach { scope, line: line(series, &reach, scope), is_shared }
}

fn line(series: &MeasuredSeries, reach: &Reach, scope: ChangeScope) -> String {
    let Reach { runners, models, providers } = reach;
    let of = |witnesses: &Witnesses| (witnesses.moved.len() + 1, witnesses.decided() + 1);
    match scope {
        ChangeScope::Runner => {
            let (saw, all) = of(providers);
            format!("{saw} of {all} providers that {} measures were so", runner_name(series))
        }
        ChangeScope::Path => {
            format!("{} alone saw it: {} did not", runner_name(series), names(runners.stayed.iter()))
        }
        ChangeScope::Provider => {
            let (saw, all) = of(models);
            format!("{saw} of {all} models of the provider were so")
        }
        ChangeScope::Model if !runners.moved.is_empty() => {
            format!("{} saw it, too", names(runners.moved.iter()))
        }
        ChangeScope::Model if !models.stayed.is_empty() => match models.stayed.len() {
            1 => "another model of the provider was as usual".to_owned(),
            others => format!("{others} other models of the provider were as usual"),
        },
        ChangeScope::Model => String::new(),
    }
}

fn names<'a>(all: impl ExactSizeIterator<Item = &'a String>) -> String {
    let left = all.len().saturating_sub(MOST_NAMES);
    let shown: Vec<&str> = all.take(MOST_NAMES).map(String::as_str).collect();
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(runner: &str, model: &str) -> MeasuredSeries {
        MeasuredSeries {
            model: model.parse().unwrap(),
            runner: Some(runner.to_owned()),
            profile: None,
            connection: None,
        }
    }

    #[test]
    fn who_saw_it_is_told_and_what_one_runner_sees_is_never_the_providers() {
        let told = |others: &[(&str, &str, bool)]| {
            let others: Vec<_> =
                others.iter().map(|(runner, model, saw)| (series(runner, model), Some(*saw))).collect();
            let said = others.iter().map(|(series, saw)| (series, *saw));
            let IncidentReach { scope, line, is_shared } = incident_reach(&series("a", "groq:m"), said);
            (scope, line, is_shared)
        };
        let expected = |scope, line: &str, shared| (scope, line.to_owned(), shared);
        assert_eq!(told(&[]), expected(ChangeScope::Model, "", false));
        assert_eq!(
            told(&[("a", "groq:n", true), ("a", "groq:o", false)]),
            expected(ChangeScope::Provider, "2 of 3 models of the provider were so", true)
        );
        assert_eq!(
            told(&[("a", "groq:n", true), ("b", "groq:m", false)]),
            expected(ChangeScope::Path, "a alone saw it: b did not", false)
        );
        assert_eq!(
            told(&[("b", "groq:m", true), ("a", "groq:n", false)]),
            expected(ChangeScope::Model, "b saw it, too", true)
        );
        assert_eq!(
            told(&[("a", "groq:n", true), ("a", "openai:x", true), ("a", "xai:y", true)]),
            expected(ChangeScope::Runner, "3 of 3 providers that a measures were so", true)
        );
        assert_eq!(
            told(&[("a", "groq:n", false), ("a", "groq:o", false)]),
            expected(ChangeScope::Model, "2 other models of the provider were as usual", false)
        );
    }
}

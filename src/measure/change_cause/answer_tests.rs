//! Causes that are on the measuring side of answers: another program, and swaps of their length.

use super::tests::{around, changed, judged, neighbour, series, slower, swapped, usual};
use crate::domain::change_evidence::{
    ChangeSurroundings, NeighbourReading, ProgramChange, SeriesNeighbour, StoredFacts,
};
use crate::domain::series_change::{ChangeCause, ChangeScope, ChangedLevel};

/// Another version of the program that measures comes before all that a provider says of itself, unless a runner that kept
/// its program sees the same.
#[test]
fn another_program_is_the_clients_cause() {
    let program = |same_block| {
        let of = |version: &str| format!("llmbench/{version}");
        ProgramChange { before: of("0.1.0"), after: of("0.2.0"), same_block }
    };
    let other = StoredFacts { system_fingerprint: Some("fp_2".to_owned()), ..usual() };
    let seen = |same_block, neighbours: &[SeriesNeighbour]| {
        let around = ChangeSurroundings {
            program: Some(program(same_block)),
            ..around("1", other.clone(), neighbours)
        };
        judged(&[slower("1", "a", "groq:m", 0)], vec![around]).remove(0)
    };
    let words = "the measuring program changed from 0.1.0 to 0.2.0";
    let (scope, cause, line) = seen(true, &[]);
    assert_eq!((scope, cause), (ChangeScope::Model, ChangeCause::Client));
    assert!(line.starts_with(&format!("{words} in the same block, and the system fingerprint")), "{line}");
    let (.., line) = seen(false, &[]);
    assert!(line.starts_with(&format!("{words} while it began, and")), "{line}");
    // Other runners do not see it: the host of the runner, not its path.
    let (scope, cause, line) = seen(true, &[neighbour("b", "groq:m", 1.0)]);
    assert_eq!((scope, cause), (ChangeScope::Path, ChangeCause::Client));
    assert!(line.contains("the host of a"), "{line}");
    // All models of one runner.
    let models = [neighbour("a", "groq:n", 1.25), neighbour("a", "groq:o", 1.25)];
    assert_eq!(seen(true, &models).1, ChangeCause::Client);
    // Who kept its program sees it, too.
    let (_, cause, line) = seen(true, &[neighbour("b", "groq:m", 1.25)]);
    assert_eq!(cause, ChangeCause::ModelSwapped);
    assert!(line.contains(words), "{line}");
}

#[test]
fn a_swap_says_that_the_program_changed() {
    let seen = |fact: &str| {
        let program = ProgramChange {
            before: "runner/7".to_owned(),
            after: "llmbench/0.2.0".to_owned(),
            same_block: true,
        };
        let around = ChangeSurroundings { program: Some(program), ..around("1", usual(), &[]) };
        judged(&[swapped("1", "a", "groq:m", fact)], vec![around]).remove(0)
    };
    let (_, cause, line) = seen("input_tokens");
    assert_eq!(cause, ChangeCause::Client);
    assert!(
        line.contains("the measuring program changed from runner/7 to llmbench/0.2.0 in the same block"),
        "{line}"
    );
    assert_eq!(seen("system_fingerprint").1, ChangeCause::ModelSwapped, "the provider's own word");
}

#[test]
fn a_swap_of_length_moves_with_what_is_near_to_it() {
    let level = ChangedLevel::Swap {
        fact: "output_tokens".to_owned(),
        before: "200 tokens".to_owned(),
        after: "150 tokens".to_owned(),
    };
    let change = changed("1", "a", "groq:m", 0, level);
    let scope = |seen: &str| {
        let reading =
            NeighbourReading::Fact { before: Some("203 tokens".to_owned()), after: Some(seen.to_owned()) };
        let other = SeriesNeighbour { series: series("b", "groq:m"), reading };
        judged(std::slice::from_ref(&change), vec![around("1", usual(), &[other])]).remove(0)
    };
    assert_eq!((scope("202 tokens").0, scope("155 tokens").0), (ChangeScope::Path, ChangeScope::Model));
    assert!(scope("155 tokens").2.starts_with("answers at temperature 0 had 200 tokens and have 150 tokens"));
    assert_eq!(scope("176 tokens").0, ChangeScope::Model, "in the middle");
    assert_eq!(scope("155 tokens").1, ChangeCause::AnswersChanged);
}

#[test]
fn other_models_are_no_witnesses_of_an_answer() {
    let swaps = [("1", "groq:m"), ("2", "groq:n"), ("3", "other:m")]
        .map(|(id, model)| swapped(id, "a", model, "answer_text"));
    let around = swaps.iter().map(|one| around(&one.id, usual(), &[])).collect();
    for (scope, cause, line) in judged(&swaps, around) {
        assert_eq!((scope, cause), (ChangeScope::Model, ChangeCause::AnswersChanged), "{line}");
    }
}

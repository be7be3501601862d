//! The cause of a change and its sentence: what moved beside it, who else saw it, and what nobody stored.

use super::facts::{self, BESIDE, FactsBeside, MovedFact, beside};
use super::reach::{Reach, runner_name, same_movement};
use crate::domain::change_evidence::ChangeSurroundings;
use crate::domain::series_change::{ChangeCause, ChangeScope, ChangedLevel, SeriesChange};
use crate::measure::canary_answer::{ANSWER_LOGPROBS, ANSWER_TEXT};
use crate::measure::joined_change::is_withdrawn;
use crate::measure::swap::LENGTH_FACT;
use std::collections::BTreeSet;

/// Facts that a sentence holds besides the first: a change of everything is no list.
const MOST_BESIDE: usize = 2;

/// Runners that a sentence names.
const MOST_NAMES: usize = 3;

/// Numeric facts that must be stored on both sides for "nothing else changed". There are five.
const KNOWN_NEEDED: usize = 3;

/// Facts of a row that are about the answer and not about what gave it.
const OF_ANSWERS: [&str; 4] = ["finish_reason", LENGTH_FACT, ANSWER_TEXT, ANSWER_LOGPROBS];

pub fn of_figure(
    change: &SeriesChange,
    reach: &Reach,
    around: Option<&ChangeSurroundings>,
) -> (ChangeCause, String) {
    let Some(around) = around else {
        let line = [alarmed(change, reach), Some("nothing is stored of what was beside it".to_owned())];
        return (unexplained(reach), sentence(line));
    };
    let mut facts = beside(change, around);
    if reach.is_local() {
        return local(change, reach, &facts);
    }
    let unsure = unsure(reach);
    // What another runner sees, too, is not of the program that measures at this one.
    if !reach.runners.moved.is_empty() {
        facts.moved.sort_by_key(|fact| fact.when != BESIDE);
    }
    if facts.moved.is_empty() {
        let (cause, words) = silence(reach, &facts);
        return (cause, sentence([reached(change, reach), Some(words), unsure]));
    }
    // What one runner alone measures differently is its host or its network, whatever the answers hold.
    let of_runner = |fact: &MovedFact| matches!(fact.cause, ChangeCause::Client | ChangeCause::Path);
    if reach.scope() == ChangeScope::Runner {
        facts.moved.sort_by_key(|fact| !of_runner(fact));
    }
    let cause = match (reach.scope(), &facts.moved[0]) {
        (ChangeScope::Runner, first) if !of_runner(first) => ChangeCause::Unknown,
        (_, first) => first.cause,
    };
    (cause, sentence([reached(change, reach), Some(told(&facts.moved)), unsure]))
}

/// Of a change that one runner alone sees: its host if that lags, else the path.
fn local(change: &SeriesChange, reach: &Reach, facts: &FactsBeside) -> (ChangeCause, String) {
    let mine = |cause: ChangeCause| facts.moved.iter().filter(move |fact| fact.cause == cause);
    let lags: Vec<MovedFact> = mine(ChangeCause::Client).cloned().collect();
    let witnesses = witnesses(change, reach);
    let runner = runner_name(&change.series);
    if !lags.is_empty() {
        let line = [Some(told(&lags)), Some(witnesses), Some(format!("the host of {runner}"))];
        return (ChangeCause::Client, sentence(line));
    }
    let beside: Vec<MovedFact> = mine(ChangeCause::Path)
        .chain(facts.moved.iter().filter(|fact| fact.cause != ChangeCause::Path))
        .cloned()
        .collect();
    let beside = (!beside.is_empty()).then(|| told(&beside));
    let line = format!("{witnesses}: the path from {runner}");
    (ChangeCause::Path, sentence([Some(line), reached(change, reach), beside]))
}

/// For example `as runner-a alone sees it; runner-b, which measures the same, does not`.
fn witnesses(change: &SeriesChange, reach: &Reach) -> String {
    let others = names(&reach.runners.stayed);
    let (which, does) =
        if reach.runners.stayed.len() == 1 { ("measures", "does") } else { ("measure", "do") };
    format!("as {} alone sees it; {others}, which {which} the same, {does} not", runner_name(&change.series))
}

fn names(all: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = all.iter().take(MOST_NAMES).map(String::as_str).collect();
    let left = all.len() - shown.len();
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    match (shown.as_slice(), left) {
        ([all @ .., last], 0) if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => format!("{}{more}", shown.join(", ")),
    }
}

/// How far it reaches beyond its series, in words; `None` where it is the series alone or nobody knows.
fn reached(change: &SeriesChange, reach: &Reach) -> Option<String> {
    let runner = runner_name(&change.series);
    match reach.scope() {
        ChangeScope::Runner => {
            let (moved, all) = (reach.providers.moved.len() + 1, reach.providers.decided() + 1);
            Some(format!("{moved} of {all} providers that {runner} measures moved with it"))
        }
        ChangeScope::Provider => {
            let (moved, all) = (reach.models.moved.len() + 1, reach.models.decided() + 1);
            Some(format!("{moved} of {all} models of the provider moved together"))
        }
        ChangeScope::Model if !reach.runners.moved.is_empty() && !reach.runners.stayed.is_empty() => Some(
            format!("{} sees it too, {} does not", names(&reach.runners.moved), names(&reach.runners.stayed)),
        ),
        ChangeScope::Model if !reach.models.stayed.is_empty() => {
            let others = reach.models.stayed.len();
            let models =
                if others == 1 { "model of the provider stays" } else { "models of the provider stay" };
            Some(format!("{others} other {models} as before"))
        }
        ChangeScope::Model | ChangeScope::Path => None,
    }
}

/// The same where alarms are all that is known: those that stayed raise none, so nobody knows of how many.
fn alarmed(change: &SeriesChange, reach: &Reach) -> Option<String> {
    match reach.scope() {
        ChangeScope::Runner => {
            let (moved, runner) = (reach.providers.moved.len() + 1, runner_name(&change.series));
            Some(format!("{moved} providers that {runner} measures moved with it"))
        }
        ChangeScope::Provider => {
            Some(format!("{} models of the provider moved together", reach.models.moved.len() + 1))
        }
        ChangeScope::Model | ChangeScope::Path => None,
    }
}

/// A witness that cannot say yet.
fn unsure(reach: &Reach) -> Option<String> {
    let runners = &reach.runners;
    (runners.decided() == 0 && !runners.unclear.is_empty())
        .then(|| format!("{}: too few samples since to tell whether it is the path", names(&runners.unclear)))
}

fn unexplained(reach: &Reach) -> ChangeCause {
    if reach.is_local() { ChangeCause::Path } else { ChangeCause::Unknown }
}

/// Where nothing moved beside the figure: whether that is known.
fn silence(reach: &Reach, facts: &FactsBeside) -> (ChangeCause, String) {
    let missing = facts.missing.join(", ");
    if facts.known < KNOWN_NEEDED {
        return (ChangeCause::Unknown, format!("too little is stored to say why: no {missing}"));
    }
    if reach.scope() == ChangeScope::Runner {
        let words = "its host or its network: neither lag nor round trip time says which";
        return (ChangeCause::Unknown, words.to_owned());
    }
    let without = if missing.is_empty() { String::new() } else { format!(" (not stored: {missing})") };
    (ChangeCause::NothingElse, format!("nothing else that is stored changed{without}"))
}

/// What moved: `round trip time rose from 12 to 48 ms beside it, and output tokens fell from 210 to 180`.
fn told(facts: &[MovedFact]) -> String {
    let Some((first, rest)) = facts.split_first() else { return String::new() };
    let mut line = format!("{} {}", first.words, first.when);
    for fact in rest.iter().take(MOST_BESIDE) {
        line.push_str(&format!(", and {}", fact.words));
    }
    line
}

fn sentence<const PARTS: usize>(parts: [Option<String>; PARTS]) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Of what the provider says of itself: the fact is the cause; the sentence says who else sees it, and whether speed
/// moved.
pub fn of_swap(
    change: &SeriesChange,
    changes: &[SeriesChange],
    reach: &Reach,
    around: Option<&ChangeSurroundings>,
) -> (ChangeCause, String) {
    let ChangedLevel::Swap { fact, before, after } = &change.level else {
        return (ChangeCause::Unknown, String::new());
    };
    let said = swap_words(fact, before, after);
    let witnesses = reach.is_local().then(|| witnesses(change, reach));
    let speed = changes.iter().find(|other| moved_beside(change, other)).map_or_else(
        || "no change of its speed is known beside it".to_owned(),
        |_| "its speed changed beside it".to_owned(),
    );
    let program =
        around.and_then(|around| around.program.as_ref()).filter(|_| reach.runners.moved.is_empty());
    // Counts and answers depend on what is asked and how it is read; other facts are the provider's own words.
    let is_read = OF_ANSWERS.contains(&fact.as_str()) || fact == "input_tokens";
    let cause = match () {
        () if program.is_some() && is_read => ChangeCause::Client,
        () if reach.is_local() => ChangeCause::Path,
        () if OF_ANSWERS.contains(&fact.as_str()) => ChangeCause::AnswersChanged,
        () => ChangeCause::ModelSwapped,
    };
    let program = program.map(facts::program).map(|one| format!("{} {}", one.words, one.when));
    (cause, sentence([Some(said), program, witnesses, reached(change, reach), Some(speed)]))
}

/// What a swap was from and to, in words.
fn swap_words(fact: &str, before: &str, after: &str) -> String {
    match fact {
        LENGTH_FACT => format!("answers at temperature 0 had {before} and have {after}"),
        ANSWER_TEXT => format!("the canary's answer was \"{before}\" and became \"{after}\""),
        ANSWER_LOGPROBS => format!(
            "the token probabilities of the canary's answer had the logarithms {before} and have {after}"
        ),
        _ => format!("{} was {before} and became {after}", fact.replace('_', " ")),
    }
}

/// True if a figure of the same model changed at about the time of a swap.
fn moved_beside(swap: &SeriesChange, other: &SeriesChange) -> bool {
    let is_figure = matches!(other.level, ChangedLevel::Figure { .. });
    // Only the times count: what moved is of another kind.
    let dated = SeriesChange { level: swap.level.clone(), ..other.clone() };
    is_figure
        && !is_withdrawn(other)
        && other.series.model == swap.series.model
        && same_movement(swap, &dated)
}

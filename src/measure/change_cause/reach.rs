//! How far a change reaches: which series beside it moved with it, and which did not. A neighbour is judged by its level
//! over the same windows and not by an alarm of its own, because alarms of equal changes come days apart.

use super::pooled::PooledReadings;
use crate::domain::change_evidence::{ChangeSurroundings, NeighbourReading, SeriesNeighbour};
use crate::domain::series_change::{
    ChangeScope, ChangedLevel, MeasuredSeries, SAME_TIME, SeriesChange, WatchedFigure,
};
use crate::measure::canary_answer::{ANSWER_LOGPROBS, ANSWER_TEXT};
use crate::measure::joined_change::is_withdrawn;
use crate::measure::swap::LENGTH_FACT;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Blocks of a neighbour on either side below which it says nothing.
pub const BLOCKS_NEEDED: u32 = 3;

/// Least noise of a neighbour's blocks: a series that hardly moved for a week is not known to a part in a thousand.
const LEAST_NOISE: f64 = 0.02;

/// By how much the error of a mean of blocks exceeds that of independent ones: blocks of a day share its load.
const INFLATION: f64 = 1.5;

/// Logarithms of the odds from which a neighbour has moved, or has not. A provider that is named for what is a path is the
/// worse mistake, so less is asked of a neighbour that stayed.
const ODDS_TO_MOVE: f64 = 3.0;
const ODDS_TO_STAY: f64 = -1.0;

/// Who saw it and who did not, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Witnesses {
    pub moved: BTreeSet<String>,
    pub stayed: BTreeSet<String>,
    /// Too few samples to say.
    pub unclear: BTreeSet<String>,
}

impl Witnesses {
    /// Of names with several votes, one for each series: the majority counts.
    fn counted(votes: BTreeMap<String, Votes>) -> Self {
        let mut all = Self::default();
        for (name, Votes { moved, stayed }) in votes {
            let side = match moved.cmp(&stayed) {
                std::cmp::Ordering::Greater => &mut all.moved,
                std::cmp::Ordering::Less => &mut all.stayed,
                std::cmp::Ordering::Equal => &mut all.unclear,
            };
            side.insert(name);
        }
        all
    }

    /// True if some moved, and no fewer than stayed.
    fn mostly_moved(&self) -> bool {
        !self.moved.is_empty() && self.moved.len() >= self.stayed.len()
    }

    pub fn decided(&self) -> usize {
        self.moved.len() + self.stayed.len()
    }
}

#[derive(Debug, Default)]
struct Votes {
    moved: u32,
    stayed: u32,
}

/// What moved with a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reach {
    /// Other runners that measure the same series.
    pub runners: Witnesses,
    /// Other models of the provider, as any runner saw them.
    pub models: Witnesses,
    /// Other providers, as the same runner saw them.
    pub providers: Witnesses,
}

/// The name of a runner; rows of a daemon beside its store name none.
pub fn runner_name(series: &MeasuredSeries) -> String {
    series.runner.clone().unwrap_or_else(|| "the runner without a name".to_owned())
}

impl Reach {
    pub fn of(
        change: &SeriesChange,
        changes: &[SeriesChange],
        around: Option<&ChangeSurroundings>,
        pooled: &PooledReadings<'_>,
    ) -> Self {
        let neighbours = around.map(|around| around.neighbours.as_slice()).unwrap_or_default();
        let sampled: HashSet<&MeasuredSeries> = neighbours.iter().map(|one| &one.series).collect();
        let providers: HashSet<&str> =
            neighbours.iter().map(|one| one.series.model.provider.as_str()).collect();
        // Of another provider a sample is compared. Who counts alarms beside it counts those that moved twice over.
        let provider = &change.series.model.provider;
        let is_counted = |series: &MeasuredSeries| {
            series.model.provider == *provider
                || sampled.contains(series)
                || !providers.contains(series.model.provider.as_str())
        };
        let alarmed: BTreeSet<&MeasuredSeries> = changes
            .iter()
            .filter(|other| other.series != change.series && !is_withdrawn(other))
            .filter(|other| same_movement(change, other))
            .filter(|other| !is_of_answers(change) || other.series.model == change.series.model)
            .map(|other| &other.series)
            .filter(|series| is_counted(series))
            .collect();
        let others = neighbours.iter().filter(|one| !alarmed.contains(&one.series));
        let heard = others.map(|one| (&one.series, pooled.moved(change, &one.series, moved(change, one))));
        Self::by_votes(&change.series, heard.chain(alarmed.iter().map(|series| (*series, Some(true)))))
    }

    /// What other series say of one: that they moved with it, that they stayed, or nothing.
    pub fn by_votes<'a>(
        changed: &MeasuredSeries,
        said: impl Iterator<Item = (&'a MeasuredSeries, Option<bool>)>,
    ) -> Self {
        let mut votes: [BTreeMap<String, Votes>; 3] = Default::default();
        for (series, moved) in said {
            let Some((place, name)) = relation(changed, series) else { continue };
            let entry = votes[place as usize].entry(name).or_default();
            match moved {
                Some(true) => entry.moved += 1,
                Some(false) => entry.stayed += 1,
                None => {}
            }
        }
        let [runners, models, providers] = votes.map(Witnesses::counted);
        Self { runners, models, providers }
    }

    /// True if another runner measures the same and does not see it, and none does.
    pub fn is_local(&self) -> bool {
        self.runners.moved.is_empty() && !self.runners.stayed.is_empty()
    }

    /// Whether another runner that measures the same sees it; `None` where no other does.
    pub fn confirmed(&self) -> Option<bool> {
        let others = self.runners.decided() + self.runners.unclear.len();
        (others > 0).then_some(!self.runners.moved.is_empty())
    }

    /// True if what the runner measures of other providers moved as well, and no other runner sees it. Providers of
    /// which nothing is known count against it: one that changed on the same day is a coincidence.
    fn is_of_the_runner(&self) -> bool {
        let others = self.providers.decided() + self.providers.unclear.len();
        self.runners.moved.is_empty()
            && !self.providers.moved.is_empty()
            && self.providers.moved.len() * 2 > others
            && (self.models.decided() == 0 || self.models.mostly_moved())
    }

    pub fn scope(&self) -> ChangeScope {
        if self.is_of_the_runner() {
            ChangeScope::Runner
        } else if self.is_local() {
            ChangeScope::Path
        } else if self.models.mostly_moved() {
            ChangeScope::Provider
        } else {
            ChangeScope::Model
        }
    }
}

/// How another series is related to the changed one.
#[derive(Clone, Copy)]
enum Relation {
    Runner = 0,
    Model = 1,
    Provider = 2,
}

/// The relation and the name that counts in it; `None` for a series that says nothing of the change.
fn relation(changed: &MeasuredSeries, other: &MeasuredSeries) -> Option<(Relation, String)> {
    let same_question = changed.profile == other.profile && changed.connection == other.connection;
    if changed.model == other.model {
        let elsewhere = changed.runner != other.runner && same_question;
        return elsewhere.then(|| (Relation::Runner, runner_name(other)));
    }
    if changed.model.provider == other.model.provider {
        return Some((Relation::Model, other.model.model_id.clone()));
    }
    (changed.runner == other.runner).then(|| (Relation::Provider, other.model.provider.clone()))
}

/// True for a swap of what one model alone answers: others answer in other words and at other lengths, and are asked for
/// nothing, so those with an alarm would be all that are known.
pub fn is_of_answers(change: &SeriesChange) -> bool {
    let of_one_model = [LENGTH_FACT, ANSWER_TEXT, ANSWER_LOGPROBS];
    matches!(&change.level, ChangedLevel::Swap { fact, .. } if of_one_model.contains(&fact.as_str()))
}

/// True if both became slower, or both faster, or swapped the same fact for the same value, at about one time.
pub fn same_movement(change: &SeriesChange, other: &SeriesChange) -> bool {
    let overlap = change.began.may_meet(&other.began, SAME_TIME);
    let alike = match (&change.level, &other.level) {
        (ChangedLevel::Figure { .. }, ChangedLevel::Figure { .. }) => {
            is_slower(&change.level) == is_slower(&other.level)
        }
        (ChangedLevel::Swap { fact, .. }, ChangedLevel::Swap { fact: other_fact, .. }) => fact == other_fact,
        _ => false,
    };
    overlap && alike
}

/// True if a longer time or a lower rate came of it.
pub fn is_slower(level: &ChangedLevel) -> bool {
    match level {
        ChangedLevel::Figure { figure: WatchedFigure::Ttft, before, after, .. } => after > before,
        ChangedLevel::Figure { figure: WatchedFigure::TokensPerSecond, before, after, .. } => after < before,
        ChangedLevel::Swap { .. } => false,
    }
}

/// Whether a neighbour moved as the changed series did; `None` if its samples do not decide it.
fn moved(change: &SeriesChange, neighbour: &SeriesNeighbour) -> Option<bool> {
    match (&change.level, &neighbour.reading) {
        (
            ChangedLevel::Figure { before, after, .. },
            NeighbourReading::Figure {
                before: other_before,
                after: other_after,
                blocks_before,
                blocks_after,
                noise,
            },
        ) => {
            if *blocks_before < BLOCKS_NEEDED || *blocks_after < BLOCKS_NEEDED {
                return None;
            }
            let effect = (after / before).ln();
            let shift = (other_after / other_before).ln() * effect.signum();
            let error = error_of(*noise, *blocks_before, *blocks_after);
            decided(effect.abs(), shift, error)
        }
        (ChangedLevel::Swap { fact, before, after }, NeighbourReading::Fact { before: was, after: seen }) => {
            let seen = seen.as_deref()?;
            if fact == LENGTH_FACT {
                return nearer([before, after, seen]);
            }
            // One that had the new value before did not move, and a third value is neither.
            if seen == after {
                return (was.as_deref() != Some(after)).then_some(true);
            }
            (seen == before).then_some(false)
        }
        _ => None,
    }
}

/// Whether the third length is near to the second one or to the first; `None` in the middle between them.
fn nearer(lengths: [&str; 3]) -> Option<bool> {
    let number = |length: &str| length.split(' ').next()?.parse::<f64>().ok();
    let [before, after, seen] = lengths.map(number);
    let way = (seen? - before?) / (after? - before?);
    if way >= 0.75 {
        return Some(true);
    }
    (way <= 0.25).then_some(false)
}

/// The standard error of the shift of a neighbour, a logarithm.
pub fn error_of(noise: f64, blocks_before: u32, blocks_after: u32) -> f64 {
    let inverse = 1.0 / f64::from(blocks_before) + 1.0 / f64::from(blocks_after);
    noise.max(LEAST_NOISE) * inverse.sqrt() * INFLATION
}

/// The logarithm of the odds of "it moved by the effect" against "it did not move". `effect` and `shift` are logarithms,
/// positive in the direction of the change; `error` is the standard error of the shift.
pub fn odds(effect: f64, shift: f64, error: f64) -> f64 {
    effect * (2.0 * shift - effect) / (2.0 * error * error)
}

/// Weighs "it moved by the effect" against "it did not move".
pub fn decided(effect: f64, shift: f64, error: f64) -> Option<bool> {
    let odds = odds(effect, shift, error);
    // Neither is a number.
    (odds >= ODDS_TO_MOVE).then_some(true).or((odds <= ODDS_TO_STAY).then_some(false))
}

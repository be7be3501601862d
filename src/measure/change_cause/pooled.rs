//! What other runners show of the changes of one look, put together: a fault of a path moves several models of a provider
//! as one runner measures them, and none as another does. One model at another runner is noisy, and of many such readings
//! some say by chance that it moved; all of them together seldom do.

use super::reach::{BLOCKS_NEEDED, error_of, odds, same_movement};
use crate::domain::change_evidence::{ChangeEvidence, NeighbourReading, SeriesNeighbour};
use crate::domain::series_block::SLOTS_OF_DAY;
use crate::domain::series_change::{ChangedLevel, MeasuredSeries, SeriesChange, WatchedFigure};

/// How much days differ that all models of a provider share at one runner, as a logarithm: more models make a mean no more
/// certain than that.
const SHARED_BY_DAY: f64 = 0.04;

/// Logarithms of the odds from which another runner saw it (100 to 1), or did not (1 to 2). What confirms a change lets a
/// letter name the provider, and a few hours more decide what is not decided yet.
const ODDS_TO_CONFIRM: f64 = 4.6;
const ODDS_TO_DENY: f64 = -0.7;

/// The readings of other runners, for each change of a page.
#[derive(Debug, Default)]
pub struct PooledReadings<'a> {
    of: Vec<ReadElsewhere<'a>>,
}

/// One change and what other runners show of its series.
#[derive(Debug)]
struct ReadElsewhere<'a> {
    change: &'a SeriesChange,
    figure: WatchedFigure,
    readings: Vec<ElsewhereReading<'a>>,
}

/// The same series at another runner.
#[derive(Debug)]
struct ElsewhereReading<'a> {
    runner: Option<&'a str>,
    /// Logarithms: how far the changed series went, and the other one in this direction, with its error.
    effect: f64,
    shift: f64,
    error: f64,
    /// The sum of the reciprocals of the days of both windows.
    by_days: f64,
}

impl<'a> PooledReadings<'a> {
    pub fn of(changes: impl Iterator<Item = &'a SeriesChange>, evidence: &'a ChangeEvidence) -> Self {
        let of = changes.filter_map(|change| {
            let ChangedLevel::Figure { figure, .. } = change.level else { return None };
            let neighbours = &evidence.of(&change.id)?.neighbours;
            let readings = neighbours.iter().filter_map(|one| reading(change, one)).collect();
            Some(ReadElsewhere { change, figure, readings })
        });
        Self { of: of.collect() }
    }

    /// Whether this neighbour moved, if it says so `alone`; of the same series at another runner all that this runner shows of
    /// the provider counts, and the series alone where that decides nothing.
    pub fn moved(&self, change: &SeriesChange, other: &MeasuredSeries, alone: Option<bool>) -> Option<bool> {
        let ChangedLevel::Figure { figure, .. } = change.level else { return alone };
        if !is_elsewhere(&change.series, other) {
            return alone;
        }
        let runner = other.runner.as_deref();
        let peers = self.of.iter().filter(|one| one.figure == figure && is_peer(change, one.change));
        let readings = peers.flat_map(|one| &one.readings).filter(|one| one.runner == runner);
        match pooled(readings) {
            Some((effect, shift, error)) => {
                let odds = odds(effect, shift, error);
                (odds >= ODDS_TO_CONFIRM).then_some(true).or((odds <= ODDS_TO_DENY).then_some(false))
            }
            None => alone,
        }
    }
}

/// The reading of a neighbour that is the same series at another runner, if it has enough blocks.
fn reading<'a>(change: &SeriesChange, neighbour: &'a SeriesNeighbour) -> Option<ElsewhereReading<'a>> {
    let ChangedLevel::Figure { before, after, .. } = change.level else { return None };
    let NeighbourReading::Figure { before: was, after: is, blocks_before, blocks_after, noise } =
        neighbour.reading
    else {
        return None;
    };
    let has_enough = blocks_before >= BLOCKS_NEEDED && blocks_after >= BLOCKS_NEEDED;
    if !has_enough || !is_elsewhere(&change.series, &neighbour.series) {
        return None;
    }
    let effect = (after / before).ln();
    let days = |blocks: u32| SLOTS_OF_DAY as f64 / f64::from(blocks);
    Some(ElsewhereReading {
        runner: neighbour.series.runner.as_deref(),
        effect: effect.abs(),
        shift: (is / was).ln() * effect.signum(),
        error: error_of(noise, blocks_before, blocks_after),
        by_days: days(blocks_before) + days(blocks_after),
    })
}

fn is_elsewhere(changed: &MeasuredSeries, other: &MeasuredSeries) -> bool {
    changed.model == other.model
        && changed.runner != other.runner
        && changed.profile == other.profile
        && changed.connection == other.connection
}

/// True for changes of one provider as one runner saw them at about one time.
fn is_peer(change: &SeriesChange, other: &SeriesChange) -> bool {
    change.series.runner == other.series.runner
        && change.series.model.provider == other.series.model.provider
        && (change.id == other.id || same_movement(change, other))
}

/// Effect, shift and error of several readings of one runner, the certain ones weighing more.
fn pooled<'a>(readings: impl Iterator<Item = &'a ElsewhereReading<'a>>) -> Option<(f64, f64, f64)> {
    let (mut weights, mut effect, mut shift, mut by_days) = (0.0, 0.0, 0.0, 0.0);
    for one in readings {
        let weight = one.error.powi(-2);
        weights += weight;
        effect += weight * one.effect;
        shift += weight * one.shift;
        by_days += weight * one.by_days;
    }
    if weights <= 0.0 {
        return None;
    }
    let shared = SHARED_BY_DAY.powi(2) * by_days / weights;
    Some((effect / weights, shift / weights, (1.0 / weights + shared).sqrt()))
}

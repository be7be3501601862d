//! Which disturbances of series are told as incidents: those that are over, and that are either too large for chance or seen
//! by series that are measured apart. Pure.
//!
//! The search over one series ([`super::level_shift`]) brings some hundredths of an incident by chance in each month. That is
//! little for one series and too much for a list of thousands, so a disturbance that stands alone needs more standard errors.

use super::change_cause::{IncidentReach, decided, incident_reach};
use super::level_shift::{
    IncidentSettings, LevelDeviation, LevelIncident, SlotEstimate, incidents_in, mean_deviation,
};
use crate::domain::series_block::slot_start;
use crate::domain::series_change::{EstimatedTime, MeasuredSeries, WatchedFigure};
use crate::domain::series_incident::SeriesIncident;

/// A figure of a series as it deviated from its usual level.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviatingSeries {
    pub series: MeasuredSeries,
    pub figure: WatchedFigure,
    pub deviations: Vec<LevelDeviation>,
}

/// No neighbour's mean of a few blocks is known better than this, as a logarithm.
const LEAST_ERROR: f64 = 0.03;

/// The incidents of all series that began in the slot `from` or later, the latest first.
pub fn believed_incidents(all: &[DeviatingSeries], from: i64) -> Vec<SeriesIncident> {
    let mut found = Vec::new();
    for one in all {
        let weak = incidents_in(&one.deviations, &IncidentSettings::default());
        for incident in weak.iter().filter(|incident| incident.is_over && incident.began.slot >= from) {
            let reach = reach(one, incident, all);
            if reach.is_shared || incident.errors >= IncidentSettings::ALONE.alarm {
                found.push(told(one, incident, reach));
            }
        }
    }
    found.sort_by(|one, other| {
        other
            .began
            .at
            .cmp(&one.began.at)
            .then_with(|| one.series.cmp(&other.series))
            .then(one.figure.cmp(&other.figure))
    });
    found
}

/// How far it reached, by the levels of other series in the same slots.
fn reach(one: &DeviatingSeries, incident: &LevelIncident, all: &[DeviatingSeries]) -> IncidentReach {
    let mine = &one.series;
    let effect = incident.ln_seen - incident.ln_usual;
    let slots = incident.began.slot..incident.ended.slot;
    let is_related = |other: &&DeviatingSeries| {
        let theirs = &other.series;
        other.figure == one.figure
            && theirs != mine
            && (theirs.model.provider == mine.model.provider || theirs.runner == mine.runner)
    };
    let said = all.iter().filter(is_related).map(|other| {
        let seen = mean_deviation(&other.deviations, slots.clone());
        let moved = seen
            .and_then(|(mean, error)| decided(effect.abs(), mean * effect.signum(), error.max(LEAST_ERROR)));
        (&other.series, moved)
    });
    incident_reach(mine, said)
}

fn told(one: &DeviatingSeries, incident: &LevelIncident, reach: IncidentReach) -> SeriesIncident {
    SeriesIncident {
        series: one.series.clone(),
        figure: one.figure,
        usual: incident.ln_usual.exp(),
        seen: incident.ln_seen.exp(),
        ratio: incident.effect,
        began: estimated(incident.began),
        ended: estimated(incident.ended),
        scope: reach.scope,
        scope_line: reach.line,
    }
}

fn estimated(slot: SlotEstimate) -> EstimatedTime {
    EstimatedTime {
        at: slot_start(slot.slot),
        earliest: slot_start(slot.earliest),
        latest: slot_start(slot.latest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::series_change::ChangeScope;
    use crate::measure::level_shift::{LevelBlock, level_deviations};

    const FIRST: i64 = 166_400;
    const DAYS: i64 = 50;
    /// Where a disturbance of 9 hours begins.
    const AT: i64 = FIRST + 44 * 8 + 2;

    /// Fifty days of a series with noise of its own; slower by `log` for 9 hours.
    fn series(runner: &str, model: &str, log: f64, noise: f64) -> DeviatingSeries {
        let seed =
            model.len() as f64 + f64::from(model.as_bytes()[model.len() - 1]) + runner.len() as f64 * 0.3;
        let chance = |slot: i64, step: f64| ((slot as f64 + seed * 17.0) * step).fract() - 0.5;
        let block = |slot: i64| {
            let hit = if (AT..AT + 3).contains(&slot) { log } else { 0.0 };
            let noise = noise * (chance(slot, 0.618_033_988_75) + chance(slot, 0.754_877_666));
            LevelBlock { slot, ln_median: noise + hit, samples: 6 }
        };
        let blocks: Vec<_> = (FIRST..FIRST + DAYS * 8).map(block).collect();
        DeviatingSeries {
            series: MeasuredSeries {
                model: model.parse().unwrap(),
                runner: Some(runner.to_owned()),
                profile: None,
                connection: None,
            },
            figure: WatchedFigure::Ttft,
            deviations: level_deviations(&blocks, &[], FIRST + 30 * 8),
        }
    }

    fn found(all: &[DeviatingSeries]) -> Vec<(String, ChangeScope)> {
        let found = believed_incidents(all, FIRST + 31 * 8);
        found.iter().map(|one| (one.series.model.model_id.clone(), one.scope)).collect()
    }

    #[test]
    fn a_large_one_is_told_with_its_time_and_size() {
        let all = [series("a", "groq:m", 2.0_f64.ln(), 0.2), series("a", "groq:n", 0.0, 0.2)];
        let told = believed_incidents(&all, FIRST);
        let [one] = &told[..] else { panic!("{told:?}") };
        assert_eq!((one.began.at, one.ended.at), (slot_start(AT), slot_start(AT + 3)));
        assert_eq!(one.began.earliest, slot_start(AT - 1));
        assert!(
            one.ratio.low < 2.0 && 2.0 < one.ratio.high && (one.seen / one.usual - 2.0).abs() < 0.3,
            "{one:?}"
        );
        assert_eq!(one.scope_line, "another model of the provider was as usual");
        assert_eq!(found(&all[1..]), []);
        assert_eq!(believed_incidents(&all, AT + 1), [], "it began before");
    }

    #[test]
    fn what_one_runner_saw_is_its_path() {
        let all = [series("a", "groq:m", 2.0_f64.ln(), 0.2), series("b", "groq:m", 0.0, 0.2)];
        assert_eq!(found(&all), [("m".to_owned(), ChangeScope::Path)]);
    }
}

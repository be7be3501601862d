//! What blocks say of the time before and after a change: facts of its own series, and levels of its neighbours. Pure;
//! `measure::change_cause` judges it.

use crate::domain::change_evidence::{DAYS_BEFORE, NeighbourReading, ProgramChange, StoredFacts};
use crate::domain::median::median_of;
use crate::domain::series_block::{BlockFacts, BlockNumbers, SLOTS_OF_DAY, SeriesBlock, slot_of};
use crate::domain::series_change::{ChangedLevel, REVERTS_WITHIN_DAYS, SeriesChange, WatchedFigure};
use crate::measure::canary_answer::ANSWER_TEXT;
use crate::measure::swap::LENGTH_FACT;
use std::collections::BTreeMap;

/// The slots before a change and after it, each without its last number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeWindows {
    pub before: (i64, i64),
    pub after: (i64, i64),
}

impl ChangeWindows {
    /// The windows of a change if blocks reach to `end`, exclusive. What came later than four weeks says nothing of it, and
    /// would be more to read from day to day.
    pub fn of(change: &SeriesChange, end: i64) -> Self {
        let slot = |at: chrono::DateTime<chrono::Utc>| slot_of(at.timestamp_millis());
        let first = slot(change.began.earliest);
        let end = end.min(slot(change.began.latest) + REVERTS_WITHIN_DAYS * SLOTS_OF_DAY);
        let end = change.ended.map_or(end, |ended| slot(ended.earliest).min(end));
        let since = match slot(change.began.latest) {
            since if since < end => since,
            _ => slot(change.began.at),
        };
        Self { before: (first - DAYS_BEFORE * SLOTS_OF_DAY, first), after: (since, end.max(since)) }
    }

    /// The slots from the first of both to the last.
    pub fn span(&self) -> (i64, i64) {
        (self.before.0, self.after.1)
    }
}

fn within(blocks: &[SeriesBlock], (from, to): (i64, i64)) -> impl Iterator<Item = &SeriesBlock> {
    blocks.iter().filter(move |block| from <= block.slot && block.slot < to)
}

/// The facts of a series in a window. Calibrations are not in blocks.
pub fn facts(blocks: &[SeriesBlock], window: (i64, i64)) -> StoredFacts {
    let all = || within(blocks, window);
    let number =
        |read: fn(&BlockNumbers) -> Option<f64>| median_of(all().filter_map(|block| read(&block.numbers)));
    let word = |read: fn(&BlockFacts) -> Option<&String>| {
        most(all().filter_map(|block| {
            Some((read(&block.facts)?.as_str(), block.attempts - block.failures.min(block.attempts)))
        }))
    };
    let (attempts, failures) = all()
        .fold((0, 0), |(attempts, failures), block| (attempts + block.attempts, failures + block.failures));
    let sampled = all().filter(|block| block.ttft.is_some() || block.tokens_per_second.is_some()).count();
    StoredFacts {
        blocks: u32::try_from(sampled).unwrap_or(u32::MAX),
        network_rtt_seconds: number(|numbers| numbers.network_rtt_seconds),
        kernel_lag_seconds: number(|numbers| numbers.kernel_lag_max_seconds),
        loop_lag_seconds: number(|numbers| numbers.loop_lag_seconds),
        output_tokens: number(|numbers| numbers.output_tokens),
        input_tokens: number(|numbers| numbers.input_tokens),
        failure_share: (attempts > 0).then(|| f64::from(failures) / f64::from(attempts)),
        finish_reason: word(|facts| facts.finish_reason.as_ref()),
        response_model: word(|facts| facts.response_model.as_ref()),
        system_fingerprint: word(|facts| facts.system_fingerprint.as_ref()),
        quantization: word(|facts| facts.quantization.as_ref()),
        endpoint: word(|facts| facts.route_endpoint_tag.as_ref().or(facts.observed_provider.as_ref())),
        measured_by: word(|facts| facts.measured_by.as_ref()),
        ..StoredFacts::default()
    }
}

/// The change of the measuring program that came while a change of its series began, by the series' own blocks in order of
/// time: before it most rows are of the one program, and after it of the other.
pub fn program_change(
    change: &SeriesChange,
    blocks: &[SeriesBlock],
    windows: &ChangeWindows,
) -> Option<ProgramChange> {
    let [before, after] = [windows.before, windows.after].map(|window| facts(blocks, window).measured_by);
    let (before, after) = (before?, after?);
    if before == after {
        return None;
    }
    let slot = |at: chrono::DateTime<chrono::Utc>| slot_of(at.timestamp_millis());
    let (earliest, latest) = (slot(change.began.earliest), slot(change.began.latest));
    let mut named: Vec<(i64, &str)> = within(blocks, windows.span())
        .filter_map(|one| Some((one.slot, one.facts.measured_by.as_deref()?)))
        .collect();
    named.sort_unstable();
    let came = |pair: &&[(i64, &str)]| pair[0].1 == before && pair[1].1 == after;
    // It came after the beginning of the one block and before the end of the other.
    let beside = |pair: &&[(i64, &str)]| pair[0].0 <= latest && earliest <= pair[1].0;
    let first = named.windows(2).filter(came).find(beside)?[1].0;
    Some(ProgramChange { before, after, same_block: first == slot(change.began.at) })
}

/// What a neighbour shows of a change; `None` without samples in the window before.
pub fn neighbour(
    change: &SeriesChange,
    blocks: &[SeriesBlock],
    windows: &ChangeWindows,
) -> Option<NeighbourReading> {
    match &change.level {
        ChangedLevel::Figure { figure, .. } => figure_of(*figure, blocks, windows),
        ChangedLevel::Swap { fact, .. } if fact == LENGTH_FACT => length_of(blocks, windows),
        ChangedLevel::Swap { fact, .. } => {
            let dominant = |window| {
                most(
                    within(blocks, window)
                        .filter_map(|block| Some((named(&block.facts, fact)?, block.attempts))),
                )
            };
            let before = dominant(windows.before);
            before.is_some().then(|| NeighbourReading::Fact { before, after: dominant(windows.after) })
        }
    }
}

fn named<'a>(facts: &'a BlockFacts, fact: &str) -> Option<&'a str> {
    match fact {
        "finish_reason" => facts.finish_reason.as_deref(),
        "response_model" => facts.response_model.as_deref(),
        "system_fingerprint" => facts.system_fingerprint.as_deref(),
        "quantization" => facts.quantization.as_deref(),
        "route_endpoint_tag" => facts.route_endpoint_tag.as_deref(),
        "observed_provider" => facts.observed_provider.as_deref(),
        ANSWER_TEXT => facts.canary_answer.as_deref(),
        _ => None,
    }
}

/// The lengths of whole answers in both windows, in the words of `measure::swap::lengths`.
fn length_of(blocks: &[SeriesBlock], windows: &ChangeWindows) -> Option<NeighbourReading> {
    let length = |window| {
        let lengths = within(blocks, window).filter_map(|block| block.numbers.answer_tokens);
        median_of(lengths).map(|tokens| format!("{tokens:.0} tokens"))
    };
    let before = length(windows.before)?;
    Some(NeighbourReading::Fact { before: Some(before), after: length(windows.after) })
}

fn figure_of(
    figure: WatchedFigure,
    blocks: &[SeriesBlock],
    windows: &ChangeWindows,
) -> Option<NeighbourReading> {
    let figures =
        |window| within(blocks, window).filter_map(move |block| Some((block.slot, block.figure(figure)?)));
    let usual = median_of(figures(windows.before).map(|(_, one)| f64::from(one.samples)))?;
    let logs = |window| -> Vec<(i64, f64)> {
        let whole = figures(window).filter(|(_, one)| f64::from(one.samples) * 2.0 >= usual);
        whole.map(|(slot, one)| (slot, one.median.ln())).collect()
    };
    let (before, after) = (logs(windows.before), logs(windows.after));
    let level = |logs: &[(i64, f64)]| median_of(logs.iter().map(|(_, log)| *log)).map(f64::exp);
    let count = |logs: &[(i64, f64)]| u32::try_from(logs.len()).unwrap_or(u32::MAX);
    let level_before = level(&before)?;
    Some(NeighbourReading::Figure {
        before: level_before,
        after: level(&after).unwrap_or(level_before),
        blocks_before: count(&before),
        blocks_after: count(&after),
        noise: noise(&before),
    })
}

/// Degrees of freedom below which a daily profile is not known.
const PROFILE_KNOWN: usize = 8;

/// The standard deviation of logarithms, within slots of the day where there are enough days.
fn noise(logs: &[(i64, f64)]) -> f64 {
    let mut slots: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    logs.iter().for_each(|(slot, log)| slots.entry(slot.rem_euclid(SLOTS_OF_DAY)).or_default().push(*log));
    let squares = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let degrees = logs.len() - slots.len();
    if degrees >= PROFILE_KNOWN {
        return (slots.values().map(|values| squares(values)).sum::<f64>() / degrees as f64).sqrt();
    }
    let all: Vec<f64> = logs.iter().map(|(_, log)| *log).collect();
    if all.len() < 2 { 0.0 } else { (squares(&all) / (all.len() - 1) as f64).sqrt() }
}

/// The word with the greatest weight; of equal ones the first in the alphabet.
fn most<'a>(words: impl Iterator<Item = (&'a str, u32)>) -> Option<String> {
    let mut weights: BTreeMap<&str, u32> = BTreeMap::new();
    words.for_each(|(word, weight)| *weights.entry(word).or_default() += weight.max(1));
    let heaviest = weights.into_iter().max_by(|one, other| one.1.cmp(&other.1).then(other.0.cmp(one.0)));
    heaviest.map(|(word, _)| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::interval::Interval;
    use crate::domain::series_block::{BlockFigure, slot_start};
    use crate::domain::series_change::{ChangeCause, ChangeScope, EstimatedTime, MeasuredSeries};

    fn change(earliest: i64, at: i64, latest: i64) -> SeriesChange {
        let began =
            EstimatedTime { at: slot_start(at), earliest: slot_start(earliest), latest: slot_start(latest) };
        SeriesChange {
            id: "1".to_owned(),
            series: MeasuredSeries {
                model: ModelRef::new("groq", "m"),
                runner: None,
                profile: None,
                connection: None,
            },
            level: ChangedLevel::Figure {
                figure: WatchedFigure::Ttft,
                before: 0.4,
                after: 0.5,
                ratio: Interval { low: 1.2, high: 1.3 },
            },
            began,
            noticed_at: slot_start(at + 20),
            ended: None,
            scope: ChangeScope::Model,
            cause: ChangeCause::Unknown,
            cause_line: String::new(),
            acknowledged: None,
            returned: None,
            confirmed: None,
        }
    }

    fn block(slot: i64, ttft: f64, word: &str) -> SeriesBlock {
        SeriesBlock {
            slot,
            ttft: Some(BlockFigure { median: ttft, samples: 6 }),
            attempts: 6,
            failures: 3,
            numbers: BlockNumbers { network_rtt_seconds: Some(ttft / 10.0), ..BlockNumbers::default() },
            facts: BlockFacts { response_model: Some(word.to_owned()), ..BlockFacts::default() },
            ..SeriesBlock::default()
        }
    }

    #[test]
    fn windows_leave_out_what_is_uncertain_unless_nothing_is_left() {
        let windows = ChangeWindows::of(&change(100, 104, 106), 130);
        assert_eq!((windows.before, windows.after, windows.span()), ((44, 100), (106, 130), (44, 130)));
        assert_eq!(ChangeWindows::of(&change(100, 104, 106), 106).after, (104, 106));
        let over = SeriesChange {
            ended: Some(EstimatedTime {
                at: slot_start(120),
                earliest: slot_start(118),
                latest: slot_start(122),
            }),
            ..change(100, 104, 106)
        };
        assert_eq!(ChangeWindows::of(&over, 130).after, (106, 118));
        let lasting = ChangeWindows::of(&change(100, 104, 106), 3_000);
        assert_eq!(lasting.after, (106, 106 + 28 * 8), "four weeks at most");
    }

    #[test]
    fn another_program_counts_where_it_came_while_the_change_began() {
        let by = |slot: i64, program: &str| {
            let facts = BlockFacts { measured_by: Some(program.to_owned()), ..BlockFacts::default() };
            SeriesBlock { facts, ..block(slot, 0.4, "m") }
        };
        let change = change(100, 104, 106);
        let found = |came: i64, but: Option<i64>| {
            let all = (44..130).map(|slot| match slot {
                slot if Some(slot) == but => block(slot, 0.4, "m"),
                slot => by(slot, if slot < came { "llmbench/0.1.0" } else { "llmbench/0.2.0" }),
            });
            program_change(&change, &all.collect::<Vec<_>>(), &ChangeWindows::of(&change, 130))
        };
        let told = |same_block| {
            Some(ProgramChange {
                before: "llmbench/0.1.0".to_owned(),
                after: "llmbench/0.2.0".to_owned(),
                same_block,
            })
        };
        assert_eq!(
            (found(104, None), found(102, None), found(105, None)),
            (told(true), told(false), told(false))
        );
        assert_eq!((found(98, None), found(109, None)), (None, None), "days before, days after");
        assert_eq!(
            (found(108, None), found(108, Some(107))),
            (None, told(false)),
            "nobody knows in which of two"
        );
        assert_eq!(found(44, None), None, "it was the same");
    }

    #[test]
    fn facts_and_neighbours_are_told_for_both_windows() {
        let mut blocks: Vec<_> = (44..100).map(|slot| block(slot, 0.4, "old")).collect();
        blocks.extend((106..130).map(|slot| block(slot, 0.5, "new")));
        let change = change(100, 104, 106);
        let windows = ChangeWindows::of(&change, 130);
        let (before, after) = (facts(&blocks, windows.before), facts(&blocks, windows.after));
        assert_eq!((before.blocks, after.blocks, before.failure_share), (56, 24, Some(0.5)));
        assert_eq!(
            (before.response_model.as_deref(), after.response_model.as_deref()),
            (Some("old"), Some("new"))
        );
        assert_eq!(before.network_rtt_seconds, Some(0.04));
        let Some(NeighbourReading::Figure { before, after, blocks_before, blocks_after, noise }) =
            neighbour(&change, &blocks, &windows)
        else {
            panic!()
        };
        assert!((before - 0.4).abs() < 1e-12 && (after - 0.5).abs() < 1e-12 && noise < 1e-9);
        assert_eq!((blocks_before, blocks_after), (56, 24));
        assert_eq!(neighbour(&change, &blocks[56..], &windows), None);
        let swap =
            ChangedLevel::Swap { fact: "response_model".into(), before: "old".into(), after: "new".into() };
        let swapped = neighbour(&SeriesChange { level: swap, ..change }, &blocks, &windows);
        let expected = NeighbourReading::Fact { before: Some("old".into()), after: Some("new".into()) };
        assert_eq!(swapped, Some(expected));
    }
}

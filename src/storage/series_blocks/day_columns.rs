//! The blocks of a series and a UTC day as one document: a column for each field, with one value for each of the day's 8
//! slots, or a single value where all blocks have the same. That is a tenth of what eight documents would take, and
//! years of thousands of series are read in seconds.

use crate::domain::series_block::{BlockFacts, BlockFigure, BlockNumbers, SLOTS_OF_DAY, SeriesBlock};
use crate::domain::series_change::WatchedFigure;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Slots of a day, as a number of places.
const PLACES: usize = SLOTS_OF_DAY as usize;

/// A field of up to eight blocks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum DayColumn<T> {
    /// All blocks have this value.
    Same(T),
    Each(Vec<Option<T>>),
}

impl<T> DayColumn<T> {
    fn at(&self, place: usize) -> Option<&T> {
        match self {
            Self::Same(value) => Some(value),
            Self::Each(values) => values.get(place)?.as_ref(),
        }
    }
}

/// Numbers of a column: integers of a document are numbers, too.
trait ColumnValue: Sized {
    fn number(value: f64) -> Option<Self>;
    fn text(value: &str) -> Option<Self>;
}

impl ColumnValue for f64 {
    fn number(value: f64) -> Option<Self> {
        value.is_finite().then_some(value)
    }

    fn text(_: &str) -> Option<Self> {
        None
    }
}

impl ColumnValue for u32 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the range of its type"
    )]
    fn number(value: f64) -> Option<Self> {
        (0.0..=f64::from(u32::MAX)).contains(&value).then_some(value as u32)
    }

    fn text(_: &str) -> Option<Self> {
        None
    }
}

impl ColumnValue for String {
    fn number(_: f64) -> Option<Self> {
        None
    }

    fn text(value: &str) -> Option<Self> {
        Some(value.to_owned())
    }
}

/// A value of a column, or nothing where it has another type: blocks are derived, so a damaged one is no error.
struct DayCell<T>(Option<T>);

impl<'de, T: ColumnValue + Deserialize<'de>> Deserialize<'de> for DayColumn<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ColumnVisitor(PhantomData))
    }
}

impl<'de, T: ColumnValue + Deserialize<'de>> Deserialize<'de> for DayCell<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(ColumnVisitor(PhantomData))? {
            DayColumn::Same(value) => DayCell(Some(value)),
            DayColumn::Each(_) => DayCell(None),
        })
    }
}

struct ColumnVisitor<T>(PhantomData<T>);

impl<T: ColumnValue> ColumnVisitor<T> {
    fn of(value: Option<T>) -> DayColumn<T> {
        value.map_or_else(|| DayColumn::Each(Vec::new()), DayColumn::Same)
    }
}

impl<'de, T: ColumnValue + Deserialize<'de>> Visitor<'de> for ColumnVisitor<T> {
    type Value = DayColumn<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or one for each slot of a day")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Self::of(T::number(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Self::of(T::number(value as f64)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Self::of(T::number(value as f64)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Self::of(T::text(value)))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(DayColumn::Each(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut cells = Vec::with_capacity(PLACES);
        while let Some(DayCell(value)) = values.next_element::<DayCell<T>>()? {
            cells.push(value);
        }
        Ok(DayColumn::Each(cells))
    }
}

/// The document of a day. Absent columns have no value anywhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DayColumns {
    /// The slots of the day that have a block, a bit each, the first slot being 1.
    slots: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<DayColumn<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<DayColumn<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_samples: Option<DayColumn<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second_samples: Option<DayColumn<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_rtt_seconds: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_lag_max_seconds: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loop_lag_seconds: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_tokens: Option<DayColumn<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_model: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantization: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_endpoint_tag: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_provider: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_by: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration_id: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary_answer: Option<DayColumn<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary_logprobs: Option<DayColumn<String>>,
}

/// A block's place in its day.
fn place(slot: i64) -> usize {
    usize::try_from(slot.rem_euclid(SLOTS_OF_DAY)).unwrap_or(0)
}

impl DayColumns {
    /// The document of these blocks, which are of one day.
    pub fn of(blocks: &[SeriesBlock]) -> Self {
        let numbers = |read: fn(&BlockNumbers) -> Option<f64>| {
            column(blocks, |block| read(&block.numbers).map(|value| rounded(value, EVIDENCE_DIGITS)))
        };
        let facts =
            |read: fn(&BlockFacts) -> &Option<String>| column(blocks, |block| read(&block.facts).clone());
        let median = |figure: Option<BlockFigure>| figure.map(|figure| rounded(figure.median, FIGURE_DIGITS));
        let samples = |figure: Option<BlockFigure>| figure.map(|figure| figure.samples);
        Self {
            slots: blocks.iter().fold(0, |slots, block| slots | 1 << place(block.slot)),
            attempts: column(blocks, |block| Some(block.attempts)),
            failures: column(blocks, |block| Some(block.failures).filter(|count| *count > 0)),
            ttft: column(blocks, |block| median(block.ttft)),
            ttft_samples: column(blocks, |block| samples(block.ttft)),
            tokens_per_second: column(blocks, |block| median(block.tokens_per_second)),
            tokens_per_second_samples: column(blocks, |block| samples(block.tokens_per_second)),
            network_rtt_seconds: numbers(|numbers| numbers.network_rtt_seconds),
            kernel_lag_max_seconds: numbers(|numbers| numbers.kernel_lag_max_seconds),
            loop_lag_seconds: numbers(|numbers| numbers.loop_lag_seconds),
            output_tokens: numbers(|numbers| numbers.output_tokens),
            input_tokens: numbers(|numbers| numbers.input_tokens),
            answer_tokens: numbers(|numbers| numbers.answer_tokens),
            finish_reason: facts(|facts| &facts.finish_reason),
            response_model: facts(|facts| &facts.response_model),
            system_fingerprint: facts(|facts| &facts.system_fingerprint),
            quantization: facts(|facts| &facts.quantization),
            route_endpoint_tag: facts(|facts| &facts.route_endpoint_tag),
            observed_provider: facts(|facts| &facts.observed_provider),
            measured_by: facts(|facts| &facts.measured_by),
            calibration_id: facts(|facts| &facts.calibration_id),
            canary_answer: facts(|facts| &facts.canary_answer),
            canary_logprobs: facts(|facts| &facts.canary_logprobs),
        }
    }

    /// The same day with these blocks in the place of those of their slots.
    #[must_use]
    pub fn with(&self, day: i64, blocks: &[SeriesBlock]) -> Self {
        let mut all = self.blocks(day);
        all.retain(|block| !blocks.iter().any(|new| new.slot == block.slot));
        all.extend_from_slice(blocks);
        all.sort_by_key(|block| block.slot);
        Self::of(&all)
    }

    /// Slot, median and samples of a figure, in order of time, where the day has any.
    pub fn levels(&self, day: i64, figure: WatchedFigure) -> impl Iterator<Item = (i64, BlockFigure)> {
        (0..PLACES)
            .filter(|place| self.has(*place))
            .filter_map(move |place| Some((slot(day, place), self.figure(figure, place)?)))
    }

    /// Slot, answered requests and these facts of each block, by the names of rows' fields, in order of time.
    pub fn facts<'a, const FACTS: usize>(
        &'a self,
        day: i64,
        names: [&'a str; FACTS],
    ) -> impl Iterator<Item = (i64, u32, [Option<Cow<'a, str>>; FACTS])> {
        (0..PLACES).filter(|place| self.has(*place)).map(move |place| {
            let attempts = cell(&self.attempts, place).unwrap_or(0);
            let answered = attempts.saturating_sub(cell(&self.failures, place).unwrap_or(0));
            (slot(day, place), answered, names.map(|name| self.fact(name, place)))
        })
    }

    fn fact(&self, name: &str, place: usize) -> Option<Cow<'_, str>> {
        let texts = match name {
            "finish_reason" => &self.finish_reason,
            "response_model" => &self.response_model,
            "system_fingerprint" => &self.system_fingerprint,
            "quantization" => &self.quantization,
            "input_tokens" => return cell(&self.input_tokens, place).map(|count| count.to_string().into()),
            _ => &None,
        };
        Some(Cow::Borrowed(texts.as_ref()?.at(place)?))
    }

    /// Slot and length of whole answers at temperature 0, in order of time.
    pub fn lengths(&self, day: i64) -> impl Iterator<Item = (i64, f64)> {
        let places = (0..PLACES).filter(|place| self.has(*place));
        places.filter_map(move |place| Some((slot(day, place), cell(&self.answer_tokens, place)?)))
    }

    /// Slot, text and probabilities of canaries' answers, in order of time. Of a day without probabilities there are none.
    pub fn answers(&self, day: i64) -> impl Iterator<Item = (i64, &str, Vec<f64>)> {
        let places = (0..PLACES).filter(|place| self.has(*place));
        places.filter_map(move |place| {
            let text = self.canary_answer.as_ref()?.at(place)?;
            let logprobs = self.canary_logprobs.as_ref().and_then(|column| column.at(place));
            let numbers = logprobs.map(|line| line.split(' ').filter_map(|word| word.parse().ok()).collect());
            Some((slot(day, place), text.as_str(), numbers.unwrap_or_default()))
        })
    }

    /// The number of blocks with a sample of any figure.
    pub fn sampled(&self) -> i64 {
        let any =
            |place: &usize| WatchedFigure::ALL.iter().any(|figure| self.figure(*figure, *place).is_some());
        (0..PLACES).filter(|place| self.has(*place)).filter(any).count() as i64
    }

    /// The day's blocks in order of time.
    pub fn blocks(&self, day: i64) -> Vec<SeriesBlock> {
        (0..PLACES).filter(|place| self.has(*place)).map(|place| self.block(day, place)).collect()
    }

    fn has(&self, place: usize) -> bool {
        self.slots & 1 << place != 0
    }

    fn figure(&self, figure: WatchedFigure, place: usize) -> Option<BlockFigure> {
        let (median, samples) = match figure {
            WatchedFigure::Ttft => (&self.ttft, &self.ttft_samples),
            WatchedFigure::TokensPerSecond => (&self.tokens_per_second, &self.tokens_per_second_samples),
        };
        let median = cell(median, place).filter(|median| *median > 0.0)?;
        Some(BlockFigure { median, samples: cell(samples, place)? })
    }

    fn block(&self, day: i64, place: usize) -> SeriesBlock {
        SeriesBlock {
            slot: slot(day, place),
            ttft: self.figure(WatchedFigure::Ttft, place),
            tokens_per_second: self.figure(WatchedFigure::TokensPerSecond, place),
            attempts: cell(&self.attempts, place).unwrap_or(0),
            failures: cell(&self.failures, place).unwrap_or(0),
            numbers: BlockNumbers {
                network_rtt_seconds: cell(&self.network_rtt_seconds, place),
                kernel_lag_max_seconds: cell(&self.kernel_lag_max_seconds, place),
                loop_lag_seconds: cell(&self.loop_lag_seconds, place),
                output_tokens: cell(&self.output_tokens, place),
                input_tokens: cell(&self.input_tokens, place),
                answer_tokens: cell(&self.answer_tokens, place),
            },
            facts: BlockFacts {
                finish_reason: cell(&self.finish_reason, place),
                response_model: cell(&self.response_model, place),
                system_fingerprint: cell(&self.system_fingerprint, place),
                quantization: cell(&self.quantization, place),
                route_endpoint_tag: cell(&self.route_endpoint_tag, place),
                observed_provider: cell(&self.observed_provider, place),
                measured_by: cell(&self.measured_by, place),
                calibration_id: cell(&self.calibration_id, place),
                canary_answer: cell(&self.canary_answer, place),
                canary_logprobs: cell(&self.canary_logprobs, place),
            },
        }
    }
}

fn slot(day: i64, place: usize) -> i64 {
    day * SLOTS_OF_DAY + place as i64
}

fn cell<T: Clone>(column: &Option<DayColumn<T>>, place: usize) -> Option<T> {
    column.as_ref()?.at(place).cloned()
}

fn column<T: Clone + PartialEq>(
    blocks: &[SeriesBlock],
    read: impl Fn(&SeriesBlock) -> Option<T>,
) -> Option<DayColumn<T>> {
    let values: Vec<Option<T>> = blocks.iter().map(read).collect();
    let first = values.first()?.clone();
    if values.iter().all(|value| *value == first) {
        return first.map(DayColumn::Same);
    }
    let mut cells = vec![None; PLACES];
    for (block, value) in blocks.iter().zip(values) {
        cells[place(block.slot)] = value;
    }
    while cells.last().is_some_and(Option::is_none) {
        cells.pop();
    }
    Some(DayColumn::Each(cells))
}

/// Significant digits of watched figures: far below the noise of any.
const FIGURE_DIGITS: usize = 6;

/// Significant digits of medians that only explain.
const EVIDENCE_DIGITS: usize = 4;

/// A number with so many significant digits, which makes its text short.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(slot: i64, ttft: f64, model: &str) -> SeriesBlock {
        SeriesBlock {
            slot,
            ttft: Some(BlockFigure { median: ttft, samples: 6 }),
            attempts: 6,
            numbers: BlockNumbers { input_tokens: Some(27.0), ..BlockNumbers::default() },
            facts: BlockFacts { response_model: Some(model.to_owned()), ..BlockFacts::default() },
            ..SeriesBlock::default()
        }
    }

    #[test]
    fn a_day_is_short_and_gives_its_blocks_back() {
        let day = 20_000;
        let blocks: Vec<_> =
            (0..8).map(|place| block(day * 8 + place, 0.25 + place as f64 / 100.0, "m")).collect();
        let columns = DayColumns::of(&blocks);
        let text = serde_json::to_string(&columns).unwrap();
        assert!(text.contains(r#""response_model":"m""#) && text.contains(r#""attempts":6"#), "{text}");
        assert_eq!(serde_json::from_str::<DayColumns>(&text).unwrap(), columns);
        assert_eq!(columns.blocks(day), blocks);
        let late = block(day * 8 + 2, 9.0, "other");
        let changed = columns.with(day, std::slice::from_ref(&late));
        assert_eq!(changed.blocks(day)[2], late);
        assert_eq!(changed.blocks(day)[3], blocks[3]);
        let levels: Vec<_> =
            changed.levels(day, WatchedFigure::Ttft).map(|(_, level)| level.median).collect();
        assert_eq!((levels.len(), levels[2]), (8, 9.0));
        assert_eq!(changed.levels(day, WatchedFigure::TokensPerSecond).count(), 0);
        let facts: Vec<_> = changed.facts(day, ["response_model", "input_tokens", "quantization"]).collect();
        assert_eq!((facts.len(), facts[2].0, facts[2].1), (8, day * 8 + 2, 6));
        assert_eq!(facts[2].2, [Some("other".into()), Some("27".into()), None]);
    }

    #[test]
    fn gaps_stay_gaps_and_damage_is_no_value() {
        let columns = DayColumns::of(&[
            block(3, 0.5, "m"),
            SeriesBlock { slot: 5, attempts: 2, failures: 2, ..SeriesBlock::default() },
        ]);
        let back = columns.blocks(0);
        assert_eq!((back.len(), back[0].slot, back[1].slot), (2, 3, 5));
        assert_eq!((back[1].failures, back[1].ttft, &back[1].facts.response_model), (2, None, &None));
        let odd = r#"{"slots":3,"attempts":"x","ttft":[null,"y",{"a":1}],"ttft_samples":2,"finish_reason":[7,"stop"],"new":[1]}"#;
        let odd = serde_json::from_str::<DayColumns>(odd);
        assert!(odd.is_err() || odd.unwrap().levels(0, WatchedFigure::Ttft).count() == 0);
    }

    fn any_block() -> impl Strategy<Value = SeriesBlock> {
        let figure = || prop::option::of((1e-4..1e4_f64, 1..99_u32));
        let text = || prop::option::of("[a-z]{1,3}");
        (0..8_i64, figure(), figure(), 0..9_u32, 0..9_u32, prop::option::of(1e-6..1e3_f64), text()).prop_map(
            |(slot, ttft, tps, attempts, failures, rtt, reason)| {
                let figure = |one: Option<(f64, u32)>| {
                    one.map(|(median, samples)| BlockFigure { median: rounded(median, 6), samples })
                };
                SeriesBlock {
                    slot,
                    ttft: figure(ttft),
                    tokens_per_second: figure(tps),
                    attempts,
                    failures,
                    numbers: BlockNumbers {
                        network_rtt_seconds: rtt.map(|rtt| rounded(rtt, 4)),
                        ..BlockNumbers::default()
                    },
                    facts: BlockFacts { finish_reason: reason, ..BlockFacts::default() },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_document_gives_every_block_back(mut blocks in prop::collection::vec(any_block(), 0..8)) {
            blocks.sort_by_key(|block| block.slot);
            blocks.dedup_by_key(|block| block.slot);
            let text = serde_json::to_string(&DayColumns::of(&blocks)).unwrap();
            prop_assert_eq!(serde_json::from_str::<DayColumns>(&text).unwrap().blocks(0), blocks);
        }
    }
}

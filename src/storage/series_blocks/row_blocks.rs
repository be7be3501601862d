//! Makes blocks of the rows of one slot. Pure, but for the reading of pages.

use crate::domain::median::median;
use crate::domain::series_block::{
    BlockFacts, BlockFigure, BlockNumbers, BlockOfSeries, SeriesBlock, slot_end, slot_start,
};
use crate::domain::series_change::MeasuredSeries;
use crate::domain::{ModelRef, Window};
use crate::storage::history::row_pages::{RowPage, RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use crate::storage::outcomes::document::our_kinds;
use crate::storage::{Store, StoreError};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// The fields that a store sends of a row.
const FIELDS: &[&str] = &[
    // A page has the time of a row where the row has it.
    "run_ts",
    "ts",
    "provider",
    "model_name",
    "runner",
    "benchmark_profile_id",
    "connection",
    "sample_role",
    "error_kind",
    "suspect",
    "decode_suspect",
    "ttft_suspect",
    "clock_suspect",
    "time_to_first_token",
    "tokens_per_second",
    "generated_tokens_per_second",
    "network_rtt_seconds",
    "kernel_lag_max_seconds",
    "loop_lag_seconds",
    "output_tokens",
    "input_tokens",
    "finish_reason",
    "response_model",
    "system_fingerprint",
    "quantization",
    "route_endpoint_tag",
    "observed_provider",
    "measured_by",
    "calibration_id",
];

/// Roles of the requests of daemons. What people ask by hand is asked at other times and under other load.
const ROLES: [&str; 2] = ["published", "shadow"];

/// Blocks of a slot, and the number of rows that it had.
#[derive(Debug, Default)]
pub struct DerivedSlot {
    pub rows: u64,
    pub blocks: Vec<BlockOfSeries>,
}

/// Reads the rows of a slot, and makes its blocks, sorted by series.
///
/// # Errors
/// The store's.
pub async fn derive(store: &dyn Store, slot: i64) -> Result<DerivedSlot, StoreError> {
    let window = Window { from: Some(slot_start(slot)), to: Some(slot_end(slot)) };
    let scope = HistoryFilter { window, ..HistoryFilter::default() };
    let mut tallies = SlotTallies::default();
    let runs = RunSeries::ALL.into_iter().map(RowSource::Runs);
    for table in runs.chain([RowSource::Errors]) {
        let mut pages = store.pages(RowQuery { table, scope: scope.clone(), fields: Some(FIELDS) });
        while let Some(page) = pages.next().await? {
            tallies.add(&page, table == RowSource::Errors);
        }
    }
    Ok(tallies.blocks(slot))
}

/// The rows of a slot by their series.
#[derive(Debug, Default)]
struct SlotTallies {
    rows: u64,
    tallies: HashMap<MeasuredSeries, BlockTally>,
}

impl SlotTallies {
    fn add(&mut self, page: &RowPage, failed: bool) {
        self.rows += page.len() as u64;
        page.rows().for_each(|text| self.add_row(text, failed));
    }

    /// Adds a row of any writer; one that names no series is passed over.
    fn add_row(&mut self, text: &str, failed: bool) {
        let Ok(row) = serde_json::from_str::<BlockRow>(text) else { return };
        let counts = row.role.as_deref().is_none_or(|role| ROLES.contains(&role));
        let Some(series) = row.series().filter(|_| counts && !row.clock_suspect) else { return };
        if failed && row.error_kind.as_deref().is_some_and(|kind| our_kinds().any(|ours| ours == kind)) {
            return;
        }
        self.tallies.entry(series).or_default().add(&row, failed);
    }

    fn blocks(self, slot: i64) -> DerivedSlot {
        let block = |(series, tally): (_, BlockTally)| BlockOfSeries { series, block: tally.block(slot) };
        let mut blocks: Vec<BlockOfSeries> = self.tallies.into_iter().map(block).collect();
        blocks.sort_by(|one, other| one.series.cmp(&other.series));
        DerivedSlot { rows: self.rows, blocks }
    }
}

/// The fields of a row that blocks are made of.
#[derive(Debug, Default)]
struct BlockRow<'a> {
    provider: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    runner: Option<Cow<'a, str>>,
    profile: Option<Cow<'a, str>>,
    connection: Option<Cow<'a, str>>,
    role: Option<Cow<'a, str>>,
    error_kind: Option<Cow<'a, str>>,
    suspect: bool,
    ttft_suspect: bool,
    decode_suspect: bool,
    clock_suspect: bool,
    ttft: Option<f64>,
    published_rate: Option<f64>,
    generated_rate: Option<f64>,
    numbers: BlockNumbers,
    facts: [Option<Cow<'a, str>>; FACTS],
}

/// Facts of a row, in the order of [`BlockFacts`].
const FACTS: usize = 8;

impl BlockRow<'_> {
    /// The series of the row; `None` if it names no provider and model.
    fn series(&self) -> Option<MeasuredSeries> {
        let word = |word: &Option<Cow<'_, str>>| {
            word.as_deref().filter(|word| !word.trim().is_empty()).map(str::to_owned)
        };
        let model = ModelRef::new(word(&self.provider)?, word(&self.model)?);
        // Only requests that are pinned to a router's endpoint have its tag, and each endpoint is measured apart.
        let tag = self.facts[4].as_deref().filter(|_| model.is_routed() && model.endpoint_tag().is_none());
        let model = match tag {
            Some(tag) => model.pinned(tag),
            None => model,
        };
        Some(MeasuredSeries {
            model,
            runner: word(&self.runner),
            profile: word(&self.profile),
            connection: word(&self.connection),
        })
    }

    /// The time to first token, unless the client may have moved it.
    fn sound_ttft(&self) -> Option<f64> {
        let doubtful = self.ttft_suspect || (self.suspect && !self.decode_suspect);
        self.ttft.filter(|value| !doubtful && is_level(*value))
    }

    /// Generated tokens over the whole request. Rows of profiles that publish no rate have it under its other name.
    fn sound_rate(&self) -> Option<f64> {
        let rate = self.published_rate.or(self.generated_rate);
        rate.filter(|value| !self.suspect && is_level(*value))
    }
}

/// True for a value that has a logarithm.
fn is_level(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

struct BlockRowVisitor;

impl<'de: 'a, 'a> Deserialize<'de> for BlockRow<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(BlockRowVisitor)
    }
}

impl<'de> Visitor<'de> for BlockRowVisitor {
    type Value = BlockRow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut row = BlockRow::default();
        while let Some(RowKey(name)) = fields.next_key()? {
            match name.as_ref() {
                "provider" => row.provider = words(&mut fields)?,
                "model_name" => row.model = words(&mut fields)?,
                "runner" => row.runner = words(&mut fields)?,
                "benchmark_profile_id" => row.profile = words(&mut fields)?,
                "connection" => row.connection = words(&mut fields)?,
                "sample_role" => row.role = words(&mut fields)?,
                "error_kind" => row.error_kind = words(&mut fields)?,
                "suspect" => row.suspect = flag(&mut fields)?,
                "ttft_suspect" => row.ttft_suspect = flag(&mut fields)?,
                "decode_suspect" => row.decode_suspect = flag(&mut fields)?,
                "clock_suspect" => row.clock_suspect = flag(&mut fields)?,
                "time_to_first_token" => row.ttft = number(&mut fields)?,
                "tokens_per_second" => row.published_rate = number(&mut fields)?,
                "generated_tokens_per_second" => row.generated_rate = number(&mut fields)?,
                "network_rtt_seconds" => row.numbers.network_rtt_seconds = number(&mut fields)?,
                "kernel_lag_max_seconds" => row.numbers.kernel_lag_max_seconds = number(&mut fields)?,
                "loop_lag_seconds" => row.numbers.loop_lag_seconds = number(&mut fields)?,
                "output_tokens" => row.numbers.output_tokens = number(&mut fields)?,
                "input_tokens" => row.numbers.input_tokens = number(&mut fields)?,
                "finish_reason" => row.facts[0] = words(&mut fields)?,
                "response_model" => row.facts[1] = words(&mut fields)?,
                "system_fingerprint" => row.facts[2] = words(&mut fields)?,
                "quantization" => row.facts[3] = words(&mut fields)?,
                "route_endpoint_tag" => row.facts[4] = words(&mut fields)?,
                "observed_provider" => row.facts[5] = words(&mut fields)?,
                "measured_by" => row.facts[6] = words(&mut fields)?,
                "calibration_id" => row.facts[7] = words(&mut fields)?,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(row)
    }
}

/// A field's name, borrowed where it has no escapes.
struct RowKey<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for RowKey<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        WordsSeed.deserialize(from).map(|name| RowKey(name.unwrap_or_default()))
    }
}

/// A text, borrowed where it has no escapes; other types are none.
struct WordsSeed;

impl<'de> DeserializeSeed<'de> for WordsSeed {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WordsSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

fn words<'de, A: MapAccess<'de>>(fields: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    fields.next_value_seed(WordsSeed)
}

fn flag<'de, A: MapAccess<'de>>(fields: &mut A) -> Result<bool, A::Error> {
    Ok(fields.next_value::<Value>()? == Value::Bool(true))
}

fn number<'de, A: MapAccess<'de>>(fields: &mut A) -> Result<Option<f64>, A::Error> {
    Ok(fields.next_value::<Value>()?.as_f64())
}

/// What the rows of a block say.
#[derive(Debug, Default)]
struct BlockTally {
    attempts: u32,
    failures: u32,
    ttft: Vec<f64>,
    rates: Vec<f64>,
    numbers: [Vec<f64>; 5],
    facts: [HashMap<String, u32>; FACTS],
}

impl BlockTally {
    fn add(&mut self, row: &BlockRow<'_>, failed: bool) {
        self.attempts += 1;
        self.failures += u32::from(failed);
        // A failure is never a sample.
        if failed {
            return;
        }
        self.ttft.extend(row.sound_ttft());
        self.rates.extend(row.sound_rate());
        let BlockNumbers {
            network_rtt_seconds,
            kernel_lag_max_seconds,
            loop_lag_seconds,
            output_tokens,
            input_tokens,
        } = row.numbers;
        let values =
            [network_rtt_seconds, kernel_lag_max_seconds, loop_lag_seconds, output_tokens, input_tokens];
        for (tally, value) in self.numbers.iter_mut().zip(values) {
            tally.extend(value.filter(|value| value.is_finite()));
        }
        for (tally, word) in self.facts.iter_mut().zip(&row.facts) {
            if let Some(word) = word.as_deref() {
                match tally.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(tally.insert(word.to_owned(), 1)),
                }
            }
        }
    }

    fn block(self, slot: i64) -> SeriesBlock {
        let [rtt, kernel, lag, output, input] = self.numbers.map(|mut values| median(&mut values));
        let [finish, model, fingerprint, quantization, tag, observed, program, calibration] =
            self.facts.map(dominant);
        SeriesBlock {
            slot,
            ttft: figure(self.ttft),
            tokens_per_second: figure(self.rates),
            attempts: self.attempts,
            failures: self.failures,
            numbers: BlockNumbers {
                network_rtt_seconds: rtt,
                kernel_lag_max_seconds: kernel,
                loop_lag_seconds: lag,
                output_tokens: output,
                input_tokens: input,
            },
            facts: BlockFacts {
                finish_reason: finish,
                response_model: model,
                system_fingerprint: fingerprint,
                quantization,
                route_endpoint_tag: tag,
                observed_provider: observed,
                measured_by: program,
                calibration_id: calibration,
            },
        }
    }
}

fn figure(mut values: Vec<f64>) -> Option<BlockFigure> {
    let samples = u32::try_from(values.len()).unwrap_or(u32::MAX);
    median(&mut values).map(|median| BlockFigure { median, samples })
}

/// The word that most rows have; of equally many the first in the alphabet, so that a second look says the same.
fn dominant(words: HashMap<String, u32>) -> Option<String> {
    let most = words.into_iter().max_by(|one, other| one.1.cmp(&other.1).then(other.0.cmp(&one.0)));
    most.map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pair::COUNTERPART;
    use proptest::prelude::*;
    use serde_json::json;

    fn row(change: impl FnOnce(&mut Value)) -> String {
        let mut row = json!({
            "provider": "groq", "model_name": "m", "connection": "cold", "benchmark_profile_id": "p",
            "sample_role": "published", "suspect": false, "ttft_suspect": false, "decode_suspect": false,
            "time_to_first_token": 0.4, "tokens_per_second": 50.0, "finish_reason": "stop", "misc": {"a": [1]},
            "network_rtt_seconds": 0.02,
        });
        change(&mut row);
        row.to_string()
    }

    fn derived(rows: &[(String, bool)]) -> DerivedSlot {
        let mut tallies = SlotTallies::default();
        for (text, failed) in rows {
            tallies.rows += 1;
            tallies.add_row(text, *failed);
        }
        tallies.blocks(7)
    }

    #[test]
    fn a_block_has_medians_of_sound_samples_and_the_word_of_most() {
        let found = derived(&[
            (row(|row| row["time_to_first_token"] = json!(0.2)), false),
            (row(|row| row["finish_reason"] = json!("length")), false),
            (
                row(|row| {
                    (row["suspect"], row["ttft_suspect"], row["time_to_first_token"]) =
                        (json!(true), json!(true), json!(90))
                }),
                false,
            ),
            (
                row(|row| {
                    (row["suspect"], row["decode_suspect"], row["tokens_per_second"]) =
                        (json!(true), json!(true), json!(1))
                }),
                false,
            ),
            (row(|row| row["error_kind"] = json!("timeout")), true),
            (row(|row| row["error_kind"] = json!("interrupted")), true),
        ]);
        assert_eq!((found.rows, found.blocks.len()), (6, 1));
        let block = &found.blocks[0].block;
        assert_eq!((block.slot, block.attempts, block.failures), (7, 5, 1));
        assert_eq!(block.ttft, Some(BlockFigure { median: 0.4, samples: 3 }));
        assert_eq!(block.tokens_per_second, Some(BlockFigure { median: 50.0, samples: 2 }));
        assert_eq!(block.facts.finish_reason.as_deref(), Some("stop"));
        assert_eq!(block.numbers.network_rtt_seconds, Some(0.02));
    }

    #[test]
    fn only_what_daemons_ask_counts_and_each_series_alone() {
        let found = derived(&[
            (row(|row| row["sample_role"] = json!("manual")), false),
            (row(|row| row["sample_role"] = json!(COUNTERPART)), false),
            (row(|row| row["clock_suspect"] = json!(true)), false),
            (row(|row| row["model_name"] = json!(7)), false),
            ("no document".to_owned(), false),
            (row(|row| row["sample_role"] = Value::Null), false),
            (row(|row| row["runner"] = json!("tokyo")), false),
            (row(|row| row["connection"] = json!("warm")), false),
            (
                row(|row| {
                    (row["provider"], row["route_endpoint_tag"]) = (json!("openrouter"), json!("novita"))
                }),
                false,
            ),
        ]);
        let series: Vec<_> = found
            .blocks
            .iter()
            .map(|one| {
                (one.series.model.to_string(), one.series.runner.as_deref(), one.series.connection.as_deref())
            })
            .collect();
        let m = "groq:m".to_owned();
        let expected = [
            (m.clone(), None, Some("cold")),
            (m.clone(), None, Some("warm")),
            (m, Some("tokyo"), Some("cold")),
            ("openrouter:m@novita".to_owned(), None, Some("cold")),
        ];
        assert_eq!(series, expected);
    }

    #[test]
    fn a_rate_that_is_not_published_is_watched_under_its_other_name() {
        let found = derived(&[(
            row(|row| {
                (row["tokens_per_second"], row["generated_tokens_per_second"]) = (Value::Null, json!(30.0))
            }),
            false,
        )]);
        assert_eq!(found.blocks[0].block.tokens_per_second.unwrap().median, 30.0);
    }

    proptest! {
        #[test]
        fn no_stored_row_breaks_a_block(
            fields in prop::collection::vec((prop::sample::select(FIELDS), "(\"[a-z\\\\\\\\\"]{0,3}\"|[0-9]{1,3}|-1e9|1e999|null|true|\\[1\\]|\\{\"a\":1\\})"), 0..12),
            failed: bool,
        ) {
            let text = format!("{{{}}}", fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","));
            let found = derived(&[(text, failed)]);
            prop_assert!(found.blocks.len() <= 1);
            prop_assert!(found.blocks.iter().all(|one| one.block.ttft.is_none_or(|figure| figure.median > 0.0)));
        }
    }
}

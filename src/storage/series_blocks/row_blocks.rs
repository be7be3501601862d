//! Makes blocks of the rows of one slot. Pure, but for the reading of pages.

use super::block_row::{BlockRow, FACTS, FIELDS};
use crate::domain::Window;
use crate::domain::canary::CANARY_ROLE;
use crate::domain::median::median;
use crate::domain::series_block::{
    BlockFacts, BlockFigure, BlockNumbers, BlockOfSeries, SeriesBlock, slot_end, slot_start,
};
use crate::domain::series_change::MeasuredSeries;
use crate::storage::history::row_pages::{RowPage, RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use crate::storage::outcomes::document::our_kinds;
use crate::storage::{Store, StoreError};
use std::collections::HashMap;

/// Roles of the requests of daemons. What people ask by hand is asked at other times and under other load.
const ROLES: [&str; 3] = ["published", "shadow", CANARY_ROLE];

/// The place of `measured_by` among the facts of a row.
const MEASURED_BY: usize = 6;

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

/// What the rows of a block say.
#[derive(Debug, Default)]
struct BlockTally {
    attempts: u32,
    failures: u32,
    ttft: Vec<f64>,
    rates: Vec<f64>,
    numbers: [Vec<f64>; 5],
    facts: [HashMap<String, u32>; FACTS],
    /// Answers at temperature 0, and the lengths of those that ended by themselves.
    deterministic: usize,
    lengths: Vec<f64>,
    /// Canaries' answers with the probabilities of their tokens.
    answers: Vec<(String, Option<String>)>,
}

impl BlockTally {
    fn add(&mut self, row: &BlockRow<'_>, failed: bool) {
        self.attempts += 1;
        self.failures += u32::from(failed);
        // A failure is never a sample.
        if failed {
            return;
        }
        // Of a canary its answer counts alone: one sample a day is no figure.
        if row.is_canary() {
            self.answers.extend(row.answer().map(|answer| (answer, row.logprobs().map(str::to_owned))));
            // Another program may read the same answer otherwise.
            if let Some(program) = row.facts[MEASURED_BY].as_deref() {
                *self.facts[MEASURED_BY].entry(program.to_owned()).or_default() += 1;
            }
            return;
        }
        self.ttft.extend(row.sound_ttft());
        self.rates.extend(row.sound_rate());
        if row.is_deterministic() {
            self.deterministic += 1;
            self.lengths.extend(row.whole_length());
        }
        let BlockNumbers {
            network_rtt_seconds,
            kernel_lag_max_seconds,
            loop_lag_seconds,
            output_tokens,
            input_tokens,
            answer_tokens: _,
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
        let answer_tokens = whole_length(self.lengths, self.deterministic);
        let (canary_answer, canary_logprobs) = canary(self.answers);
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
                answer_tokens,
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
                canary_answer,
                canary_logprobs,
            },
        }
    }
}

/// The median length of whole answers. Where most answers were cut, the whole ones are the short ones alone, and how many
/// there are would move the median: then it is not known.
fn whole_length(mut lengths: Vec<f64>, deterministic: usize) -> Option<f64> {
    if lengths.len() * 2 < deterministic { None } else { median(&mut lengths) }
}

/// The answer of most rows, with probabilities that belong to it.
fn canary(answers: Vec<(String, Option<String>)>) -> (Option<String>, Option<String>) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    answers.iter().for_each(|(answer, _)| *counts.entry(answer.clone()).or_default() += 1);
    let answer = dominant(counts);
    let of_it = answers.into_iter().filter(|(one, _)| Some(one) == answer.as_ref());
    let logprobs = of_it.filter_map(|(_, logprobs)| logprobs).min();
    (answer, logprobs)
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
    use crate::domain::canary::CANARY_PROFILE;
    use crate::domain::pair::COUNTERPART;
    use proptest::prelude::*;
    use serde_json::{Value, json};

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

    #[test]
    fn lengths_are_those_of_whole_answers_at_temperature_0() {
        let whole = |tokens: u32| {
            row(|row| {
                row["temperature"] = json!(0.0);
                (row["output_tokens"], row["max_output_tokens_attempted"]) = (json!(tokens), json!(512));
            })
        };
        let changed = |change: fn(&mut Value)| {
            let mut row: Value = serde_json::from_str(&whole(500)).unwrap();
            change(&mut row);
            row.to_string()
        };
        let cut = || changed(|row| row["finish_reason"] = json!("MAX_TOKENS"));
        let length = |rows: &[String]| {
            let rows: Vec<_> = rows.iter().map(|row| (row.clone(), false)).collect();
            derived(&rows).blocks[0].block.numbers.answer_tokens
        };
        assert_eq!(length(&[whole(200), whole(204), whole(220), cut()]), Some(204.0));
        assert_eq!(length(&[whole(200), cut(), cut()]), None, "most were cut");
        for (change, why) in [
            ((|row| row["temperature"] = json!(0.1)) as fn(&mut Value), "another temperature"),
            (|row| row["temperature"] = Value::Null, "no temperature"),
            (|row| row["adaptations"] = json!(["omit_temperature"]), "the model takes none"),
            (|row| row["output_tokens"] = json!(512), "the whole budget"),
            (|row| row["max_output_tokens_attempted"] = Value::Null, "no budget to hold it against"),
            (|row| row["finish_reason"] = Value::Null, "nobody says why it ended"),
        ] {
            assert_eq!(length(&[changed(change)]), None, "{why}");
        }
    }

    #[test]
    fn a_canary_has_its_answer_and_no_figure() {
        let canary = |text: &str, logprobs: Value| {
            let row = row(|row| {
                (row["sample_role"], row["benchmark_profile_id"]) = (json!("canary"), json!(CANARY_PROFILE));
                (row["answer_text"], row["answer_sha256"]) = (json!(text), json!("0123456789abcdef"));
                row["answer_logprobs"] = logprobs;
                row["measured_by"] = json!("llmbench/0.2.0");
            });
            (row, false)
        };
        let found = derived(&[
            canary("bear, bat", json!([-0.5, -1.234_567_8])),
            canary("bear, bat", json!([-0.5, -9.0])),
            canary("bee", json!([-7.0])),
        ]);
        let block = &found.blocks[0].block;
        assert_eq!((block.attempts, block.ttft, block.tokens_per_second), (3, None, None));
        assert_eq!(block.facts.canary_answer.as_deref(), Some("bear, bat"));
        assert_eq!(block.facts.canary_logprobs.as_deref(), Some("-0.5 -1.235"));
        assert_eq!(block.facts.finish_reason, None);
        assert_eq!(block.facts.measured_by.as_deref(), Some("llmbench/0.2.0"));
        let facts = |text: &str, logprobs: Value| {
            let facts = derived(&[canary(text, logprobs)]).blocks.remove(0).block.facts;
            (facts.canary_answer.unwrap(), facts.canary_logprobs)
        };
        let long = facts(&"ö".repeat(300), json!("no list"));
        assert!(long.0.ends_with("… #0123456789ab") && long.0.chars().count() < 130 && long.1.is_none());
        assert_eq!(facts("", json!([-1, "x"])), ("#0123456789ab".to_owned(), None));
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

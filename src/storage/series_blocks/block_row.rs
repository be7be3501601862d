//! The fields of a stored row that blocks are made of, read without the rest of it. Rows are of any writer: a field of
//! another type has no value.

use crate::domain::ModelRef;
use crate::domain::canary::CANARY_ROLE;
use crate::domain::series_block::BlockNumbers;
use crate::domain::series_change::MeasuredSeries;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The fields that a store sends of a row.
pub const FIELDS: &[&str] = &[
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
    "temperature",
    "max_output_tokens_attempted",
    "adaptations",
    "answer_text",
    "answer_sha256",
    "answer_logprobs",
];

/// Facts of a row, in the order of [`BlockFacts`](crate::domain::series_block::BlockFacts).
pub const FACTS: usize = 8;

/// The fields of a row that blocks are made of.
#[derive(Debug, Default)]
pub struct BlockRow<'a> {
    provider: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    runner: Option<Cow<'a, str>>,
    profile: Option<Cow<'a, str>>,
    connection: Option<Cow<'a, str>>,
    pub role: Option<Cow<'a, str>>,
    pub error_kind: Option<Cow<'a, str>>,
    suspect: bool,
    ttft_suspect: bool,
    decode_suspect: bool,
    pub clock_suspect: bool,
    ttft: Option<f64>,
    published_rate: Option<f64>,
    generated_rate: Option<f64>,
    pub numbers: BlockNumbers,
    pub facts: [Option<Cow<'a, str>>; FACTS],
    temperature: Option<f64>,
    /// The most tokens that the answer could have.
    budget: Option<f64>,
    /// The model takes no temperature, so it has one of its own.
    omits_temperature: bool,
    answer_text: Option<Cow<'a, str>>,
    answer_sha256: Option<Cow<'a, str>>,
    /// Natural logarithms, with [`LOGPROB_DIGITS`] digits and blanks between them.
    answer_logprobs: Option<String>,
}

/// Reasons of ends, in providers' words, that say that the budget was used up.
const CUT: [&str; 4] = ["length", "max_tokens", "max_output_tokens", "incomplete"];

/// Digits of a token's probability: the smallest step that is told is larger by far.
const LOGPROB_DIGITS: usize = 4;

/// The adaptation of models that take no temperature.
const OMITS_TEMPERATURE: &str = "omit_temperature";

/// Longest canary's answer that is kept whole, in characters; of longer ones the hash says whether they are the same.
const WHOLE_ANSWER: usize = 120;

/// Digits of a hash that stand for it.
const HASH_DIGITS: usize = 12;

impl BlockRow<'_> {
    /// The series of the row; `None` if it names no provider and model.
    pub fn series(&self) -> Option<MeasuredSeries> {
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
    pub fn sound_ttft(&self) -> Option<f64> {
        let doubtful = self.ttft_suspect || (self.suspect && !self.decode_suspect);
        self.ttft.filter(|value| !doubtful && is_level(*value))
    }

    /// Generated tokens over the whole request. Rows of profiles that publish no rate have it under its other name.
    pub fn sound_rate(&self) -> Option<f64> {
        let rate = self.published_rate.or(self.generated_rate);
        rate.filter(|value| !self.suspect && is_level(*value))
    }

    pub fn is_canary(&self) -> bool {
        self.role.as_deref() == Some(CANARY_ROLE)
    }

    /// True for an answer at temperature 0: whose length is the model's and not chance.
    pub fn is_deterministic(&self) -> bool {
        self.temperature == Some(0.0) && !self.omits_temperature
    }

    /// The tokens of an answer that ended by itself; `None` where its budget cut it, or may have.
    pub fn whole_length(&self) -> Option<f64> {
        let tokens = self.numbers.output_tokens.filter(|tokens| is_level(*tokens))?;
        let ended = self.facts[0].as_deref()?;
        let is_cut = CUT.iter().any(|word| ended.eq_ignore_ascii_case(word))
            || self.budget.is_none_or(|budget| tokens >= budget);
        (!is_cut).then_some(tokens)
    }

    /// A canary's answer: its text, or the hash of one that is too long to be kept or was not.
    pub fn answer(&self) -> Option<String> {
        let hash = self.answer_sha256.as_deref()?;
        let digits: String = hash.chars().take(HASH_DIGITS).collect();
        Some(match self.answer_text.as_deref() {
            Some(text) if !text.is_empty() && text.chars().count() <= WHOLE_ANSWER => text.to_owned(),
            Some(text) if !text.is_empty() => {
                let begin: String = text.chars().take(WHOLE_ANSWER - HASH_DIGITS).collect();
                format!("{begin}… #{digits}")
            }
            _ => format!("#{digits}"),
        })
    }

    /// The probabilities of its tokens.
    pub fn logprobs(&self) -> Option<&str> {
        self.answer_logprobs.as_deref()
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
                "temperature" => row.temperature = number(&mut fields)?,
                "max_output_tokens_attempted" => row.budget = number(&mut fields)?,
                "adaptations" => row.omits_temperature = omits_temperature(&fields.next_value()?),
                "answer_text" => row.answer_text = words(&mut fields)?,
                "answer_sha256" => row.answer_sha256 = words(&mut fields)?,
                "answer_logprobs" => row.answer_logprobs = logprobs(&fields.next_value()?),
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

fn omits_temperature(adaptations: &Value) -> bool {
    adaptations.as_array().is_some_and(|all| all.iter().any(|one| one == OMITS_TEMPERATURE))
}

/// The numbers in a line; `None` unless all of them are.
fn logprobs(value: &Value) -> Option<String> {
    let numbers: Option<Vec<f64>> = value.as_array()?.iter().map(Value::as_f64).collect();
    let words: Vec<String> = numbers?.into_iter().map(short).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn short(value: f64) -> String {
    format!("{value:.*e}", LOGPROB_DIGITS - 1)
        .parse()
        .map_or_else(|_| "0".to_owned(), |short: f64| short.to_string())
}

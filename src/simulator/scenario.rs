//! Parses a model name into a scenario: a preset and `-key value` modifiers, such as `steady-ttft50-gap2-n64`. Pure;
//! `script` and `error_response` carry it out.

use crate::domain::nearest::nearest;
use std::time::Duration;
use thiserror::Error;

pub use super::presets::{PRESETS, Preset};

/// The longest wait that a name may set, in milliseconds: one hour.
const MAX_MILLIS: f64 = 3_600_000.0;
/// The largest count that a name may set.
const MAX_COUNT: u32 = 1_000_000;

/// The simulator's behaviour for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// `ttft`: request received to first token (reasoning counts), 0 to 1 h.
    pub ttft: Duration,
    /// `gap`: from one token to the next, 0 to 1 h.
    pub gap: Duration,
    /// `jitter`: the most by which a token after the first leaves later than its schedule.
    pub jitter: Duration,
    /// `n`: visible tokens, if the budget allows; 0 to 1,000,000.
    pub tokens: u32,
    /// `r`: reasoning tokens before them; 0 to 1,000,000.
    pub reasoning: u32,
    /// `k`: tokens in one event, 1 or more. An event leaves when its first token is due.
    pub tokens_per_event: u32,
    /// `b`: events that leave together, 1 or more.
    pub burst: u32,
    /// `after`: visible tokens before a fault happens; `None` is half of them.
    pub after: Option<u32>,
    pub fault: SimFault,
    pub retry: RetryHint,
    /// `quota`: a 429 is about money, not about rate.
    pub quota: bool,
}

/// A deviation from a normal answer. One at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimFault {
    None,
    /// A status instead of a stream.
    Status(u16),
    /// 400 if a temperature is sent.
    RejectsTemperature,
    /// 400 if `max_tokens` is sent.
    RejectsMaxTokens,
    /// 400 if `max_completion_tokens` is sent.
    RejectsMaxCompletionTokens,
    /// 400 if token probabilities are asked for.
    RejectsLogprobs,
    /// The words, the fingerprint and the token probabilities of another model.
    Swapped,
    /// 404 anywhere but on Responses.
    ResponsesOnly,
    /// 404 anywhere but on Completions.
    CompletionsOnly,
    /// 307 to another host.
    Redirect,
    /// 200 with a web page.
    Html,
    /// No answer, ever.
    Hang,
    /// An error event, then the end.
    ErrorInStream,
    /// The connection closes without the last chunk.
    Cut,
    /// The connection is reset.
    Reset,
    /// Silence on an open connection.
    Stall,
    /// The body ends without a finish reason, a usage or an end marker.
    NoFinish,
    /// Tokens until the client leaves.
    Endless,
    /// One event whose content is broken (JSON; for Bedrock the checksum).
    Malformed,
    /// One byte per write, headers included.
    Drip,
    /// One event of 10 MB.
    LongLine,
    /// One event with bytes that are not UTF-8.
    BadUtf8,
    /// Words with multibyte letters; writes end inside a letter.
    SplitUtf8,
    /// CR LF line ends. Bedrock has no lines and answers as usual; the same for the next two.
    Crlf,
    /// CR line ends.
    Cr,
    /// A byte order mark first.
    Bom,
    /// Events without content before the first and before the middle token.
    EmptyChoices,
    /// The answer reports no token counts.
    NoUsage,
    /// The whole budget goes into reasoning.
    Budget,
    /// The opening event leaves with the first token instead of at once.
    FirstRoleLate,
    /// The answer has no `Content-Type`.
    NoContentType,
}

/// The way in which a 429 tells the time to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryHint {
    None,
    /// `Retry-After: 3`.
    Seconds(u32),
    /// `retry-after-ms: 1500`.
    Millis(u32),
    /// `Retry-After:` with an HTTP date this many seconds ahead.
    Date(u32),
    /// `Retry-After: soon`.
    Garbage,
}

/// The reason why a model name is not one of the simulator's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// The name begins with no preset.
    #[error("`{0}` names no preset of the simulator{meant}; there are: {names}", meant = meant(.0), names = preset_names())]
    UnknownPreset(String),
    #[error("`-{0}` is no modifier; there are ttft, gap, jitter (milliseconds), n, r, k, b, after (counts)")]
    UnknownModifier(String),
    /// A modifier has no number, or one out of range.
    #[error("`-{0}` needs a number in range (milliseconds up to 3600000, counts up to 1000000)")]
    BadNumber(String),
}

fn preset_names() -> String {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}

/// A hint at the nearest preset; most names have their modifiers behind the first hyphen.
fn meant(model_name: &str) -> String {
    let names = || PRESETS.iter().map(|preset| preset.name);
    let (first, _) = model_name.split_once('-').unwrap_or((model_name, ""));
    let meant = nearest(model_name, names()).or_else(|| nearest(first, names()));
    meant.map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

impl Scenario {
    /// Parses a model name; an author before it, as routers have them, is passed over. Case matters.
    ///
    /// # Errors
    /// [`ScenarioError`], whose text lists the valid choices.
    pub fn parse(model_name: &str) -> Result<Self, ScenarioError> {
        let model_name = model_name.rsplit('/').next().unwrap_or(model_name);
        let fits = |preset: &&Preset| {
            let rest = model_name.strip_prefix(preset.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let longest = PRESETS.iter().filter(fits).max_by_key(|preset| preset.name.len());
        let preset = longest.ok_or_else(|| ScenarioError::UnknownPreset(model_name.to_owned()))?;
        let rest = &model_name[preset.name.len()..];
        rest.split('-').skip(1).try_fold(preset.scenario, Scenario::with)
    }

    fn with(mut self, modifier: &str) -> Result<Self, ScenarioError> {
        let digits = modifier.find(|ch: char| ch.is_ascii_digit()).unwrap_or(modifier.len());
        let (key, number) = modifier.split_at(digits);
        let bad = || ScenarioError::BadNumber(modifier.to_owned());
        let millis = || millis(number).ok_or_else(bad);
        let count = |least| count(number, least).ok_or_else(bad);
        match key {
            "ttft" => self.ttft = millis()?,
            "gap" => self.gap = millis()?,
            "jitter" => self.jitter = millis()?,
            "n" => self.tokens = count(0)?,
            "r" => self.reasoning = count(0)?,
            "k" => self.tokens_per_event = count(1)?,
            "b" => self.burst = count(1)?,
            "after" => self.after = Some(count(0)?),
            _ if self.fault == SimFault::Status(429) => self.set_wait(key, modifier, count(0).ok())?,
            _ => return Err(ScenarioError::UnknownModifier(modifier.to_owned())),
        }
        Ok(self)
    }

    fn set_wait(&mut self, key: &str, modifier: &str, number: Option<u32>) -> Result<(), ScenarioError> {
        match (key, number) {
            ("seconds", Some(seconds)) => self.retry = RetryHint::Seconds(seconds),
            ("ms", Some(millis)) => self.retry = RetryHint::Millis(millis),
            ("date", Some(seconds)) => self.retry = RetryHint::Date(seconds),
            ("garbage", None) => self.retry = RetryHint::Garbage,
            ("none", None) => self.retry = RetryHint::None,
            ("quota", None) => (self.quota, self.retry) = (true, RetryHint::None),
            ("seconds" | "ms" | "date", None) => return Err(ScenarioError::BadNumber(modifier.to_owned())),
            _ => return Err(ScenarioError::UnknownModifier(modifier.to_owned())),
        }
        Ok(())
    }
}

fn millis(number: &str) -> Option<Duration> {
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value = number.parse::<f64>().ok().filter(|value| plain && *value <= MAX_MILLIS)?;
    Some(Duration::from_micros((value * 1000.0).round() as u64))
}

fn count(number: &str, least: u32) -> Option<u32> {
    number.parse().ok().filter(|value| (least..=MAX_COUNT).contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_a_preset_and_modifiers() {
        let scenario = Scenario::parse("steady-ttft50-gap0.5-n8-r3-k2-b4-after1").unwrap();
        assert_eq!(scenario.ttft, Duration::from_millis(50));
        assert_eq!(scenario.gap, Duration::from_micros(500));
        let counts = (scenario.tokens, scenario.reasoning, scenario.tokens_per_event, scenario.burst);
        assert_eq!(counts, (8, 3, 2, 4));
        assert_eq!(scenario.after, Some(1));
    }

    #[test]
    fn presets_may_hold_hyphens_and_begin_alike() {
        assert_eq!(Scenario::parse("cr").unwrap().fault, SimFault::Cr);
        assert_eq!(Scenario::parse("crlf-n3").unwrap().fault, SimFault::Crlf);
        assert_eq!(Scenario::parse("no-usage-n3").unwrap().fault, SimFault::NoUsage);
        assert_eq!(Scenario::parse("error-in-stream").unwrap().fault, SimFault::ErrorInStream);
        for preset in &PRESETS {
            assert_eq!(Scenario::parse(preset.name), Ok(preset.scenario), "{}", preset.name);
        }
    }

    #[test]
    fn a_429_chooses_how_to_say_wait() {
        let retry = |name| Scenario::parse(name).unwrap().retry;
        assert_eq!(retry("error429-seconds7"), RetryHint::Seconds(7));
        assert_eq!(retry("error429-ms1500"), RetryHint::Millis(1500));
        assert_eq!(retry("error429-date30"), RetryHint::Date(30));
        assert_eq!(retry("error429-garbage"), RetryHint::Garbage);
        assert_eq!(retry("error429-none"), RetryHint::None);
        assert!(Scenario::parse("error429-quota").unwrap().quota);
        assert_eq!(Scenario::parse("steady-ms5"), Err(ScenarioError::UnknownModifier("ms5".into())));
    }

    #[test]
    fn a_wrong_name_is_told_what_there_is() {
        let error = Scenario::parse("gpt-4o").unwrap_err();
        assert!(error.to_string().contains("steady") && error.to_string().contains("flood"));
        for name in ["", "stead", "steadyttft5", "Steady"] {
            assert_eq!(Scenario::parse(name), Err(ScenarioError::UnknownPreset(name.into())));
        }
        for modifier in ["ttft", "n1000001", "k0", "gap1.2.3", "ttft3600001", "n1e3"] {
            let error = Scenario::parse(&format!("steady-{modifier}"));
            assert_eq!(error, Err(ScenarioError::BadNumber(modifier.into())));
        }
        assert_eq!(Scenario::parse("steady-"), Err(ScenarioError::UnknownModifier(String::new())));
    }

    proptest! {
        #[test]
        fn any_text_is_a_scenario_or_an_error(name in "\\PC{0,40}", tail in "(-[a-z]{0,6}[0-9.eE+]{0,9}){0,4}") {
            let _ = Scenario::parse(&name);
            if let Ok(scenario) = Scenario::parse(&format!("steady{tail}")) {
                prop_assert!(scenario.tokens_per_event >= 1 && scenario.tokens <= MAX_COUNT);
                prop_assert!(scenario.ttft <= Duration::from_secs(3600));
            }
        }
    }
}

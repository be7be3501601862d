//! What moved beside a figure: stored facts of the changed series before and after, each with the words that tell it.
//! The thresholds ask whether a movement could carry a part of the change, not whether it is significant.

use crate::domain::change_evidence::{ChangeSurroundings, ProgramChange, StoredFacts};
use crate::domain::series_change::{ChangeCause, ChangedLevel, SeriesChange, WatchedFigure};

/// Share of the change in seconds that a fact must carry to be its cause.
const CARRIED: f64 = 0.2;

/// Least movement of a lag or a round trip that is told, seconds.
const LEAST_SECONDS: f64 = 0.001;

/// Factor by which token counts must differ: of output, and of the fixed prompt, which differs only with the tokenizer.
const OUTPUT_TOKENS: f64 = 1.1;
const INPUT_TOKENS: f64 = 1.02;

/// Difference of the shares of failures that is told.
const FAILURES: f64 = 0.05;

/// Round trips of a request over a new connection (TCP, TLS, the request; a name's look-up is about one), and over one
/// that was open.
const ROUND_TRIPS_COLD: f64 = 4.0;
const ROUND_TRIPS_WARM: f64 = 1.0;

/// Something that moved beside a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct MovedFact {
    pub cause: ChangeCause,
    /// For example `round trip time rose from 12 to 48 ms`.
    pub words: String,
    /// When it did, in words.
    pub when: &'static str,
}

/// When a fact moved of which only both sides are known.
pub const BESIDE: &str = "beside it";

/// All that moved, in the order in which causes are looked for, and the names of facts that nobody stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FactsBeside {
    pub moved: Vec<MovedFact>,
    pub missing: Vec<&'static str>,
    /// Number of the numeric facts that are stored on both sides.
    pub known: usize,
}

/// Compares the two windows of a change of a figure.
pub fn beside(change: &SeriesChange, around: &ChangeSurroundings) -> FactsBeside {
    let (before, after) = (&around.before, &around.after);
    let mut facts = FactsBeside::default();
    let sums = Sums::of(change, before, after);
    facts.moved.extend(around.program.as_ref().map(program));
    host(&mut facts, before, after, &sums);
    round_trips(&mut facts, before, after, &sums);
    served(&mut facts, before, after);
    answers(&mut facts, before, after);
    failures(&mut facts, before, after);
    facts
}

/// What the change is in seconds of a request.
struct Sums {
    /// After minus before, seconds; `None` where it cannot be computed from what is stored.
    difference: Option<f64>,
    round_trips: f64,
}

impl Sums {
    fn of(change: &SeriesChange, before: &StoredFacts, after: &StoredFacts) -> Self {
        let warm = change.series.connection.as_deref() == Some("warm");
        let round_trips = if warm { ROUND_TRIPS_WARM } else { ROUND_TRIPS_COLD };
        let difference = match &change.level {
            ChangedLevel::Figure { figure: WatchedFigure::Ttft, before, after, .. } => Some(after - before),
            // The time of a whole answer is its tokens by their rate.
            ChangedLevel::Figure {
                figure: WatchedFigure::TokensPerSecond, before: old, after: new, ..
            } => before.output_tokens.zip(after.output_tokens).map(|(was, is)| is / new - was / old),
            ChangedLevel::Swap { .. } => None,
        };
        Self { difference, round_trips }
    }

    /// True if a movement of so many seconds a request carries a part of the change, in its direction.
    fn carries(&self, seconds: f64) -> bool {
        let Some(difference) = self.difference else { return false };
        seconds.abs() >= LEAST_SECONDS
            && seconds.signum() == difference.signum()
            && seconds.abs() >= CARRIED * difference.abs()
    }
}

impl FactsBeside {
    /// Both sides of a number, if both are stored; else its name is noted as missing.
    fn both(&mut self, name: &'static str, before: Option<f64>, after: Option<f64>) -> Option<(f64, f64)> {
        let both = before.zip(after).filter(|(before, after)| before.is_finite() && after.is_finite());
        if both.is_some() {
            self.known += 1
        } else {
            self.missing.push(name)
        }
        both
    }

    fn push(&mut self, cause: ChangeCause, words: String) {
        self.moved.push(MovedFact { cause, words, when: BESIDE });
    }
}

/// Another program measures otherwise, whatever a provider does.
pub fn program(changed: &ProgramChange) -> MovedFact {
    let ProgramChange { before, after, same_block } = changed;
    let parts =
        |program: &str| program.split_once('/').map(|(name, version)| (name.to_owned(), version.to_owned()));
    let (was, is) = match (parts(before), parts(after)) {
        (Some((name, was)), Some((other, is))) if name == other => (was, is),
        _ => (before.clone(), after.clone()),
    };
    MovedFact {
        cause: ChangeCause::Client,
        words: format!("the measuring program changed from {was} to {is}"),
        when: if *same_block { "in the same block" } else { "while it began" },
    }
}

fn host(facts: &mut FactsBeside, before: &StoredFacts, after: &StoredFacts, sums: &Sums) {
    let lags = [
        ("the lag of the measuring loop", before.loop_lag_seconds, after.loop_lag_seconds),
        ("the lag behind the kernel", before.kernel_lag_seconds, after.kernel_lag_seconds),
    ];
    // Not every kernel stamps: only the loop's lag can be missing.
    facts.both("lag of the host", before.loop_lag_seconds, after.loop_lag_seconds);
    for (name, was, is) in lags {
        if let Some((was, is)) = was.zip(is)
            && sums.carries(is - was)
        {
            facts.push(ChangeCause::Client, moved_seconds(name, was, is));
        }
    }
    let errors = before.calibration_error_seconds.zip(after.calibration_error_seconds);
    if let Some((was, is)) = errors
        && sums.carries(is - was)
    {
        let name = "the host's own error by its calibrations";
        facts.push(ChangeCause::Client, moved_seconds(name, was, is));
    }
    if (before.calibration_fit, after.calibration_fit) == (Some(true), Some(false)) {
        facts
            .push(ChangeCause::Client, "the verdict on the host turned to \"should not publish\"".to_owned());
    }
}

fn round_trips(facts: &mut FactsBeside, before: &StoredFacts, after: &StoredFacts, sums: &Sums) {
    let both = facts.both("round trip time", before.network_rtt_seconds, after.network_rtt_seconds);
    if let Some((was, is)) = both
        && sums.carries((is - was) * sums.round_trips)
    {
        facts.push(ChangeCause::Path, moved_seconds("round trip time", was, is));
    }
}

/// What the provider says of what served.
fn served(facts: &mut FactsBeside, before: &StoredFacts, after: &StoredFacts) {
    let said = [
        ("the endpoint", &before.endpoint, &after.endpoint),
        ("the model that the answers name", &before.response_model, &after.response_model),
        ("the system fingerprint", &before.system_fingerprint, &after.system_fingerprint),
        ("the quantization", &before.quantization, &after.quantization),
    ];
    for (name, was, is) in said {
        if let (Some(was), Some(is)) = (was, is)
            && was != is
        {
            facts.push(ChangeCause::ModelSwapped, format!("{name} was {was} and became {is}"));
        }
    }
    let both = facts.both("token counts of the prompt", before.input_tokens, after.input_tokens);
    if let Some((was, is)) = both
        && differs(was, is, INPUT_TOKENS)
    {
        // The profile's prompt is fixed.
        let words = format!("the prompt counts {} tokens instead of {}", number(is), number(was));
        facts.push(ChangeCause::ModelSwapped, words);
    }
}

fn answers(facts: &mut FactsBeside, before: &StoredFacts, after: &StoredFacts) {
    let both = facts.both("token counts of answers", before.output_tokens, after.output_tokens);
    if let Some((was, is)) = both
        && differs(was, is, OUTPUT_TOKENS)
    {
        let words = format!("output tokens {} from {} to {}", rose(was, is), number(was), number(is));
        facts.push(ChangeCause::AnswersChanged, words);
    }
    if let (Some(was), Some(is)) = (&before.finish_reason, &after.finish_reason)
        && was != is
    {
        facts.push(ChangeCause::AnswersChanged, format!("answers end with {is} instead of {was}"));
    }
}

fn failures(facts: &mut FactsBeside, before: &StoredFacts, after: &StoredFacts) {
    let both = facts.both("failures", before.failure_share, after.failure_share);
    if let Some((was, is)) = both
        && (is - was).abs() >= FAILURES
    {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let words =
            format!("failures {} from {} to {} of attempts", rose(was, is), percent(was), percent(is));
        facts.push(ChangeCause::Errors, words);
    }
}

fn differs(was: f64, is: f64, factor: f64) -> bool {
    was > 0.0 && is > 0.0 && (is / was).max(was / is) >= factor
}

fn rose(was: f64, is: f64) -> &'static str {
    if is > was { "rose" } else { "fell" }
}

/// For example `round trip time rose from 12 to 48 ms`.
fn moved_seconds(name: &str, was: f64, is: f64) -> String {
    format!("{name} {} from {} to {} ms", rose(was, is), number(was * 1e3), number(is * 1e3))
}

/// At most three significant digits, and no more than a figure needs: `48`, `12.5`, `0.4`.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

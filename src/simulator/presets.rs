//! The table of the simulator's models: a name, a one-line description, and its parameters. `scenario` parses names.

use super::scenario::{RetryHint, Scenario, SimFault};
use std::time::Duration;

pub struct Preset {
    /// The beginning of the model name.
    pub name: &'static str,
    /// A one-line description for people.
    pub about: &'static str,
    /// The scenario of the name without modifiers.
    pub scenario: Scenario,
}

const STEADY: Scenario = Scenario {
    ttft: Duration::from_millis(200),
    gap: Duration::from_millis(20),
    jitter: Duration::ZERO,
    tokens: 64,
    reasoning: 0,
    tokens_per_event: 1,
    burst: 1,
    after: None,
    fault: SimFault::None,
    retry: RetryHint::Seconds(1),
    quota: false,
};

const fn preset(name: &'static str, about: &'static str, scenario: Scenario) -> Preset {
    Preset { name, about, scenario }
}

const fn twisted(name: &'static str, about: &'static str, fault: SimFault) -> Preset {
    Preset { name, about, scenario: Scenario { fault, ..STEADY } }
}

/// Every preset, in the order in which help lists them.
pub const PRESETS: [Preset; 45] = [
    preset("steady", "TTFT 200 ms, a token every 20 ms, 64 tokens", STEADY),
    preset("burst", "16 tokens at once, then a pause, and again", Scenario { burst: 16, ..STEADY }),
    preset(
        "slow-first",
        "two seconds to the first token",
        Scenario { ttft: Duration::from_secs(2), ..STEADY },
    ),
    preset("jitter", "gaps vary by up to 15 ms", Scenario { jitter: Duration::from_millis(15), ..STEADY }),
    preset("reasoning", "40 reasoning tokens before the visible ones", Scenario { reasoning: 40, ..STEADY }),
    preset("chunky", "4 tokens in an event", Scenario { tokens_per_event: 4, ..STEADY }),
    preset(
        "flood",
        "1,000 tokens without a pause",
        Scenario { ttft: Duration::ZERO, gap: Duration::ZERO, tokens: 1000, ..STEADY },
    ),
    preset("early-stop", "stops by itself after 12 tokens", Scenario { tokens: 12, ..STEADY }),
    preset("length", "always cut by the budget", Scenario { tokens: 1_000_000, ..STEADY }),
    twisted("no-usage", "no token counts", SimFault::NoUsage),
    twisted("budget", "the whole budget goes into reasoning, nothing visible", SimFault::Budget),
    twisted("first-role-late", "the opening event comes with the first token", SimFault::FirstRoleLate),
    twisted("empty-choices", "events without content in between", SimFault::EmptyChoices),
    twisted("error401", "401, wrong key", SimFault::Status(401)),
    twisted("error402", "402, no credit", SimFault::Status(402)),
    twisted("error404", "404, no such model", SimFault::Status(404)),
    twisted(
        "error429",
        "429; -seconds3, -ms1500, -date30, -garbage, -none choose the wait, -quota means money",
        SimFault::Status(429),
    ),
    twisted("error500", "500, internal error", SimFault::Status(500)),
    twisted("error503", "503, overloaded", SimFault::Status(503)),
    twisted("error529", "529, overloaded", SimFault::Status(529)),
    twisted("rejects-temperature", "400 if a temperature is sent", SimFault::RejectsTemperature),
    twisted("rejects-max-tokens", "400 if max_tokens is sent", SimFault::RejectsMaxTokens),
    twisted(
        "rejects-max-completion-tokens",
        "400 if max_completion_tokens is sent",
        SimFault::RejectsMaxCompletionTokens,
    ),
    twisted("rejects-logprobs", "400 if token probabilities are asked for", SimFault::RejectsLogprobs),
    twisted(
        "swapped",
        "another model behind the name: other words, fingerprint and probabilities",
        SimFault::Swapped,
    ),
    twisted("responses-only", "404 on chat: only on the Responses API", SimFault::ResponsesOnly),
    twisted("completions-only", "404 on chat: only on the Completions API", SimFault::CompletionsOnly),
    twisted("redirect", "307 to another host", SimFault::Redirect),
    twisted("html", "200 with a web page", SimFault::Html),
    twisted("hang", "never answers", SimFault::Hang),
    twisted("error-in-stream", "an error event after half of the tokens", SimFault::ErrorInStream),
    twisted("cut", "the connection ends after half of the tokens", SimFault::Cut),
    twisted("reset", "the connection is reset after half of the tokens", SimFault::Reset),
    twisted("stall", "goes silent after half of the tokens", SimFault::Stall),
    twisted("no-finish", "ends without a finish reason", SimFault::NoFinish),
    twisted("endless", "never stops, whatever the budget", SimFault::Endless),
    twisted("malformed", "one event is broken", SimFault::Malformed),
    twisted("drip", "one byte a write", SimFault::Drip),
    twisted("long-line", "one event of 10 MB", SimFault::LongLine),
    twisted("bad-utf8", "one event with bytes that are no UTF-8", SimFault::BadUtf8),
    twisted("split-utf8", "writes end inside a character", SimFault::SplitUtf8),
    twisted("crlf", "lines end with CR LF", SimFault::Crlf),
    twisted("cr", "lines end with CR", SimFault::Cr),
    twisted("bom", "the stream starts with a byte order mark", SimFault::Bom),
    twisted("no-content-type", "no Content-Type header", SimFault::NoContentType),
];

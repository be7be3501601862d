//! The table of all fields of stored rows: name, type, unit, meaning, columns. Types in SQLite and BSON, the columns of
//! `run --csv` and of exports, and the tables of docs/output.md follow from it. Unit tests compare the models
//! ([`Run`](super::Run), [`Failure`](super::Failure)) with it.

use std::sync::LazyLock;

/// The type of a field. Null is allowed everywhere and stays null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    Text,
    /// An instant in UTC with milliseconds: RFC 3339 text in JSON, a date in BSON.
    Date,
    /// A 64-bit float, also where the number happens to be whole.
    Double,
    /// An array of 64-bit floats, none of them null.
    DoubleList,
    Integer,
    Flag,
    Object,
    TextList,
}

use FieldType::{Date, Double, DoubleList, Flag, Integer, Object, Text, TextList};

/// A field of the data contract. A name has one type in every collection.
#[derive(Debug, Clone, Copy)]
pub struct RowField {
    pub name: &'static str,
    pub field_type: FieldType,
    /// The unit in docs/output.md; if there is none, the type in words.
    pub unit: &'static str,
    /// The meaning, for docs/output.md.
    pub meaning: &'static str,
    /// True if a success has it. Exports have the fields of successes in the order of the table.
    in_run: bool,
    /// The position among the fields of a failure, from 1.
    failure_column: Option<u8>,
    /// The position in `run --csv`, from 1. A new field gets the number after the last one, because scripts read
    /// columns by position.
    csv_column: Option<u8>,
}

impl RowField {
    const fn new(
        name: &'static str,
        field_type: FieldType,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, field_type, unit, meaning, in_run: false, failure_column: None, csv_column: None }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn run(self) -> Self {
        Self { in_run: true, ..self }
    }

    const fn failure(self, column: u8) -> Self {
        Self { failure_column: Some(column), ..self }
    }

    const fn csv(self, column: u8) -> Self {
        Self { csv_column: Some(column), ..self }
    }
}

const fn text(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Text, "text", meaning)
}

const fn time(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Date, "time", meaning)
}

const fn number(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Double, "number", meaning)
}

const fn seconds(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Double, "seconds", meaning)
}

const fn whole_seconds(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Integer, "seconds", meaning)
}

const fn seconds_list(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, DoubleList, "list of seconds", meaning)
}

const fn rate(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Double, "tokens per second", meaning)
}

const fn tokens(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Integer, "tokens", meaning)
}

const fn count(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Integer, "count", meaning)
}

const fn flag(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Flag, "true or false", meaning)
}

const fn object(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, Object, "object", meaning)
}

const fn texts(name: &'static str, meaning: &'static str) -> RowField {
    RowField::new(name, TextList, "list of text", meaning)
}

/// Successes and failures: `metrics_cloud_v2`, `metrics_cloud_probe`, `errors_cloud`.
#[rustfmt::skip]
const OUTCOMES: &[RowField] = &[
    text("_id", "the attempt's id, a ULID; a store keeps one row an id").run().failure(1).csv(1),
    text("provider", "the provider's name").run().failure(2).csv(2),
    text("model_name", "the provider's id for the model, case-sensitive").run().failure(3).csv(3),
    time("run_ts", "t0").run().failure(21).csv(4),
    time("gen_ts", "end of the generation").run().csv(5),
    number("temperature", "the profile's, whether or not the model accepts one").run().csv(49),
    tokens("requested_tokens", "the profile's output budget").run().csv(47),
    tokens("max_output_tokens_attempted", "the output budget that was sent").run().csv(48),
    tokens("output_tokens", "generated, reasoning included").run().csv(21),
    tokens("generated_output_tokens", "the same number under its newer name").run().csv(22),
    tokens("visible_output_tokens", "of visible text").run().csv(23),
    tokens("reasoning_tokens", "of reasoning, where the provider counts them").run().csv(24),
    tokens("input_tokens", "of the prompt, cached ones included").run().csv(25),
    tokens("cached_input_tokens", "of the prompt, answered by a cache").run().csv(26),
    tokens("total_tokens", "input + output").run().csv(27),
    text("token_source", "who counted: `provider_usage_…` (`…_split_by_tiktoken`: a tokenizer told text from reasoning) or `tiktoken_visible_text`").run().csv(28),
    seconds("generate_time", "t0 to the end of the answer").run().csv(17),
    rate("tokens_per_second", "generated tokens / `generate_time`").run().csv(13),
    rate("generated_tokens_per_second", "the same number under its newer name").run().csv(14),
    rate("visible_tokens_per_second", "visible tokens / `generate_time`").run().csv(15),
    rate("decode_tokens_per_second", "tokens after the first arrival group / time from that group to the last visible token").run().csv(16),
    seconds("time_to_first_token", "t0 to the first visible text").run().csv(9),
    seconds("time_to_first_reasoning_token", "t0 to the first reasoning text").run().csv(11),
    flag("ttft_available", "whether `time_to_first_token` is a number").run().csv(10),
    seconds_list("times_between_tokens", "gaps between visible chunks (not tokens), in order").run().csv(20),
    seconds("inter_token_latency", "that time / those tokens").run().csv(12),
    seconds("time_to_64_visible_tokens_seconds", "t0 to the 64th visible token; null if fewer came").run().csv(18),
    seconds("max_stall_seconds", "the largest gap between visible chunks").run().csv(19),
    seconds("dns_seconds", "t0 to the resolved name").run().failure(27).csv(32),
    seconds("connect_seconds", "t0 to the end of TCP, a proxy and TLS").run().failure(28).csv(33),
    seconds("tls_seconds", "TLS alone, a share of `connect_seconds`").run().failure(29).csv(34),
    seconds("sent_seconds", "t0 to the request's last byte").run().failure(30).csv(35),
    seconds("headers_seconds", "t0 to the answer's complete head").run().failure(31).csv(36),
    seconds("first_event_seconds", "t0 to the first event, whatever it held").run().failure(32).csv(37),
    seconds("last_visible_seconds", "t0 to the last visible text").run().failure(33).csv(38),
    text("stream_resolution", "`token` (about one token an arrival group), `coarse` (several), `burst` (too few groups)").run().csv(39),
    count("visible_stream_chunks", "chunks with visible text").run().csv(40),
    tokens("max_tokens_per_chunk", "the most in one chunk: the provider's count, else its share of words").run().csv(41),
    text("connection", "`cold` or `warm`").run().failure(23).csv(6),
    text("connect_address", "the address that answered, the proxy's where one was used; null where none did")
        .run()
        .failure(24)
        .csv(29),
    count("connect_attempts", "addresses dialled inside the clock; null on a warm connection").run().failure(25).csv(30),
    count("reconnects", "kept connections that had died: measured afresh, with a new t0").run().failure(26).csv(31),
    flag("suspect", "whether the client was starved, or the counts or text are in doubt").run().failure(34).csv(42),
    texts("suspect_reasons", "why").run().failure(35).csv(43),
    seconds("loop_lag_seconds", "the longest time by which the measuring loop was late").run().failure(36).csv(44),
    seconds("dispatch_delay_seconds", "from the moment the request should have started to t0").run().failure(37).csv(45),
    seconds("wall_clock_step_seconds", "wall clock − monotonic clock over the run").run().failure(38).csv(46),
    count("metrics_schema_version", "version of these fields: 2").run(),
    text("request_mode", "which request was sent: `groq_chat_completions_stream`, …").run().failure(19).csv(52),
    text("finish_reason", "why generation ended, in the provider's word").run().failure(40).csv(53),
    text("response_id", "the provider's id for the answer").run().failure(41).csv(54),
    text("provider_request_id", "the provider's id for the request, from its headers: what its support asks for").run().failure(39).csv(55),
    text("response_status", "the provider's status word (Responses)").run().csv(56),
    text("response_model", "the model that the provider says it served").run().csv(57),
    text("reasoning_effort", "the effort that was sent").run().csv(50),
    text("validation_policy", "`visible_nonzero`: visible text came").run(),
    flag("visible_text_empty", "always false: a success has visible text").run(),
    text("sample_role", "`published`, `shadow` (of a daemon, not published), `manual`, `counterpart` (the warm half of a pair), `canary` (the question of `models add --canary`), or what `--role` said").run().failure(15).csv(8),
    text("benchmark_profile_id", "the profile; `custom` where flags changed the question").run().failure(14).csv(7),
    count("protocol_version", "version of the measuring rules").run(),
    text("attempt_group", "the attempts at one measurement").run().failure(16).csv(61),
    count("attempt", "1, or more after a learned adaptation").run().failure(17).csv(62),
    texts("adaptations", "adaptations in force: `omit_temperature`, `use_responses`, …").run().failure(18).csv(51),
    text("transport_provider", "the router that carried the request; null for direct providers").run().failure(44).csv(59),
    text("observed_provider", "who served it, as the answer names it").run().csv(60),
    text("route_endpoint_tag", "the endpoint: `groq/direct`, `vertex/us-east5`, `deepinfra/fp4`; null where it is not certain")
        .run()
        .failure(45)
        .csv(74),
    text("quantization", "the weights as the provider or the operator states them: `fp8`; null where nobody did")
        .run()
        .failure(46)
        .csv(75),
    text("service_tier", "the tier that the answer names").run().csv(58),
    object("provider_timing", "the provider's own clock under its own names").unit("object, seconds").run(),
    text("measured_by", "program and version").run().failure(20).csv(63),
    object("misc", "the catalog's request metadata, verbatim").run(),
    text("proxy", "the proxy of `--proxy` or the configuration, `host:port`; null without one; such rows are not published")
        .run()
        .failure(43)
        .csv(73),
    seconds("proxy_seconds", "a proxy's CONNECT, a share of `connect_seconds`; null without one")
        .run()
        .failure(42)
        .csv(72),
    text("endpoint_mismatch", "why a pinned request has no tag: another provider answered").run().csv(76),
    flag("ttft_suspect", "whether the client may have moved the time to first token").run().failure(47).csv(77),
    flag("decode_suspect", "whether the client may have moved the pace of the tokens").run().failure(48).csv(78),
    text("clock_source", "what stamped the answer: `kernel`, `read` (when a read returned), `mixed`")
        .run()
        .failure(49)
        .csv(79),
    seconds("kernel_lag_seconds", "from the kernel's stamp of the first visible token to its read").run().failure(50).csv(80),
    seconds("kernel_lag_max_seconds", "the longest such time of the answer").run().failure(51).csv(81),
    seconds("transmitted_seconds", "t0 to the request's last byte leaving this machine, by the kernel's stamp")
        .run()
        .failure(52)
        .csv(82),
    seconds("network_rtt_seconds", "round trip time: of the TCP handshake if cold, the kernel's estimate at t0 if warm")
        .run()
        .failure(53)
        .csv(83),
    seconds("ttft_beyond_rtt", "`time_to_first_token` − `network_rtt_seconds`").run().csv(84),
    count("definitions_version", "version of the figures' definitions: 2; rows without it have 1").run().csv(85),
    text("calibration_id", "the newest calibration of the host, from `llmbench calibrate`; null if there was none").run().csv(86),
    count("attempts_count", "requests of the measurement so far, under the Python runner's name").run(),
    text("pair_id", "the pair of which the request is one half; null if it is of none").run().failure(54).csv(87),
    count("pair_position", "1 for the first request of the pair, 2 for the second; null if it is of none")
        .run()
        .failure(55)
        .csv(88),
    number("cost_usd", "what the request cost by the prices of its time; null where price or tokens are unknown")
        .unit("US dollars")
        .run()
        .csv(89),
    text("system_fingerprint", "the provider's word for the backend that answered, where its answers have one").run().csv(90),
    time("ts", "when it failed").failure(4).csv(64),
    text("stage", "`prepare`, `connect`, `request`, `response`, `stream` or `validate`").failure(5).csv(65),
    text("message", "for people, free of secrets, at most 4,000 characters").failure(6).csv(69),
    text("error_kind", "a heading of [TROUBLESHOOTING.md](../TROUBLESHOOTING.md)").failure(7).csv(66),
    count("http_status", "the HTTP status, where an answer came").failure(8).csv(67),
    text("provider_error_code", "the provider's own code").failure(9).csv(68),
    text("normalized_message", "the message without ids and long numbers").failure(10).csv(70),
    text("fingerprint", "groups equal failures").failure(11).csv(71),
    text("traceback", "kept for readers of older rows").unit("null").failure(12),
    seconds("retry_after_seconds", "how long the provider asks to wait").failure(13),
    seconds("elapsed_seconds", "t0 to the end").failure(22),
];

/// The fields that a success has where its profile asks for them.
#[rustfmt::skip]
const ON_DEMAND: &[RowField] = &[
    text("receipt", "what the figures were computed from, for `results recompute`; with `receipts` of a profile"),
    text("answer_text", "the visible text of the answer to the question of `models add --canary`"),
    text("answer_sha256", "SHA-256 of that text, by which days compare"),
    count("answer_characters", "its length"),
    RowField::new("answer_logprobs", DoubleList, "list of natural logarithms", "the probabilities of its tokens, where the API gives them"),
];

/// The fields that a bridge adds to a posted row.
const POSTS: &[RowField] = &[
    time("received_at", "when the bridge took the row, by its own clock"),
    text("key_id", "the key under which it was posted"),
    text("runner", "whose key that is"),
    flag("clock_suspect", "whether the runner's dates cannot be true"),
    flag("endpoint_tag_by_bridge", "whether the bridge named the endpoint, by its operator's setting"),
];

/// `bench_model_health`: how a model does.
const HEALTH: &[RowField] = &[
    text("model_id", "the provider's id for the model, case-sensitive"),
    flag("enabled", "whether the model is measured"),
    whole_seconds("cadence_seconds", "how often it should be measured"),
    time("last_success_at", "the newest published success"),
    time("last_attempt_at", "the newest attempt, whatever came of it"),
    time("last_error_at", "the newest failure since the last success"),
    text("last_error_kind", "its kind"),
    text("last_error_message", "its message"),
    count("consecutive_failures", "failures since the last success"),
    count("successes_24h", "published successes of the last 24 hours"),
    count("failures_24h", "failures of the last 24 hours"),
    count("deadline_misses_24h", "failures of the last 24 hours in which a deadline had passed"),
    whole_seconds("staleness_seconds", "time since the last success"),
    text("freshness_status", "`fresh`, `stale`, `critical`, `never_run` or `disabled`"),
    time("updated_at", "when the row was derived"),
];

/// `models`: the catalog's fields of a model, besides the fields of other names.
const CATALOG: &[RowField] = &[
    time("created_at", "when the entry was made"),
    time("disabled_at", "when the model was set aside"),
    time("disabled_until", "until when, where that is known"),
    time("disabled_recheck_at", "when the daemon tries it again"),
];

/// `error_rollups`: equal failures, one row for each fingerprint.
const ROLLUPS: &[RowField] = &[
    count("count", "how many there were"),
    time("first_seen", "the first of them"),
    time("last_seen", "the last of them"),
    texts("sample_messages", "some of their messages"),
];

fn all() -> impl Iterator<Item = &'static RowField> {
    [OUTCOMES, ON_DEMAND, POSTS, HEALTH, CATALOG, ROLLUPS].into_iter().flatten()
}

/// The table by name, as an open hash table: the type of every field of every row is looked up in it, a hundred times a
/// row, and the standard hash takes most of such a look-up.
static BY_NAME: LazyLock<Vec<Option<(&str, FieldType)>>> = LazyLock::new(|| {
    let mut slots = vec![None; SLOTS];
    for field in all() {
        let mut slot = first_slot(name_hash(field.name));
        while slots[slot].is_some_and(|(name, _)| name != field.name) {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = Some((field.name, field.field_type));
    }
    slots
});

/// Several times the number of fields, and a power of two.
const SLOTS: usize = 1024;

fn first_slot(hash: u64) -> usize {
    (hash >> 32) as usize % SLOTS
}

/// A hash of a field's name. Different names may share one, and who wants can find them: never enough to tell two names
/// apart.
pub fn name_hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let word =
        |at: usize| bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes);
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    };
    let whole = bytes.len() / 8 * 8;
    let hash = (0..whole).step_by(8).fold(bytes.len() as u64, |hash, at| mix(hash, word(at)));
    let rest = match bytes.len().checked_sub(8) {
        // The last eight bytes, some of them a second time.
        Some(at) => word(at),
        None => bytes.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte)),
    };
    mix(hash, rest)
}

/// The type of a field; `None` if the contract does not define it.
pub fn field_type(name: &str) -> Option<FieldType> {
    field_type_by(name, name_hash(name))
}

/// The same for a caller that has the hash of the name.
pub fn field_type_by(name: &str, hash: u64) -> Option<FieldType> {
    let slots = &*BY_NAME;
    let mut slot = first_slot(hash);
    while let Some((known, field_type)) = slots[slot] {
        if known == name {
            return Some(field_type);
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

/// The fields of a success, in order.
pub fn of_runs() -> impl Iterator<Item = &'static RowField> {
    OUTCOMES.iter().filter(|field| field.in_run)
}

/// The fields of a failure, in order.
pub fn of_failures() -> impl Iterator<Item = &'static RowField> {
    numbered(|field| field.failure_column)
}

/// The columns of `run --csv`, in order.
pub fn in_csv() -> impl Iterator<Item = &'static RowField> {
    numbered(|field| field.csv_column)
}

fn numbered(column: fn(&RowField) -> Option<u8>) -> impl Iterator<Item = &'static RowField> {
    let mut fields: Vec<_> = OUTCOMES.iter().filter_map(|field| Some((column(field)?, field))).collect();
    fields.sort_unstable_by_key(|(column, _)| *column);
    fields.into_iter().map(|(_, field)| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::domain::{FailureKind, Outcome};
    use crate::measure::testing::{failure, run};
    use serde_json::{Map, Value};
    use std::collections::BTreeSet;

    #[test]
    fn every_field_is_found_and_nothing_else() {
        for field in all() {
            assert_eq!(field_type(field.name), Some(field.field_type), "{}", field.name);
            assert_eq!(field_type(&field.name[1..]), None, "{}", field.name);
        }
        assert!(
            ["", "_", "x", "run_tt", "nobody knows this one"]
                .into_iter()
                .all(|name| field_type(name).is_none())
        );
        assert!(all().count() * 3 < SLOTS);
    }

    #[test]
    fn each_name_is_declared_once() {
        let mut names: Vec<_> = all().map(|field| field.name).collect();
        names.sort_unstable();
        let doubles: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(doubles.is_empty(), "{doubles:?}");
    }

    #[test]
    fn columns_are_numbered_without_gaps() {
        let of_failure: fn(&RowField) -> Option<u8> = |field| field.failure_column;
        let of_csv: fn(&RowField) -> Option<u8> = |field| field.csv_column;
        for column in [of_failure, of_csv] {
            let mut numbers: Vec<u8> = OUTCOMES.iter().filter_map(column).collect();
            numbers.sort_unstable();
            assert!((1..).zip(&numbers).all(|(place, number)| place == *number), "{numbers:?}");
        }
    }

    fn fields(row: &impl serde::Serialize) -> Map<String, Value> {
        serde_json::to_value(row).unwrap().as_object().unwrap().clone()
    }

    /// Compares names and types, and names each field that a model has and the table lacks.
    #[test]
    fn the_models_have_the_fields_of_the_table() {
        let mut success = run("groq", "m", 0.2);
        success.extra.clear();
        let fields_of_run = fields(&success);
        let declared: BTreeSet<_> = of_runs().map(|field| field.name).collect();
        assert_eq!(fields_of_run.keys().map(String::as_str).collect::<BTreeSet<_>>(), declared);
        let Outcome::Failure(failed) = failure("groq", "m", FailureKind::Timeout, "late") else { panic!() };
        let fields_of_failure = fields(&failed);
        let declared: Vec<_> = of_failures().map(|field| field.name).collect();
        assert!(fields_of_failure.keys().all(|name| declared.contains(&name.as_str())));
        for (name, value) in fields_of_run.iter().chain(&fields_of_failure) {
            let fits = match field_type(name).unwrap() {
                Text | Date => value.is_string(),
                Double => value.is_f64(),
                Integer => value.is_u64(),
                Flag => value.is_boolean(),
                Object => value.is_object(),
                DoubleList | TextList => value.is_array(),
            };
            assert!(fits || value.is_null(), "{name}: {value}");
        }
    }
}

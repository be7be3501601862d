//! Turns one ended exchange into its row: a `Run` with every figure, or a `Failure` with
//! everything still known of the attempt.

use crate::domain::digest::sha256_hex;
use crate::domain::failure::{self, Failure, FailureDetail};
use crate::domain::run::{Connection, Outcome, Run, Tokens};
use crate::domain::{GenerationRequest, ModelRef, Profile};
use crate::measure::canary_answer;
use crate::measure::quality;
use crate::measure::receipt::{self, ReceiptHead};
use crate::measure::timeline::{AnswerTimes, DEFINITIONS_VERSION, phases, shape, speeds};
use crate::measure::tokens::{count_with_tiktoken, tokens};
use crate::providers::endpoint::RouteEndpoint;
use crate::providers::protocols::DecodedStream;
use crate::wire::Recording;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// Version of the measuring rules, as rows store it. The published question is unchanged since the Python runner's 1.
const PROTOCOL_VERSION: u32 = 1;
/// Version of the metrics document.
const SCHEMA_VERSION: u32 = 2;
/// The rule by which a success is accepted: visible text came.
const VALIDATION_POLICY: &str = "visible_nonzero";

/// The request mode of OpenAI's Chat API.
const OPENAI_CHAT: &str = "openai_chat_completions_stream";

/// The program that measured, as rows store it.
pub fn measured_by() -> String {
    format!("llmbench/{}", env!("CARGO_PKG_VERSION"))
}

/// The part of a row that describes its attempt, without figures.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptSpec {
    /// The attempt's id, a ULID.
    pub id: String,
    pub model: ModelRef,
    /// The endpoint to which it goes.
    pub endpoint: RouteEndpoint,
    pub profile: Profile,
    /// `published`, `manual`, ….
    pub sample_role: String,
    /// Id shared by the attempts at one measurement.
    pub group: String,
    /// 1, or more after a learned adaptation.
    pub number: u32,
    /// Identifiers of the adaptations in force.
    pub adaptations: Vec<String>,
    /// The request that was sent.
    pub ask: GenerationRequest,
    /// `groq_chat_completions_stream`, ….
    pub request_mode: String,
    /// The id of the host's newest calibration.
    pub calibration: Option<String>,
}

/// Builds the row of a success. `usage_promised` tells whether the provider had to report its counts.
pub fn run(
    attempt: &AttemptSpec,
    recording: &Recording,
    answer: DecodedStream,
    usage_promised: bool,
) -> Outcome {
    let tokens = tokens(&answer, &count_with_tiktoken);
    let speeds = speeds(AnswerTimes::of(recording), &answer, &tokens);
    let doubts = quality::doubts(&answer, &tokens, usage_promised);
    let quality = quality::doubted(quality::of(recording, Some(&answer)), doubts);
    let extra = on_demand(attempt, recording, &answer, &tokens);
    let endpoint = attempt.endpoint.answered_by(answer.observed_provider.as_deref());
    let (finish_reason, response_status) =
        ending(&attempt.request_mode, answer.finish_reason.clone(), answer.response_status.clone());
    Outcome::Success(Box::new(Run {
        id: attempt.id.clone(),
        provider: attempt.model.provider.clone(),
        model_name: attempt.model.served_id().to_owned(),
        run_ts: milliseconds(recording.started_at),
        gen_ts: milliseconds(recording.ended_at),
        temperature: attempt.profile.temperature,
        requested_tokens: u64::from(attempt.profile.max_output_tokens),
        max_output_tokens_attempted: u64::from(attempt.ask.max_output_tokens),
        stream: shape(&answer, &tokens),
        phases: phases(recording, Some(&answer)),
        tokens,
        speeds,
        connection: recording.connection,
        carrier: recording.carrier.clone(),
        quality,
        metrics_schema_version: SCHEMA_VERSION,
        request_mode: attempt.request_mode.clone(),
        finish_reason,
        response_id: answer.response_id,
        provider_request_id: request_id(recording).map(str::to_owned),
        response_status,
        response_model: answer.response_model,
        reasoning_effort: attempt.ask.reasoning_effort.clone(),
        validation_policy: VALIDATION_POLICY.to_owned(),
        visible_text_empty: false,
        sample_role: attempt.sample_role.clone(),
        benchmark_profile_id: attempt.profile.id.clone(),
        protocol_version: PROTOCOL_VERSION,
        definitions_version: Some(DEFINITIONS_VERSION),
        calibration_id: attempt.calibration.clone(),
        attempt_group: attempt.group.clone(),
        attempt: attempt.number,
        attempts_count: attempt.number,
        // Whoever makes pairs names them afterwards.
        pair_id: None,
        pair_position: None,
        // Whoever knows prices names it afterwards.
        cost_usd: None,
        system_fingerprint: answer.system_fingerprint,
        adaptations: attempt.adaptations.clone(),
        transport_provider: attempt.endpoint.transport_provider.clone(),
        observed_provider: answer.observed_provider,
        route_endpoint_tag: endpoint.tag,
        endpoint_mismatch: endpoint.mismatch,
        quantization: endpoint.quantization,
        service_tier: answer.service_tier,
        provider_timing: (!answer.provider_timing.is_empty()).then_some(answer.provider_timing),
        measured_by: measured_by(),
        misc: attempt.ask.metadata.clone(),
        extra,
    }))
}

/// The fields of a success that its profile asks for.
fn on_demand(
    attempt: &AttemptSpec,
    recording: &Recording,
    answer: &DecodedStream,
    tokens: &Tokens,
) -> Map<String, Value> {
    let mut fields = if attempt.profile.deterministic { canary_answer::fields(answer) } else { Map::new() };
    let receipt = attempt.profile.receipts.then(|| receipt(attempt, recording, answer, tokens)).flatten();
    fields.extend(receipt.map(|text| (receipt::FIELD.to_owned(), text.into())));
    fields
}

/// The receipt of a success.
fn receipt(
    attempt: &AttemptSpec,
    recording: &Recording,
    answer: &DecodedStream,
    tokens: &Tokens,
) -> Option<String> {
    let times = AnswerTimes::of(recording);
    let head = ReceiptHead {
        definitions: DEFINITIONS_VERSION,
        program: measured_by(),
        configuration: configuration(attempt, recording.connection),
        calibration: attempt.calibration.clone(),
        end_ns: u64::try_from(times.end.as_nanos()).ok()?,
        network_rtt: times.network_rtt,
        visible_tokens: tokens.visible_output_tokens,
        generated_tokens: tokens.generated_output_tokens,
    };
    receipt::write(&head, recording, answer)
}

/// SHA-256, in hexadecimal digits, of what decides how a run is measured: two runs with equal ones were asked the same in
/// the same way.
fn configuration(attempt: &AttemptSpec, connection: Connection) -> String {
    let asked = json!({
        "profile": attempt.profile,
        "metadata": attempt.ask.metadata,
        "endpoint": attempt.endpoint.tag,
        "request_mode": attempt.request_mode,
        "adaptations": attempt.adaptations,
        "connection": connection,
    });
    sha256_hex(asked.to_string())
}

/// Finish reason and status in the words of OpenAI's Responses API, also where its Chat API was asked: the Python runner
/// asks the former for all of OpenAI's models, and readers group rows by these words.
fn ending(
    request_mode: &str,
    reason: Option<String>,
    status: Option<String>,
) -> (Option<String>, Option<String>) {
    match (request_mode, reason.as_deref(), &status) {
        (OPENAI_CHAT, Some("length"), None) => {
            (Some("max_output_tokens".to_owned()), Some("incomplete".to_owned()))
        }
        (OPENAI_CHAT, Some("stop"), None) => (reason, Some("completed".to_owned())),
        _ => (reason, status),
    }
}

/// Builds the row of a failure. `recording` is `None` if the attempt failed before a request could be sent.
pub fn failure(
    attempt: &AttemptSpec,
    fault: FailureDetail,
    recording: Option<&Recording>,
    answer: Option<&DecodedStream>,
) -> Outcome {
    let message: String = fault.message.chars().take(failure::MESSAGE_LIMIT).collect();
    let normalized = failure::normalize(&message);
    let (provider, model) = (&attempt.model.provider, attempt.model.served_id());
    let fingerprint = failure::fingerprint(provider, model, fault.stage, fault.kind, &normalized);
    let ts = recording.map_or_else(Utc::now, |recording| recording.ended_at);
    Outcome::Failure(Box::new(Failure {
        id: attempt.id.clone(),
        provider: provider.clone(),
        model_name: model.to_owned(),
        ts: milliseconds(ts),
        stage: fault.stage,
        message,
        error_kind: fault.kind,
        http_status: fault.http_status,
        provider_error_code: fault.provider_code.clone(),
        normalized_message: normalized,
        fingerprint,
        traceback: None,
        extra: failure_extra(attempt, &fault, recording, answer),
    }))
}

/// The other known facts of a failed attempt; its tokens and speeds are no sample and stay out.
fn failure_extra(
    attempt: &AttemptSpec,
    fault: &FailureDetail,
    recording: Option<&Recording>,
    answer: Option<&DecodedStream>,
) -> Map<String, Value> {
    let mut extra = object(json!({
        "retry_after_seconds": fault.retry_after_seconds,
        "benchmark_profile_id": attempt.profile.id,
        "sample_role": attempt.sample_role,
        "attempt_group": attempt.group,
        "attempt": attempt.number,
        "adaptations": attempt.adaptations,
        "request_mode": attempt.request_mode,
        "transport_provider": attempt.endpoint.transport_provider,
        "route_endpoint_tag": attempt.endpoint.tag,
        "quantization": attempt.endpoint.quantization,
        "measured_by": measured_by(),
        "pair_id": null,
        "pair_position": null,
    }));
    let Some(recording) = recording else { return extra };
    let quality = quality::of(recording, answer);
    extra.insert("run_ts".to_owned(), json!(milliseconds(recording.started_at)));
    extra.insert("elapsed_seconds".to_owned(), json!(recording.marks.end.as_secs_f64()));
    extra.insert("connection".to_owned(), json!(recording.connection));
    extra.append(&mut serialized(&recording.carrier));
    extra.append(&mut serialized(&phases(recording, answer)));
    extra.append(&mut serialized(&quality));
    extra.insert("provider_request_id".to_owned(), json!(request_id(recording)));
    if let Some(answer) = answer {
        extra.insert("finish_reason".to_owned(), json!(answer.finish_reason));
        extra.insert("response_id".to_owned(), json!(answer.response_id));
    }
    extra
}

/// The provider's id for the request, from whichever header the response has.
fn request_id(recording: &Recording) -> Option<&str> {
    let head = recording.head.as_ref()?;
    ["x-request-id", "request-id", "x-amzn-requestid"].iter().find_map(|name| head.header(name))
}

fn serialized(value: &impl serde::Serialize) -> Map<String, Value> {
    serde_json::to_value(value).map(object).unwrap_or_default()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Rounds to milliseconds, which is the precision of BSON dates, so that a row is the same in every store.
fn milliseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

//! One measurement from target to rows: prepare, send, decode, judge, and, if the API refused a parameter, one more
//! attempt without it. Joins the measuring thread, the decode thread and the pure parts; stores nothing.

use crate::domain::canary;
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::domain::pair::PairHalf;
use crate::domain::redact::Redactor;
use crate::domain::run::{Connection, Outcome};
use crate::domain::{GenerationRequest, ModelRef, Profile};
use crate::measure::clock_thread::{ClockThread, ExchangeJob};
use crate::measure::decode_thread::DecodeThread;
use crate::measure::judge::{RecordingVerdict, judge};
use crate::measure::metric_dialect::ChunkTimes;
use crate::measure::outcome_row::{self, AttemptSpec};
use crate::providers::adapt::{self, Adaptation};
use crate::providers::allowance::Allowance;
use crate::providers::endpoint::{self, RouteEndpoint};
use crate::providers::route::{PreparedRequest, ProviderRoute};
use crate::wire::{ExchangeLimits, exhaustion};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;

/// Maximum attempts at one measurement: the first, and one for each parameter that a refusal can rule out.
const MOST_ATTEMPTS: u32 = 4;

/// A model that is measured.
#[derive(Clone)]
pub struct Target {
    pub model: ModelRef,
    pub route: Arc<ProviderRoute>,
    /// The catalog's request quirks.
    pub metadata: Map<String, Value>,
    /// Adaptations learned from earlier refusals.
    pub learned: Vec<Adaptation>,
}

/// The profile and the conditions of a measurement.
#[derive(Debug, Clone)]
pub struct RequestSpec {
    pub profile: Profile,
    /// The sample role of the rows.
    pub role: String,
    pub limits: ExchangeLimits,
    /// Uses a connection that is open before the clock starts.
    pub warm: bool,
}

impl RequestSpec {
    /// The same request as one half of a pair.
    pub fn half(&self, half: &PairHalf) -> Self {
        let (role, warm) = (half.role(&self.role).to_owned(), half.connection == Connection::Warm);
        Self { role, warm, ..self.clone() }
    }
}

/// One attempt of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptResult {
    pub outcome: Outcome,
    /// The adaptation learned from a refusal; the next attempt was made with it.
    pub learned: Option<Adaptation>,
    /// The remainder of the provider's tightest limit, as its answer reported it.
    pub allowance: Option<Allowance>,
    /// When its chunks arrived, if the measurer keeps that and the wire format has such chunks.
    pub chunks: Option<Box<ChunkTimes>>,
}

/// Finds the id of the newest calibration, before a clock starts.
pub type CalibrationSource = Arc<dyn Fn() -> Option<String> + Send + Sync>;

#[derive(Clone)]
pub struct Measurer {
    pub clock_thread: ClockThread,
    pub decode_thread: DecodeThread,
    /// Removes secrets from messages.
    pub redactor: Arc<Redactor>,
    /// The newest calibration of this host, which rows name.
    pub calibration: CalibrationSource,
    /// Keeps the times of chunks beside the rows, for the metrics of other tools.
    pub keeps_chunk_times: bool,
}

impl Measurer {
    /// Makes one measurement and returns its attempts in order; the last one counts. `due` is the open loop's moment.
    pub async fn measure(
        &self,
        subject: &Target,
        question: &RequestSpec,
        due: Option<Instant>,
    ) -> Vec<AttemptResult> {
        let mut learned = subject.learned.clone();
        let mut attempts = Vec::new();
        let group = new_id();
        for number in 1..=MOST_ATTEMPTS {
            // Later attempts are not on the schedule: their delay would be the first attempt's duration.
            let due = due.filter(|_| number == 1);
            let spec = self.spec(subject, question, &group, number, &learned);
            let mut attempted = self.attempt(subject, question, spec, &learned, due).await;
            attempted.learned =
                attempted.learned.filter(|lesson| number < MOST_ATTEMPTS && !learned.contains(lesson));
            let lesson = attempted.learned;
            attempts.push(attempted);
            match lesson {
                Some(lesson) => learned.push(lesson),
                None => break,
            }
        }
        attempts
    }

    fn spec(
        &self,
        subject: &Target,
        question: &RequestSpec,
        group: &str,
        number: u32,
        learned: &[Adaptation],
    ) -> AttemptSpec {
        let ask = ask(subject, &question.profile);
        AttemptSpec {
            id: new_id(),
            endpoint: subject.route.endpoint(&ask),
            model: subject.model.clone(),
            profile: question.profile.clone(),
            sample_role: question.role.clone(),
            group: group.to_owned(),
            number,
            adaptations: learned
                .iter()
                .filter(|lesson| ask.deterministic || !lesson.is_for_canaries())
                .map(|lesson| lesson.as_str().to_owned())
                .collect(),
            ask,
            request_mode: String::new(),
            calibration: (self.calibration)(),
        }
    }

    async fn attempt(
        &self,
        subject: &Target,
        question: &RequestSpec,
        mut spec: AttemptSpec,
        learned: &[Adaptation],
        due: Option<Instant>,
    ) -> AttemptResult {
        let prepared = subject.route.prepare(spec.ask.clone(), learned).await;
        let PreparedRequest { plan, request } = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return self.never_sent(&spec, fault),
        };
        spec.ask = plan.ask.clone();
        spec.request_mode = plan.dialect.request_mode(&subject.model.provider);
        let job = ExchangeJob {
            request,
            limits: question.limits,
            end_marker: plan.dialect.end_marker(),
            warm: question.warm,
            due,
        };
        let recording = match self.clock_thread.measure(job).await {
            Ok(recording) => recording,
            Err(gone) => return self.never_sent(&spec, broken(&gone)),
        };
        let region = subject.route.region_for(&plan.ask);
        let (redactor, judged_sheet, judged_plan) = (Arc::clone(&self.redactor), spec.clone(), plan.clone());
        let keeps_chunk_times = self.keeps_chunk_times;
        let judged = self
            .decode_thread
            .work(move || {
                let chunks = if keeps_chunk_times { ChunkTimes::of(&recording) } else { None };
                (judge(&recording, &judged_sheet, &judged_plan, region.as_deref(), &redactor), chunks)
            })
            .await;
        match judged {
            Ok((RecordingVerdict { outcome, refusal, allowance }, chunks)) => {
                let learned =
                    refusal.and_then(|refusal| adapt::suggest(&refusal.fault, &refusal.said?, &plan));
                AttemptResult { outcome, learned, allowance, chunks: chunks.map(Box::new) }
            }
            Err(no_result) => self.never_sent(&spec, broken(&no_result)),
        }
    }

    /// Builds the row of an attempt without a recording.
    fn never_sent(&self, spec: &AttemptSpec, fault: FailureDetail) -> AttemptResult {
        let fault = match exhaustion::now() {
            // If the process lacks a resource, a key file that cannot be opened does not mean that the key is wrong.
            Some(want) => {
                FailureDetail::new(FailureKind::Client, fault.stage, format!("{}: {want}", fault.message))
            }
            None => fault,
        };
        let message = self.redactor.redact(&fault.message);
        let outcome = outcome_row::failure(spec, FailureDetail { message, ..fault }, None, None);
        AttemptResult { outcome, learned: None, allowance: None, chunks: None }
    }
}

/// The endpoint to which a measurement's requests go.
pub fn route_endpoint(subject: &Target, question: &RequestSpec) -> RouteEndpoint {
    subject.route.endpoint(&ask(subject, &question.profile))
}

/// Builds the request for this model from the profile.
fn ask(subject: &Target, profile: &Profile) -> GenerationRequest {
    let mut metadata = subject.metadata.clone();
    // It changes no request: rows are the same with and without it.
    canary::ask(&mut metadata, false);
    if let Some(tag) = subject.model.endpoint_tag() {
        endpoint::pin(&mut metadata, tag);
    }
    GenerationRequest {
        model_id: subject.model.served_id().to_owned(),
        prompt: if profile.cache_bust { with_nonce(&profile.prompt) } else { profile.prompt.clone() },
        max_output_tokens: profile.max_output_tokens,
        temperature: profile.temperature,
        reasoning_effort: profile.reasoning_effort.clone(),
        metadata,
        deterministic: profile.deterministic,
    }
}

/// Adds a random prefix, so that no cache has seen the first words of the prompt.
fn with_nonce(prompt: &str) -> String {
    format!("[{:016x}] {prompt}", rand::random::<u64>())
}

/// A new ULID: 26 characters, sorted by time.
fn new_id() -> String {
    ulid::Ulid::generate().to_string()
}

fn broken(error: &impl std::fmt::Display) -> FailureDetail {
    FailureDetail::new(FailureKind::Unknown, FailureStage::Prepare, error.to_string())
}

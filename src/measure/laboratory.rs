//! One measurement from question to rows: prepare, send, decode, judge, and, where the API refused a parameter, once more
//! without it as an attempt of its own. Joins the measuring thread, the desk and the pure parts; stores nothing.

use crate::domain::failure::{Fault, Kind, Stage};
use crate::domain::redact::Redactor;
use crate::domain::run::Outcome;
use crate::domain::{Ask, ModelRef, Profile};
use crate::measure::desk::Desk;
use crate::measure::judge::{Judged, judge};
use crate::measure::meter::{Job, Meter};
use crate::measure::rows::{self, Attempt};
use crate::providers::adapt::{self, Adaptation};
use crate::providers::allowance::Allowance;
use crate::providers::route::{Prepared, Route};
use crate::wire::{Limits, exhaustion};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;

/// At most so many attempts at one measurement: the first, and one for each thing that a refusal can teach.
const MOST_ATTEMPTS: u32 = 4;

/// A model that is measured.
#[derive(Clone)]
pub struct Subject {
    /// Which.
    pub model: ModelRef,
    /// The way to it.
    pub route: Arc<Route>,
    /// The catalogue's request quirks.
    pub metadata: Map<String, Value>,
    /// What earlier refusals taught.
    pub learned: Vec<Adaptation>,
}

/// What is asked of it, and how.
#[derive(Debug, Clone)]
pub struct Question {
    /// The profile.
    pub profile: Profile,
    /// The role of the rows.
    pub role: String,
    /// Deadlines and caps.
    pub limits: Limits,
    /// On a connection that is open before the clock starts.
    pub warm: bool,
}

/// One attempt of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempted {
    /// Its row.
    pub outcome: Outcome,
    /// What its refusal taught; the next attempt was made with it.
    pub learned: Option<Adaptation>,
    /// What its answer said is left of the provider's tightest limit.
    pub allowance: Option<Allowance>,
}

/// Where measurements are made.
#[derive(Clone)]
pub struct Laboratory {
    /// The measuring thread.
    pub meter: Meter,
    /// The decoding thread.
    pub desk: Desk,
    /// Takes secrets out of messages.
    pub redactor: Arc<Redactor>,
}

impl Laboratory {
    /// Makes one measurement and gives its attempts in order; the last one counts. `due` is the open loop's moment.
    pub async fn measure(
        &self,
        subject: &Subject,
        question: &Question,
        due: Option<Instant>,
    ) -> Vec<Attempted> {
        let mut learned = subject.learned.clone();
        let mut attempts = Vec::new();
        let group = new_id();
        for number in 1..=MOST_ATTEMPTS {
            // Later attempts are not on the schedule: their delay would be the first attempt's duration.
            let due = due.filter(|_| number == 1);
            let sheet = self.sheet(subject, question, &group, number, &learned);
            let mut attempted = self.attempt(subject, question, sheet, &learned, due).await;
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

    fn sheet(
        &self,
        subject: &Subject,
        question: &Question,
        group: &str,
        number: u32,
        learned: &[Adaptation],
    ) -> Attempt {
        Attempt {
            id: new_id(),
            model: subject.model.clone(),
            profile: question.profile.clone(),
            sample_role: question.role.clone(),
            group: group.to_owned(),
            number,
            adaptations: learned.iter().map(|lesson| lesson.as_str().to_owned()).collect(),
            ask: ask(subject, &question.profile),
            request_mode: String::new(),
        }
    }

    async fn attempt(
        &self,
        subject: &Subject,
        question: &Question,
        mut sheet: Attempt,
        learned: &[Adaptation],
        due: Option<Instant>,
    ) -> Attempted {
        let prepared = subject.route.prepare(sheet.ask.clone(), learned).await;
        let Prepared { plan, request } = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return self.never_sent(&sheet, fault),
        };
        sheet.ask = plan.ask.clone();
        sheet.request_mode = plan.dialect.request_mode(&subject.model.provider);
        let job = Job {
            request,
            limits: question.limits,
            end_marker: plan.dialect.end_marker(),
            warm: question.warm,
            due,
        };
        let recording = match self.meter.measure(job).await {
            Ok(recording) => recording,
            Err(gone) => return self.never_sent(&sheet, broken(&gone)),
        };
        let region = subject.route.region();
        let (redactor, judged_sheet, judged_plan) = (Arc::clone(&self.redactor), sheet.clone(), plan.clone());
        let judged = self
            .desk
            .work(move || judge(&recording, &judged_sheet, &judged_plan, region.as_deref(), &redactor))
            .await;
        match judged {
            Ok(Judged { outcome, refusal, allowance }) => {
                let learned =
                    refusal.and_then(|refusal| adapt::suggest(&refusal.fault, &refusal.said?, &plan));
                Attempted { outcome, learned, allowance }
            }
            Err(no_result) => self.never_sent(&sheet, broken(&no_result)),
        }
    }

    /// The row of an attempt without a recording.
    fn never_sent(&self, sheet: &Attempt, fault: Fault) -> Attempted {
        let fault = match exhaustion::now() {
            // A key file that cannot be opened then is no key that is wrong.
            Some(want) => Fault::new(Kind::Client, fault.stage, format!("{}: {want}", fault.message)),
            None => fault,
        };
        let message = self.redactor.redact(&fault.message);
        let outcome = rows::failure(sheet, Fault { message, ..fault }, None, None);
        Attempted { outcome, learned: None, allowance: None }
    }
}

/// The question as this model is asked it.
fn ask(subject: &Subject, profile: &Profile) -> Ask {
    Ask {
        model_id: subject.model.model_id.clone(),
        prompt: if profile.cache_bust { with_nonce(&profile.prompt) } else { profile.prompt.clone() },
        max_output_tokens: profile.max_output_tokens,
        temperature: profile.temperature,
        reasoning_effort: profile.reasoning_effort.clone(),
        metadata: subject.metadata.clone(),
    }
}

/// A prompt whose first words no cache has seen.
fn with_nonce(prompt: &str) -> String {
    format!("[{:016x}] {prompt}", rand::random::<u64>())
}

/// A new id: 26 characters, sorted by time.
fn new_id() -> String {
    ulid::Ulid::generate().to_string()
}

fn broken(error: &impl std::fmt::Display) -> Fault {
    Fault::new(Kind::Unknown, Stage::Prepare, error.to_string())
}

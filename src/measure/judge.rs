//! Decodes one recording and decides its outcome: the decode thread's work. Pure.

use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::domain::redact::Redactor;
use crate::domain::run::Outcome;
use crate::measure::outcome_row::{self, AttemptSpec};
use crate::measure::plausibility::impossible;
use crate::measure::redact_outcome::without_secrets;
use crate::measure::tokens::count_with_tiktoken;
use crate::measure::verdict::{ErrorContext, ExchangeFailure, refusal};
use crate::providers::allowance::{self, Allowance};
use crate::providers::prepare::RequestPlan;
use crate::wire::Recording;

/// The result of judging a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingVerdict {
    pub outcome: Outcome,
    /// The failure and the provider's words for it, if the attempt failed.
    pub refusal: Option<ExchangeFailure>,
    /// The remaining allowance that the answer reported.
    pub allowance: Option<Allowance>,
}

/// Builds the row of one exchange. `region` is Bedrock's; the row is free of the redactor's secrets.
pub fn judge(
    recording: &Recording,
    spec: &AttemptSpec,
    plan: &RequestPlan,
    region: Option<&str>,
    redactor: &Redactor,
) -> RecordingVerdict {
    let streamed = recording.head.as_ref().is_some_and(|head| head.status == 200);
    let answer = streamed.then(|| plan.dialect.decode(recording, &plan.quirks));
    let asked = ErrorContext { model: &spec.model, region, redactor };
    let refusal = refusal(recording, answer.as_ref(), asked).or_else(|| {
        let fault = impossible(answer.as_ref()?, &plan.ask, &count_with_tiktoken)?;
        Some(ExchangeFailure { fault, said: None })
    });
    let (outcome, refusal) = match (refusal, answer) {
        (None, Some(answer)) => {
            let promised = plan.dialect.promises_usage(&plan.quirks);
            (outcome_row::run(spec, recording, answer, promised), None)
        }
        (refusal, answer) => {
            let fault = match &refusal {
                Some(refusal) => refusal.fault.clone(),
                None => FailureDetail::new(
                    FailureKind::Protocol,
                    FailureStage::Response,
                    "the answer had no head",
                ),
            };
            (outcome_row::failure(spec, fault, Some(recording), answer.as_ref()), refusal)
        }
    };
    let head = recording.head.as_ref();
    let allowance = head.and_then(|head| allowance::tightest(&head.headers, recording.ended_at));
    RecordingVerdict { outcome: without_secrets(outcome, redactor), refusal, allowance }
}

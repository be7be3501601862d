//! Decodes and judges one recording: the desk's work. Pure.

use crate::domain::failure::{Fault, Kind, Stage};
use crate::domain::redact::Redactor;
use crate::domain::run::Outcome;
use crate::measure::foreign::without_secrets;
use crate::measure::plausible::impossible;
use crate::measure::rows::{self, Attempt};
use crate::measure::tokens::count_with_tiktoken;
use crate::measure::verdict::{Asked, Refusal, refusal};
use crate::providers::allowance::{self, Allowance};
use crate::providers::prepare::Plan;
use crate::wire::Recording;

/// What became of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its row.
    pub outcome: Outcome,
    /// What was refused, and in which words, if the attempt failed.
    pub refusal: Option<Refusal>,
    /// What the answer said is left of limits.
    pub allowance: Option<Allowance>,
}

/// The row of one exchange. `region` is Bedrock's; the row is free of the redactor's secrets.
pub fn judge(
    recording: &Recording,
    sheet: &Attempt,
    plan: &Plan,
    region: Option<&str>,
    redactor: &Redactor,
) -> Judged {
    let streamed = recording.head.as_ref().is_some_and(|head| head.status == 200);
    let answer = streamed.then(|| plan.dialect.decode(recording, &plan.quirks));
    let asked = Asked { model: &sheet.model, region, redactor };
    let refusal = refusal(recording, answer.as_ref(), asked).or_else(|| {
        let fault = impossible(answer.as_ref()?, &plan.ask, &count_with_tiktoken)?;
        Some(Refusal { fault, said: None })
    });
    let (outcome, refusal) = match (refusal, answer) {
        (None, Some(answer)) => {
            let promised = plan.dialect.promises_usage(&plan.quirks);
            (rows::run(sheet, recording, answer, promised), None)
        }
        (refusal, answer) => {
            let fault = match &refusal {
                Some(refusal) => refusal.fault.clone(),
                None => Fault::new(Kind::Protocol, Stage::Response, "the answer had no head"),
            };
            (rows::failure(sheet, fault, Some(recording), answer.as_ref()), refusal)
        }
    };
    let head = recording.head.as_ref();
    let allowance = head.and_then(|head| allowance::tightest(&head.headers, recording.ended_at));
    Judged { outcome: without_secrets(outcome, redactor), refusal, allowance }
}

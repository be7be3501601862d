//! Redacts the provider's words that a row keeps unchanged: ids, names, its own clock. A host could write the key
//! that it received into any of them. Messages are redacted at their source, in `verdict` and `providers::errors`.

use crate::domain::redact::Redactor;
use crate::domain::{Failure, Outcome, Run};
use crate::measure::canary_answer::ANSWER_TEXT;
use serde_json::Value;

/// The outcome with every known secret removed from the provider's words.
pub fn without_secrets(mut outcome: Outcome, redactor: &Redactor) -> Outcome {
    match &mut outcome {
        Outcome::Success(run) => clean_run(run, redactor),
        Outcome::Failure(failure) => clean_failure(failure, redactor),
    }
    outcome
}

fn clean_run(run: &mut Run, redactor: &Redactor) {
    let named = [
        &mut run.finish_reason,
        &mut run.response_id,
        &mut run.provider_request_id,
        &mut run.response_status,
        &mut run.response_model,
        &mut run.observed_provider,
        &mut run.endpoint_mismatch,
        &mut run.service_tier,
        &mut run.system_fingerprint,
    ];
    for text in named.into_iter().flatten() {
        *text = redactor.redact_known(text);
    }
    run.extra.get_mut(ANSWER_TEXT).into_iter().for_each(|text| clean(text, redactor));
    run.provider_timing
        .iter_mut()
        .flat_map(|timing| timing.values_mut())
        .for_each(|value| clean(value, redactor));
}

fn clean_failure(failure: &mut Failure, redactor: &Redactor) {
    failure.extra.values_mut().for_each(|value| clean(value, redactor));
}

fn clean(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => *text = redactor.redact_known(text),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, redactor)),
        Value::Object(fields) => fields.values_mut().for_each(|field| clean(field, redactor)),
        _ => {}
    }
}

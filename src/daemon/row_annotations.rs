//! Fields that the daemon adds to rows: the slot's id on the one row that counts, the place and the owner of the
//! measurement. Also creates rows for measurements that ended without one.

use crate::daemon::measurement_order::{AttemptVerdict, MeasurementOrder};
use crate::domain::cost;
use crate::domain::failure::{Failure, fingerprint, normalize};
use crate::domain::pair::PairHalf;
use crate::domain::slot::{self, SUPERSEDED};
use crate::domain::{FailureKind, FailureStage, Outcome, Slot};
use crate::measure::outcome_row::measured_by;
use crate::measure::quality;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// The fields that every row of a slot carries.
pub fn fields(slot: &Slot, owner: &str) -> Map<String, Value> {
    let slot_at = slot::spelt(slot.starts_at);
    [("vantage", json!(slot.series.vantage)), ("slot_at", json!(slot_at)), ("daemon_owner", json!(owner))]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Stamps the rows of a measurement, which is a `half` of a pair if its order has one. The success that counts gets the
/// slot's id, unless the slot was `lost` to another daemon: then the row is kept but does not count. That of a counterpart
/// never counts.
pub fn stamp(
    outcomes: &mut [Outcome],
    order: &MeasurementOrder,
    half: Option<&PairHalf>,
    owner: &str,
    lost: bool,
) {
    let fields = fields(&order.slot, owner);
    let counterpart = half.is_some_and(PairHalf::is_counterpart);
    for outcome in outcomes {
        cost::stamp(outcome, order.work.price);
        half.into_iter().for_each(|half| half.stamp(outcome));
        match outcome {
            Outcome::Success(run) if counterpart => run.extra.extend(fields.clone()),
            Outcome::Success(run) => {
                run.extra.extend(fields.clone());
                if lost {
                    SUPERSEDED.clone_into(&mut run.sample_role);
                } else if order.work.counts && !run.quality.suspect {
                    run.id = order.slot.id();
                }
            }
            Outcome::Failure(failure) => failure.extra.extend(fields.clone()),
        }
    }
}

/// The verdict on a measurement: its last attempt counts.
pub fn verdict(outcomes: &[Outcome]) -> AttemptVerdict {
    match outcomes.last() {
        Some(Outcome::Success(run)) => AttemptVerdict {
            kind: None,
            suspect: quality::is_starved(&run.quality),
            retry_after: None,
            message: run.quality.suspect_reasons.join("; "),
        },
        Some(Outcome::Failure(failure)) => AttemptVerdict {
            kind: Some(failure.error_kind),
            suspect: false,
            retry_after: failure.extra.get("retry_after_seconds").and_then(Value::as_f64),
            message: failure.message.chars().take(200).collect(),
        },
        None => AttemptVerdict {
            kind: Some(FailureKind::Unknown),
            suspect: false,
            retry_after: None,
            message: "the measurement ended without a row".to_owned(),
        },
    }
}

/// The row of a measurement that panicked or missed its deadline and left no row. `endpoint` are the fields that name the
/// endpoint of its request, `role` is that of its rows.
pub fn ended_without_row(
    order: &MeasurementOrder,
    role: &str,
    endpoint: &Map<String, Value>,
    kind: FailureKind,
    message: &str,
    began_at: DateTime<Utc>,
) -> Outcome {
    let model = &order.slot.series.model;
    let (stage, normalized) = (FailureStage::Request, normalize(message));
    let extra = json!({
        "run_ts": began_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "benchmark_profile_id": order.slot.series.profile_id,
        "sample_role": role,
        "attempt": order.attempt,
        "measured_by": measured_by(),
    });
    let mut extra = extra.as_object().cloned().unwrap_or_default();
    extra.extend(endpoint.clone());
    Outcome::Failure(Box::new(Failure {
        id: ulid::Ulid::generate().to_string(),
        provider: model.provider.clone(),
        model_name: model.served_id().to_owned(),
        ts: DateTime::from_timestamp_millis(Utc::now().timestamp_millis()).unwrap_or_default(),
        stage,
        message: message.to_owned(),
        error_kind: kind,
        http_status: None,
        provider_error_code: None,
        fingerprint: fingerprint(&model.provider, model.served_id(), stage, kind, &normalized),
        normalized_message: normalized,
        traceback: None,
        extra,
    }))
}

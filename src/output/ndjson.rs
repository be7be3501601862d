//! Formats one line per run, as it ends: the stored document with its own field names (durations in seconds, times RFC
//! 3339 in UTC), and `outcome`, either `success` or `failure`.

use crate::domain::Outcome;
use serde_json::{Map, Value};

/// Builds the document of an outcome.
///
/// # Errors
/// Passed on from the serializer; a well-formed outcome causes none.
pub fn document(outcome: &Outcome) -> serde_json::Result<Map<String, Value>> {
    let (word, document) = match outcome {
        Outcome::Success(run) => ("success", serde_json::to_value(run)?),
        Outcome::Failure(failure) => ("failure", serde_json::to_value(failure)?),
    };
    let mut fields = Map::new();
    fields.insert("outcome".to_owned(), word.into());
    if let Value::Object(stored) = document {
        fields.extend(stored.into_iter().filter(|(name, _)| name != "outcome"));
    }
    Ok(fields)
}

/// The line with its line break, so that one write is one line.
///
/// # Errors
/// The same as [`document`].
pub fn line(outcome: &Outcome) -> serde_json::Result<String> {
    Ok(serde_json::to_string(&document(outcome)?)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Failure, FailureKind, Run};
    use crate::measure::testing;

    #[test]
    fn a_line_is_a_document_that_can_be_read_back() {
        let run = testing::run("groq", "line\nbreak", 0.2);
        let line = line(&Outcome::Success(Box::new(run.clone()))).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let mut fields: Map<String, Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(fields.remove("outcome").unwrap(), "success");
        assert_eq!(fields["time_to_first_token"], 0.2);
        assert_eq!(fields["time_to_first_reasoning_token"], Value::Null);
        assert_eq!(fields["run_ts"], "2026-08-23T12:00:00.250Z");
        assert_eq!(serde_json::from_value::<Run>(Value::Object(fields)).unwrap(), run);
    }

    #[test]
    fn a_failure_is_a_line_too() {
        let mut failed = testing::failure("groq", "m", FailureKind::RateLimit, "slow down");
        if let Outcome::Failure(failure) = &mut failed {
            failure.extra.insert("outcome".into(), "forged".into());
        }
        let fields = document(&failed).unwrap();
        assert_eq!(fields["outcome"], "failure");
        assert_eq!(fields["error_kind"], "rate_limit");
        assert_eq!(fields["http_status"], 429);
        assert!(serde_json::from_value::<Failure>(Value::Object(fields)).is_ok());
    }
}

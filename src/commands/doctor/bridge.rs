//! Checks the bridge, if it is the store: it is reached, knows the key, gives a work list, and has a clock that agrees
//! with this one.

use super::deadline::bounded;
use super::store::{CLOCK_LIMIT, off};
use crate::commands::bridge;
use crate::commands::context::Context;
use crate::domain::clock_offset::ClockOffset;
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::troubleshooting;
use crate::storage::{OutcomeSink, StoreError};

const HERE: FindingSection = FindingSection::Store;

pub enum BridgeCheck {
    /// The settings do not describe a usable bridge.
    Unusable {
        why: String,
        /// The advice; `None` if the error brings none.
        fix: Option<String>,
    },
    Asked {
        described: String,
        /// Per provider the number of models and the bridge's clock, or the error; the outer error is a deadline.
        answers: Vec<(String, Result<WorkListResult, String>)>,
    },
}

/// The bridge's answer about one provider.
type WorkListResult = Result<(usize, Option<ClockOffset>), StoreError>;

impl BridgeCheck {
    /// The number of a provider's models that this host measures; `None` if the bridge did not say it.
    pub fn enabled(&self, provider: &str) -> Option<usize> {
        let BridgeCheck::Asked { answers, .. } = self else { return None };
        match answers.iter().find(|(name, _)| name == provider) {
            Some((_, Ok(Ok((models, _))))) => Some(*models),
            Some(_) => None,
            None => Some(0),
        }
    }
}

pub async fn look(context: &Context) -> BridgeCheck {
    let wanted = context.settings.daemon_config.wanted();
    let providers = if wanted.is_empty() { vec![bridge::default_provider(context)] } else { wanted };
    let bridge = match bridge::open(context, providers.clone()) {
        Ok(Some(bridge)) => bridge,
        Ok(None) => return BridgeCheck::Unusable { why: "no bridge is configured".to_owned(), fix: None },
        Err(error) => {
            let fix = error.hint.filter(|hint| !hint.starts_with("TROUBLESHOOTING"));
            return BridgeCheck::Unusable { why: error.message, fix };
        }
    };
    let mut answers = Vec::new();
    for provider in providers {
        let answer = bounded("asking it", bridge.look(&provider)).await;
        answers.push((provider, answer));
    }
    BridgeCheck::Asked { described: bridge.describe(), answers }
}

pub fn findings(check: &BridgeCheck) -> Vec<Finding> {
    let (described, answers) = match check {
        BridgeCheck::Unusable { why, fix } => {
            let fix = fix.as_deref().unwrap_or("correct what the sentence names");
            return vec![Finding::wrong(HERE, "bridge", why, fix, troubleshooting::RUNNER)];
        }
        BridgeCheck::Asked { described, answers } => (described, answers),
    };
    let mut found = Vec::new();
    let mut clock = None;
    for (provider, answer) in answers {
        let subject = format!("work list of {provider}");
        found.push(match answer {
            Err(late) => Finding::unknown(HERE, subject, late),
            Ok(Err(error)) => {
                Finding::wrong(HERE, subject, error.to_string(), way_out(error), troubleshooting::RUNNER)
            }
            Ok(Ok((0, offset))) => {
                clock = clock.or(*offset);
                let sentence = format!("{described} has none: nothing is measured");
                Finding::note(HERE, subject, sentence).fix("`llmbench models add` where the database is")
            }
            Ok(Ok((models, offset))) => {
                clock = clock.or(*offset);
                Finding::ok(HERE, subject, format!("{models} models, from {described}"))
            }
        });
    }
    found.extend(clock.map(|clock: ClockOffset| {
        let sentence = format!("the bridge's clock is {}", clock.spoken());
        if clock.is_beyond(CLOCK_LIMIT) { off(sentence) } else { Finding::ok(HERE, "clock", sentence) }
    }));
    found
}

fn way_out(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "start the bridge, or correct --store",
        StoreError::Denied(_) => {
            "set LLMBENCH_BRIDGE_KEY to a key for this provider: `llmbench ingest key list` where the database is"
        }
        _ => "correct --store: it names the bridge's own address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;

    #[test]
    fn each_provider_has_its_answer_and_the_clock_is_one() {
        let offset = |seconds| ClockOffset { seconds, within: 0.1 };
        let said = |answer: WorkListResult| {
            let answers = vec![("bedrock".to_owned(), Ok(answer))];
            findings(&BridgeCheck::Asked { described: "https://h".to_owned(), answers })
        };
        let severities = |found: &[Finding]| found.iter().map(|one| one.severity).collect::<Vec<_>>();
        assert_eq!(severities(&said(Ok((3, Some(offset(0.2)))))), [Severity::Ok, Severity::Ok]);
        assert_eq!(severities(&said(Ok((0, Some(offset(9.0)))))), [Severity::Note, Severity::Finding]);
        let denied = said(Err(StoreError::Denied("the bridge refuses the key: 401".to_owned())));
        assert_eq!(severities(&denied), [Severity::Finding]);
        assert!(denied[0].fix.as_deref().unwrap().contains("ingest key list"));
    }
}

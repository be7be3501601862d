//! Success or failure: what an ended exchange was, judged in the order in which things can go wrong. Pure. What a
//! provider's error means is asked of `providers::errors`.

use crate::domain::failure::{Fault, Kind, Stage};
use crate::providers::errors::classify;
use crate::providers::protocols::{Answer, Channel, Dialect, error_body};
use crate::wire::{Ending, Head, Recording};

/// Finish reasons that mean "the output budget was used up", in every provider's words.
const BUDGET_WORDS: [&str; 5] =
    ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_context_window_exceeded"];

/// The fault of an exchange, or `None` where it is a sample. `answer` is what a success stream decoded to.
pub fn fault(recording: &Recording, answer: Option<&Answer>, provider: &str, dialect: Dialect) -> Option<Fault> {
    let streamed_error = answer.and_then(|answer| answer.error.as_ref());
    match (&recording.head, streamed_error) {
        (Some(head), _) if head.status != 200 => return Some(refused(recording, head, provider, dialect)),
        // An error that the stream names explains more than the way in which the stream then ended.
        (Some(head), Some(error)) => {
            let status = error.status.unwrap_or(head.status);
            let fault = classify(provider, dialect, status, head, error);
            return Some(Fault { stage: Stage::Stream, http_status: Some(head.status), ..fault });
        }
        _ => {}
    }
    ending_fault(recording).or_else(|| answer.and_then(unusable))
}

/// An answer that is no 200.
fn refused(recording: &Recording, head: &Head, provider: &str, dialect: Dialect) -> Fault {
    let fault = if (300..400).contains(&head.status) {
        let to = head.header("location").unwrap_or("nowhere").chars().take(200).collect::<String>();
        Fault::new(
            Kind::Protocol,
            Stage::Response,
            format!("HTTP {} to {}: redirects are never followed, so that no key reaches another host", head.status, to.escape_debug()),
        )
    } else {
        let error = error_body(&recording.body).unwrap_or_else(|| plain_error(recording, head));
        classify(provider, dialect, head.status, head, &error)
    };
    Fault { stage: Stage::Response, http_status: Some(head.status), ..fault }
}

/// An error whose body is in no known shape: its first characters are the message.
fn plain_error(recording: &Recording, head: &Head) -> crate::providers::protocols::StreamError {
    let text = String::from_utf8_lossy(&recording.body[..recording.body.len().min(800)]).trim().to_owned();
    let message = if text.is_empty() { format!("HTTP {} without a body", head.status) } else { text };
    crate::providers::protocols::StreamError { code: None, message, status: None, param: None }
}

/// What the way in which the exchange ended says.
fn ending_fault(recording: &Recording) -> Option<Fault> {
    let answered = recording.head.is_some();
    let stage = if answered { Stage::Stream } else { Stage::Request };
    let (kind, stage, message) = match &recording.ending {
        Ending::Complete => return None,
        Ending::ConnectFailed(reason) => (Kind::Network, Stage::Connect, reason.clone()),
        Ending::SendFailed(reason) => (Kind::Network, Stage::Request, format!("the request could not be sent: {reason}")),
        Ending::Cut(reason) if answered => (Kind::Truncated, stage, reason.clone()),
        Ending::Cut(reason) => (Kind::Network, stage, reason.clone()),
        Ending::TimedOut("connect") => {
            (Kind::Timeout, Stage::Connect, "no connection within the connect deadline".to_owned())
        }
        Ending::TimedOut(which) => (Kind::Timeout, stage, format!("the {which} deadline passed")),
        Ending::Malformed(reason) => (Kind::Protocol, stage, reason.clone()),
        Ending::TooLarge => (Kind::Protocol, stage, "the answer passed the size limit".to_owned()),
    };
    let mut fault = Fault::new(kind, stage, message);
    fault.http_status = recording.head.as_ref().map(|head| head.status);
    Some(fault)
}

/// Why a stream that HTTP calls complete is no sample.
fn unusable(answer: &Answer) -> Option<Fault> {
    let fault = |kind, stage, message: String| Some(Fault { http_status: Some(200), ..Fault::new(kind, stage, message) });
    if let Some(reason) = &answer.malformed {
        return fault(Kind::Protocol, Stage::Stream, reason.clone());
    }
    let Some(finish) = &answer.finish_reason else {
        return fault(Kind::Truncated, Stage::Stream, "the stream ended without a finish reason".to_owned());
    };
    if answer.deltas.iter().any(|delta| delta.channel == Channel::Visible) {
        return None;
    }
    if BUDGET_WORDS.contains(&finish.as_str()) {
        return fault(
            Kind::BudgetExhausted,
            Stage::Validate,
            "the whole output budget went into reasoning, nothing visible came".to_owned(),
        );
    }
    fault(Kind::Protocol, Stage::Validate, format!("no visible text came (finish reason `{}`)", finish.escape_debug()))
}

//! Classifies an ended exchange as success or failure, checking causes in the order in which they can occur. Pure.
//! `providers::errors` interprets a provider's error.

use crate::domain::ModelRef;
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::domain::redact::Redactor;
use crate::providers::errors::{ErrorAnswer, classify};
use crate::providers::protocols::{Channel, DecodedStream, StreamError, error_body, unpacked};
use crate::wire::{ExchangeEnd, ReceivedAnswer, Recording, ResponseHead};

/// Finish reasons that mean "the output budget was used up", in every provider's words.
const BUDGET_WORDS: [&str; 5] =
    ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_context_window_exceeded"];

/// The facts about a request that the meaning of an error depends on.
#[derive(Debug, Clone, Copy)]
pub struct ErrorContext<'a> {
    pub model: &'a ModelRef,
    /// The region, for Bedrock only.
    pub region: Option<&'a str>,
    /// Removes secrets from messages.
    pub redactor: &'a Redactor,
}

/// The reason why an exchange is no sample, and the provider's error, if it named one.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeFailure {
    pub fault: FailureDetail,
    /// The provider's own words, from which an adaptation is learned.
    pub said: Option<StreamError>,
}

/// Classifies an exchange; `None` if it is a sample. `answer` is the decoded stream of a success.
pub fn refusal(
    recording: &Recording,
    answer: Option<&DecodedStream>,
    asked: ErrorContext<'_>,
) -> Option<ExchangeFailure> {
    refusal_of(recording.received(), answer, asked)
}

/// The same of an answer that nobody timed.
pub fn refusal_of(
    received: ReceivedAnswer<'_>,
    answer: Option<&DecodedStream>,
    asked: ErrorContext<'_>,
) -> Option<ExchangeFailure> {
    let streamed = answer.and_then(|answer| answer.error.clone());
    match (received.head, streamed) {
        // The status explains an error answer, even one whose body then broke off.
        (Some(head), _) if head.status != 200 => Some(not_ok(&received, head, asked)),
        // An error named in the stream explains more than the way the stream then ended.
        (Some(head), Some(error)) => Some(explained(&received, head, Some(error), asked)),
        _ => ending_fault(&received)
            .or_else(|| answer.and_then(unusable))
            .map(|fault| ExchangeFailure { fault: redacted(fault, asked.redactor), said: None }),
    }
}

fn redacted(fault: FailureDetail, redactor: &Redactor) -> FailureDetail {
    FailureDetail { message: redactor.redact(&fault.message), ..fault }
}

/// Classifies an answer whose status is not 200.
fn not_ok(received: &ReceivedAnswer<'_>, head: &ResponseHead, asked: ErrorContext<'_>) -> ExchangeFailure {
    if !(300..400).contains(&head.status) {
        let mut error = error_body(&unpacked(head, received.body));
        // Bedrock names the kind of its error in a header, `ThrottlingException:http://…`.
        if let (Some(error), Some(kind)) = (&mut error, head.header("x-amzn-errortype")) {
            error.code = kind.split(':').next().map(str::to_owned);
        }
        return explained(received, head, error, asked);
    }
    let to: String = head.header("location").unwrap_or("nowhere").chars().take(200).collect();
    let message = format!(
        "HTTP {} to {}: redirects are never followed, so that no key reaches another host",
        head.status,
        to.escape_debug()
    );
    let fault = FailureDetail::new(FailureKind::Protocol, FailureStage::Response, message);
    let fault = FailureDetail { http_status: Some(head.status), ..fault };
    ExchangeFailure { fault: redacted(fault, asked.redactor), said: None }
}

/// Classifies an error that the provider named.
fn explained(
    received: &ReceivedAnswer<'_>,
    head: &ResponseHead,
    error: Option<StreamError>,
    asked: ErrorContext<'_>,
) -> ExchangeFailure {
    let answer = ErrorAnswer {
        provider: &asked.model.provider,
        model_id: asked.model.served_id(),
        region: asked.region,
        status: head.status,
        headers: &head.headers,
        error: error.as_ref(),
        body: &unpacked(head, received.body),
        now: received.ended_at,
    };
    ExchangeFailure { fault: classify(&answer, asked.redactor), said: error }
}

/// The fault implied by the way the exchange ended.
fn ending_fault(received: &ReceivedAnswer<'_>) -> Option<FailureDetail> {
    let answered = received.head.is_some();
    let stage = if answered { FailureStage::Stream } else { FailureStage::Request };
    let (kind, stage, message) = match received.ending {
        ExchangeEnd::Complete => return None,
        ExchangeEnd::ConnectFailed(reason) => (FailureKind::Network, FailureStage::Connect, reason.clone()),
        ExchangeEnd::Exhausted(reason) => (FailureKind::Client, FailureStage::Connect, reason.clone()),
        ExchangeEnd::SendFailed(reason) => {
            (FailureKind::Network, FailureStage::Request, format!("the request could not be sent: {reason}"))
        }
        ExchangeEnd::Cut(reason) if answered => (FailureKind::Truncated, stage, reason.clone()),
        ExchangeEnd::Cut(reason) | ExchangeEnd::Unanswered(reason) => {
            (FailureKind::Network, stage, reason.clone())
        }
        ExchangeEnd::TimedOut("connect") => (
            FailureKind::Timeout,
            FailureStage::Connect,
            "no connection within the connect deadline".to_owned(),
        ),
        ExchangeEnd::TimedOut("proxy") => (
            FailureKind::Timeout,
            FailureStage::Connect,
            "the proxy did not connect within the connect deadline".to_owned(),
        ),
        ExchangeEnd::TimedOut(which) => (FailureKind::Timeout, stage, format!("the {which} deadline passed")),
        ExchangeEnd::Malformed(reason) => (FailureKind::Protocol, stage, reason.clone()),
        ExchangeEnd::TooLarge => {
            (FailureKind::Protocol, stage, "the answer passed the size limit".to_owned())
        }
    };
    let http_status = received.head.map(|head| head.status);
    Some(FailureDetail { http_status, ..FailureDetail::new(kind, stage, message) })
}

/// The reason why a stream that HTTP calls complete is no sample.
fn unusable(answer: &DecodedStream) -> Option<FailureDetail> {
    let fault = |kind, stage, message: String| {
        Some(FailureDetail { http_status: Some(200), ..FailureDetail::new(kind, stage, message) })
    };
    if let Some(reason) = &answer.malformed {
        return fault(FailureKind::Protocol, FailureStage::Stream, reason.clone());
    }
    if let Some(cut) = &answer.cut {
        return fault(FailureKind::Truncated, FailureStage::Stream, cut.clone());
    }
    let Some(finish) = &answer.finish_reason else {
        return fault(
            FailureKind::Truncated,
            FailureStage::Stream,
            "the stream ended without a finish reason".to_owned(),
        );
    };
    if answer.deltas.iter().any(|delta| delta.channel == Channel::Visible) {
        return None;
    }
    if BUDGET_WORDS.contains(&finish.as_str()) {
        return fault(
            FailureKind::BudgetExhausted,
            FailureStage::Validate,
            "the whole output budget went into reasoning, nothing visible came".to_owned(),
        );
    }
    let message = format!("no visible text came (finish reason `{}`)", finish.escape_debug());
    fault(FailureKind::Protocol, FailureStage::Validate, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Connection, ConnectionInfo};
    use crate::providers::protocols::Delta;
    use crate::wire::Marks;
    use bytes::Bytes;
    use chrono::DateTime;
    use std::time::Duration;

    fn recording(status: Option<u16>, body: &'static str, ending: ExchangeEnd) -> Recording {
        Recording {
            started_at: DateTime::UNIX_EPOCH,
            ended_at: DateTime::UNIX_EPOCH,
            connection: Connection::Cold,
            carrier: ConnectionInfo::default(),
            marks: Marks { end: Duration::from_millis(5), ..Marks::default() },
            head: status.map(|status| ResponseHead {
                status,
                headers: vec![("location".into(), "https://evil.example/\x1b".into())],
            }),
            body: Bytes::from_static(body.as_bytes()),
            reads: Vec::new(),
            ending,
            late_wakes: Vec::new(),
            connect_delay: None,
            dispatch_delay: Duration::ZERO,
        }
    }

    fn judged(recording: &Recording, answer: Option<&DecodedStream>) -> Option<(FailureKind, FailureStage)> {
        let asked =
            ErrorContext { model: &ModelRef::new("openai", "m"), region: None, redactor: &Redactor::new() };
        refusal(recording, answer, asked).map(|refusal| (refusal.fault.kind, refusal.fault.stage))
    }

    fn ended(ending: ExchangeEnd, answered: bool) -> (FailureKind, FailureStage) {
        judged(&recording(answered.then_some(200), "", ending), None).unwrap()
    }

    #[test]
    fn each_ending_has_its_kind_and_stage() {
        let cut = || ExchangeEnd::Cut("gone".to_owned());
        assert_eq!(
            ended(ExchangeEnd::ConnectFailed("no".to_owned()), false),
            (FailureKind::Network, FailureStage::Connect)
        );
        assert_eq!(
            ended(ExchangeEnd::TimedOut("connect"), false),
            (FailureKind::Timeout, FailureStage::Connect)
        );
        assert_eq!(
            ended(ExchangeEnd::TimedOut("first byte"), false),
            (FailureKind::Timeout, FailureStage::Request)
        );
        assert_eq!(ended(ExchangeEnd::TimedOut("gap"), true), (FailureKind::Timeout, FailureStage::Stream));
        assert_eq!(ended(cut(), false), (FailureKind::Network, FailureStage::Request));
        assert_eq!(ended(cut(), true), (FailureKind::Truncated, FailureStage::Stream));
        assert_eq!(ended(ExchangeEnd::TooLarge, true), (FailureKind::Protocol, FailureStage::Stream));
    }

    #[test]
    fn an_error_status_counts_even_if_its_body_broke_off() {
        let cut = recording(Some(429), "{\"error\":", ExchangeEnd::Cut("gone".to_owned()));
        assert_eq!(judged(&cut, None), Some((FailureKind::RateLimit, FailureStage::Response)));
    }

    #[test]
    fn a_redirect_is_told_and_never_followed() {
        let asked =
            ErrorContext { model: &ModelRef::new("openai", "m"), region: None, redactor: &Redactor::new() };
        let refusal = refusal(&recording(Some(307), "", ExchangeEnd::Complete), None, asked).unwrap();
        assert_eq!(refusal.fault.kind, FailureKind::Protocol);
        assert!(
            refusal
                .fault
                .message
                .starts_with("HTTP 307 to https://evil.example/\\u{1b}: redirects are never")
        );
    }

    #[test]
    fn a_packed_error_and_one_in_an_event_are_read() {
        use std::io::Write;
        let quota = b"{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"You exceeded it\"}}";
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(quota).unwrap();
        let mut refused = recording(Some(429), "", ExchangeEnd::Complete);
        refused.body = Bytes::from(packer.finish().unwrap());
        assert_eq!(judged(&refused, None), Some((FailureKind::Billing, FailureStage::Response)));
        refused.body = Bytes::from([b"event: error\ndata: ", quota.as_slice(), b"\n\n"].concat());
        assert_eq!(judged(&refused, None), Some((FailureKind::Billing, FailureStage::Response)));
    }

    #[test]
    fn a_body_that_ends_inside_an_event_is_truncated_whatever_came_before() {
        let delta = Delta { at: Duration::ZERO, channel: Channel::Visible, text: "a".into(), tokens: None };
        let answer = DecodedStream {
            deltas: vec![delta],
            finish_reason: Some("end_turn".into()),
            cut: Some("the body ends in the middle of frame 3".into()),
            ..DecodedStream::default()
        };
        let whole = recording(Some(200), "", ExchangeEnd::Complete);
        assert_eq!(judged(&whole, Some(&answer)), Some((FailureKind::Truncated, FailureStage::Stream)));
        assert_eq!(judged(&whole, Some(&DecodedStream { cut: None, ..answer })), None);
    }

    #[test]
    fn a_whole_stream_can_still_be_no_sample() {
        let whole = recording(Some(200), "", ExchangeEnd::Complete);
        let finished = |reason: &str| DecodedStream {
            finish_reason: Some(reason.to_owned()),
            ..DecodedStream::default()
        };
        assert_eq!(
            judged(&whole, Some(&DecodedStream::default())),
            Some((FailureKind::Truncated, FailureStage::Stream))
        );
        assert_eq!(
            judged(&whole, Some(&finished("length"))),
            Some((FailureKind::BudgetExhausted, FailureStage::Validate))
        );
        assert_eq!(
            judged(&whole, Some(&finished("stop"))),
            Some((FailureKind::Protocol, FailureStage::Validate))
        );
    }
}

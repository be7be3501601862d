//! Success or failure: what an ended exchange was, judged in the order in which things can go wrong. Pure. What a
//! provider's error means is asked of `providers::errors`.

use crate::domain::ModelRef;
use crate::domain::failure::{Fault, Kind, Stage};
use crate::domain::redact::Redactor;
use crate::providers::errors::{ErrorAnswer, classify};
use crate::providers::protocols::{Answer, Channel, StreamError, error_body, unpacked};
use crate::wire::{Ending, Head, Recording};

/// Finish reasons that mean "the output budget was used up", in every provider's words.
const BUDGET_WORDS: [&str; 5] =
    ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_context_window_exceeded"];

/// Who was asked, as far as the meaning of an error depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The model.
    pub model: &'a ModelRef,
    /// The region (Bedrock).
    pub region: Option<&'a str>,
    /// Takes secrets out of messages.
    pub redactor: &'a Redactor,
}

/// Why an exchange is no sample, and the error that the provider named, if it named one.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What went wrong.
    pub fault: Fault,
    /// The provider's own words: what an adaptation is learned from.
    pub said: Option<StreamError>,
}

/// `None` where the exchange is a sample. `answer` is what a success stream decoded to.
pub fn refusal(recording: &Recording, answer: Option<&Answer>, asked: Asked<'_>) -> Option<Refusal> {
    let streamed = answer.and_then(|answer| answer.error.clone());
    match (&recording.head, streamed) {
        // Its status explains an error answer, even one whose body then broke off.
        (Some(head), _) if head.status != 200 => Some(not_ok(recording, head, asked)),
        // An error that the stream names explains more than the way in which the stream then ended.
        (Some(head), Some(error)) => Some(explained(recording, head, Some(error), asked)),
        _ => ending_fault(recording)
            .or_else(|| answer.and_then(unusable))
            .map(|fault| Refusal { fault: redacted(fault, asked.redactor), said: None }),
    }
}

fn redacted(fault: Fault, redactor: &Redactor) -> Fault {
    Fault { message: redactor.redact(&fault.message), ..fault }
}

/// An answer that is no 200.
fn not_ok(recording: &Recording, head: &Head, asked: Asked<'_>) -> Refusal {
    if !(300..400).contains(&head.status) {
        let mut error = error_body(&unpacked(head, &recording.body));
        // Bedrock names the kind of its error in a header, `ThrottlingException:http://…`.
        if let (Some(error), Some(kind)) = (&mut error, head.header("x-amzn-errortype")) {
            error.code = kind.split(':').next().map(str::to_owned);
        }
        return explained(recording, head, error, asked);
    }
    let to: String = head.header("location").unwrap_or("nowhere").chars().take(200).collect();
    let message = format!(
        "HTTP {} to {}: redirects are never followed, so that no key reaches another host",
        head.status,
        to.escape_debug()
    );
    let fault = Fault::new(Kind::Protocol, Stage::Response, message);
    let fault = Fault { http_status: Some(head.status), ..fault };
    Refusal { fault: redacted(fault, asked.redactor), said: None }
}

/// What the provider's own error means.
fn explained(recording: &Recording, head: &Head, error: Option<StreamError>, asked: Asked<'_>) -> Refusal {
    let answer = ErrorAnswer {
        provider: &asked.model.provider,
        model_id: &asked.model.model_id,
        region: asked.region,
        status: head.status,
        headers: &head.headers,
        error: error.as_ref(),
        body: &unpacked(head, &recording.body),
        now: recording.ended_at,
    };
    Refusal { fault: classify(&answer, asked.redactor), said: error }
}

/// What the way in which the exchange ended says.
fn ending_fault(recording: &Recording) -> Option<Fault> {
    let answered = recording.head.is_some();
    let stage = if answered { Stage::Stream } else { Stage::Request };
    let (kind, stage, message) = match &recording.ending {
        Ending::Complete => return None,
        Ending::ConnectFailed(reason) => (Kind::Network, Stage::Connect, reason.clone()),
        Ending::Exhausted(reason) => (Kind::Client, Stage::Connect, reason.clone()),
        Ending::SendFailed(reason) => {
            (Kind::Network, Stage::Request, format!("the request could not be sent: {reason}"))
        }
        Ending::Cut(reason) if answered => (Kind::Truncated, stage, reason.clone()),
        Ending::Cut(reason) | Ending::Unanswered(reason) => (Kind::Network, stage, reason.clone()),
        Ending::TimedOut("connect") => {
            (Kind::Timeout, Stage::Connect, "no connection within the connect deadline".to_owned())
        }
        Ending::TimedOut(which) => (Kind::Timeout, stage, format!("the {which} deadline passed")),
        Ending::Malformed(reason) => (Kind::Protocol, stage, reason.clone()),
        Ending::TooLarge => (Kind::Protocol, stage, "the answer passed the size limit".to_owned()),
    };
    let http_status = recording.head.as_ref().map(|head| head.status);
    Some(Fault { http_status, ..Fault::new(kind, stage, message) })
}

/// Why a stream that HTTP calls complete is no sample.
fn unusable(answer: &Answer) -> Option<Fault> {
    let fault = |kind, stage, message: String| {
        Some(Fault { http_status: Some(200), ..Fault::new(kind, stage, message) })
    };
    if let Some(reason) = &answer.malformed {
        return fault(Kind::Protocol, Stage::Stream, reason.clone());
    }
    if let Some(cut) = &answer.cut {
        return fault(Kind::Truncated, Stage::Stream, cut.clone());
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
    let message = format!("no visible text came (finish reason `{}`)", finish.escape_debug());
    fault(Kind::Protocol, Stage::Validate, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Carrier, Connection};
    use crate::providers::protocols::Delta;
    use crate::wire::Marks;
    use bytes::Bytes;
    use chrono::DateTime;
    use std::time::Duration;

    fn recording(status: Option<u16>, body: &'static str, ending: Ending) -> Recording {
        Recording {
            started_at: DateTime::UNIX_EPOCH,
            ended_at: DateTime::UNIX_EPOCH,
            connection: Connection::Cold,
            carrier: Carrier::default(),
            marks: Marks { end: Duration::from_millis(5), ..Marks::default() },
            head: status.map(|status| Head {
                status,
                headers: vec![("location".into(), "https://evil.example/\x1b".into())],
            }),
            body: Bytes::from_static(body.as_bytes()),
            reads: Vec::new(),
            ending,
            loop_lag: Duration::ZERO,
            dispatch_delay: Duration::ZERO,
        }
    }

    fn judged(recording: &Recording, answer: Option<&Answer>) -> Option<(Kind, Stage)> {
        let asked = Asked { model: &ModelRef::new("openai", "m"), region: None, redactor: &Redactor::new() };
        refusal(recording, answer, asked).map(|refusal| (refusal.fault.kind, refusal.fault.stage))
    }

    fn ended(ending: Ending, answered: bool) -> (Kind, Stage) {
        judged(&recording(answered.then_some(200), "", ending), None).unwrap()
    }

    #[test]
    fn each_ending_has_its_kind_and_stage() {
        let cut = || Ending::Cut("gone".to_owned());
        assert_eq!(ended(Ending::ConnectFailed("no".to_owned()), false), (Kind::Network, Stage::Connect));
        assert_eq!(ended(Ending::TimedOut("connect"), false), (Kind::Timeout, Stage::Connect));
        assert_eq!(ended(Ending::TimedOut("first byte"), false), (Kind::Timeout, Stage::Request));
        assert_eq!(ended(Ending::TimedOut("gap"), true), (Kind::Timeout, Stage::Stream));
        assert_eq!(ended(cut(), false), (Kind::Network, Stage::Request));
        assert_eq!(ended(cut(), true), (Kind::Truncated, Stage::Stream));
        assert_eq!(ended(Ending::TooLarge, true), (Kind::Protocol, Stage::Stream));
    }

    #[test]
    fn an_error_status_counts_even_if_its_body_broke_off() {
        let cut = recording(Some(429), "{\"error\":", Ending::Cut("gone".to_owned()));
        assert_eq!(judged(&cut, None), Some((Kind::RateLimit, Stage::Response)));
    }

    #[test]
    fn a_redirect_is_told_and_never_followed() {
        let asked = Asked { model: &ModelRef::new("openai", "m"), region: None, redactor: &Redactor::new() };
        let refusal = refusal(&recording(Some(307), "", Ending::Complete), None, asked).unwrap();
        assert_eq!(refusal.fault.kind, Kind::Protocol);
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
        let mut refused = recording(Some(429), "", Ending::Complete);
        refused.body = Bytes::from(packer.finish().unwrap());
        assert_eq!(judged(&refused, None), Some((Kind::Billing, Stage::Response)));
        refused.body = Bytes::from([b"event: error\ndata: ", quota.as_slice(), b"\n\n"].concat());
        assert_eq!(judged(&refused, None), Some((Kind::Billing, Stage::Response)));
    }

    #[test]
    fn a_body_that_ends_inside_an_event_is_truncated_whatever_came_before() {
        let delta = Delta { at: Duration::ZERO, channel: Channel::Visible, text: "a".into(), tokens: None };
        let answer = Answer {
            deltas: vec![delta],
            finish_reason: Some("end_turn".into()),
            cut: Some("the body ends in the middle of frame 3".into()),
            ..Answer::default()
        };
        let whole = recording(Some(200), "", Ending::Complete);
        assert_eq!(judged(&whole, Some(&answer)), Some((Kind::Truncated, Stage::Stream)));
        assert_eq!(judged(&whole, Some(&Answer { cut: None, ..answer })), None);
    }

    #[test]
    fn a_whole_stream_can_still_be_no_sample() {
        let whole = recording(Some(200), "", Ending::Complete);
        let finished = |reason: &str| Answer { finish_reason: Some(reason.to_owned()), ..Answer::default() };
        assert_eq!(judged(&whole, Some(&Answer::default())), Some((Kind::Truncated, Stage::Stream)));
        assert_eq!(judged(&whole, Some(&finished("length"))), Some((Kind::BudgetExhausted, Stage::Validate)));
        assert_eq!(judged(&whole, Some(&finished("stop"))), Some((Kind::Protocol, Stage::Validate)));
    }
}

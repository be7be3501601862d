//! Classifies a provider's error: kind, code, wait, and advice. The message counts first, then the provider's code,
//! its type and the status, because providers reuse statuses (Bedrock's 404, OpenAI's 429, Anthropic's 400).
//! `protocols::error_body` reads errors from bytes; `providers::adapt` learns from them.

use super::protocols::StreamError;
use super::{bedrock_ids, retry_after};
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage, MESSAGE_LIMIT};
use crate::domain::redact::Redactor;
use chrono::{DateTime, Utc};

mod rules;

/// The longest excerpt of an unreadable answer in a message, in characters.
const EXCERPT: usize = 200;

/// Bytes of an unreadable answer that are searched for an excerpt.
const READ_FOR_EXCERPT: usize = 16 * 1024;

/// The known facts of an unsuccessful answer.
#[derive(Debug, Clone, Copy)]
pub struct ErrorAnswer<'a> {
    /// The host's name in the table.
    pub provider: &'a str,
    pub model_id: &'a str,
    /// The region of the request (Bedrock).
    pub region: Option<&'a str>,
    /// HTTP status; 200 if the error came inside a stream.
    pub status: u16,
    /// Response headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// The parsed error, if the body could be parsed.
    pub error: Option<&'a StreamError>,
    /// The body, quoted if no error could be parsed from it.
    pub body: &'a [u8],
    /// The moment of the answer: dates in Retry-After count from here.
    pub now: DateTime<Utc>,
}

/// Classifies an error answer. The message is free of secrets, holds a hint if one is known, and
/// is at most [`MESSAGE_LIMIT`] characters long.
pub fn classify(answer: &ErrorAnswer<'_>, redactor: &Redactor) -> FailureDetail {
    let said = message(answer, redactor);
    let code = answer.error.and_then(|error| error.code.as_deref());
    let kind = kind(answer, code, &said.to_lowercase());
    let text = match hint(answer, kind, &said) {
        Some(hint) => format!("{said} (hint: {hint})"),
        None => said,
    };
    FailureDetail {
        kind,
        stage: if answer.status < 300 { FailureStage::Stream } else { FailureStage::Response },
        message: redactor.redact(&text).chars().take(MESSAGE_LIMIT).collect(),
        http_status: Some(answer.status),
        provider_code: code.map(|code| redactor.redact(code).chars().take(EXCERPT).collect()),
        retry_after_seconds: retry_after::seconds(answer.headers, answer.now),
    }
}

fn kind(answer: &ErrorAnswer<'_>, code: Option<&str>, lower: &str) -> FailureKind {
    let status = effective_status(answer, code);
    if (300..400).contains(&status) {
        return FailureKind::Protocol;
    }
    let param = answer.error.and_then(|error| error.param.as_deref());
    let family = answer.error.and_then(|error| error.family.as_deref());
    let kind = rules::by_message(answer.provider, status, lower)
        .or_else(|| code.and_then(rules::by_code))
        .or_else(|| family.and_then(rules::by_code))
        .or_else(|| rules::by_status(status, param.is_some()))
        .unwrap_or(FailureKind::Unknown);
    // A 429 asks the caller to slow down, whatever cause its words give.
    if status == 429 && kind == FailureKind::TransientProvider { FailureKind::RateLimit } else { kind }
}

/// The status that counts: HTTP's if it is an error, else the one that the error itself names, else its code as a
/// number (OpenRouter writes `502` into a 200).
fn effective_status(answer: &ErrorAnswer<'_>, code: Option<&str>) -> u16 {
    let own = answer.error.and_then(|error| error.status);
    if answer.status >= 300 {
        return answer.status;
    }
    own.or_else(|| code.and_then(|code| code.parse().ok())).unwrap_or(answer.status)
}

fn message(answer: &ErrorAnswer<'_>, redactor: &Redactor) -> String {
    if let Some(error) = answer.error.filter(|error| !error.message.trim().is_empty()) {
        return error.message.trim().to_owned();
    }
    let code = answer.error.and_then(|error| error.code.as_deref()).map(|code| format!(" {code}"));
    let head = format!("HTTP {}{}", answer.status, code.unwrap_or_default());
    let quoted = excerpt(answer.body, redactor);
    if quoted.is_empty() { format!("{head} without a message") } else { format!("{head}: {quoted}") }
}

/// The beginning of a body as one line of text, secrets removed before it is cut; a web page is named, not quoted.
fn excerpt(body: &[u8], redactor: &Redactor) -> String {
    let text = redactor.redact(&String::from_utf8_lossy(&body[..body.len().min(READ_FOR_EXCERPT)]));
    let words = text.split(|ch: char| ch.is_whitespace() || ch.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let start: String = line.chars().take(15).collect::<String>().to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return "a web page came where the API should have answered".to_owned();
    }
    line.chars().take(EXCERPT).collect()
}

/// The advice for the error, if there is any.
fn hint(answer: &ErrorAnswer<'_>, kind: FailureKind, said: &str) -> Option<String> {
    if answer.provider == "bedrock" && bedrock_ids::needs_profile(said) {
        return Some(bedrock_ids::hint(answer.region, answer.model_id));
    }
    if (300..400).contains(&answer.status) {
        return Some(
            "redirects are not followed, because they could carry the key elsewhere: correct the base URL"
                .into(),
        );
    }
    let lower = said.to_lowercase();
    rules::hint(&lower).or_else(|| rules::hint_for(answer.provider, kind)).map(str::to_owned)
}

#[cfg(test)]
mod tests;

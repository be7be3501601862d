//! The description of a failed attempt in terms that can be grouped: kind, stage, normalised message, fingerprint.
//! `providers::errors` maps providers' answers to kinds.

use super::digest::sha256_hex;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The kind of an error, by the action that operators take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The key, role or permission is wrong or missing.
    Auth,
    /// The account has no credit, is over its spend limit or has no payment method.
    Billing,
    /// Too many requests or tokens for now; waiting helps.
    RateLimit,
    /// The provider does not serve this model to this account.
    HardModel,
    /// The model refuses a part of the request (a parameter, an API family).
    HardCapability,
    /// The provider failed or is overloaded; the same request may work later.
    TransientProvider,
    /// DNS, TCP or TLS failed, or the connection broke.
    Network,
    /// A deadline passed: connect, first byte, gap or total.
    Timeout,
    /// The whole output budget went into reasoning; nothing visible came. An outcome of the profile, not an error.
    BudgetExhausted,
    /// The stream ended without a finish reason, or was cut.
    Truncated,
    /// The answer is not what the protocol allows (HTML, broken JSON, no tokens at all).
    Protocol,
    /// The measuring process ended during the call, or before its outcome was stored: the provider's part is unknown.
    Interrupted,
    /// The measuring machine had no file descriptor, thread or memory left: the failure says nothing about the
    /// provider.
    Client,
    /// None of the above.
    Unknown,
}

impl FailureKind {
    /// Every kind, in the order of display.
    pub const ALL: [FailureKind; 14] = [
        FailureKind::Auth,
        FailureKind::Billing,
        FailureKind::RateLimit,
        FailureKind::HardModel,
        FailureKind::HardCapability,
        FailureKind::TransientProvider,
        FailureKind::Network,
        FailureKind::Timeout,
        FailureKind::BudgetExhausted,
        FailureKind::Truncated,
        FailureKind::Protocol,
        FailureKind::Interrupted,
        FailureKind::Client,
        FailureKind::Unknown,
    ];

    /// True if the measuring side failed: such a failure is stored as a row, and affects neither the statistics of
    /// the model nor those of its provider.
    pub fn is_ours(self) -> bool {
        matches!(self, FailureKind::Interrupted | FailureKind::Client)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Auth => "auth",
            FailureKind::Billing => "billing",
            FailureKind::RateLimit => "rate_limit",
            FailureKind::HardModel => "hard_model",
            FailureKind::HardCapability => "hard_capability",
            FailureKind::TransientProvider => "transient_provider",
            FailureKind::Network => "network",
            FailureKind::Timeout => "timeout",
            FailureKind::BudgetExhausted => "budget_exhausted",
            FailureKind::Truncated => "truncated",
            FailureKind::Protocol => "protocol",
            FailureKind::Interrupted => "interrupted",
            FailureKind::Client => "client",
            FailureKind::Unknown => "unknown",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The step at which the attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureStage {
    /// Before the clock started: key, token, request building.
    Prepare,
    /// While connecting: DNS, TCP or TLS.
    Connect,
    /// While the request was being written, or before an answer head came.
    Request,
    /// The answer's head came, with a status other than success.
    Response,
    /// A 200 whose stream failed.
    Stream,
    /// The stream was complete, but its content is not a valid sample.
    Validate,
}

impl FailureStage {
    pub fn as_str(self) -> &'static str {
        match self {
            FailureStage::Prepare => "prepare",
            FailureStage::Connect => "connect",
            FailureStage::Request => "request",
            FailureStage::Response => "response",
            FailureStage::Stream => "stream",
            FailureStage::Validate => "validate",
        }
    }
}

impl fmt::Display for FailureStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure that is not yet assigned to an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureDetail {
    pub kind: FailureKind,
    pub stage: FailureStage,
    /// For people, with secrets already removed. At most 4,000 characters are stored.
    pub message: String,
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    /// The provider's own code or type, for example `model_not_found`.
    pub provider_code: Option<String>,
    /// Time that the provider asks to wait, in seconds.
    pub retry_after_seconds: Option<f64>,
}

impl FailureDetail {
    /// A failure without an HTTP answer.
    pub fn new(kind: FailureKind, stage: FailureStage, message: impl Into<String>) -> Self {
        Self {
            kind,
            stage,
            message: message.into(),
            http_status: None,
            provider_code: None,
            retry_after_seconds: None,
        }
    }
}

/// One failed attempt: a document of `errors_cloud`. The data contract defines the names of the fields; unknown ones
/// are kept in `extra`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The attempt's id (a ULID); `_id` in MongoDB.
    #[serde(rename = "_id")]
    pub id: String,
    pub provider: String,
    /// The provider's id for the model (`model_name` on rows, `model_id` in the catalog).
    pub model_name: String,
    /// Time of the failure.
    pub ts: DateTime<Utc>,
    pub stage: FailureStage,
    pub message: String,
    pub error_kind: FailureKind,
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    pub provider_error_code: Option<String>,
    /// The message without the parts that differ between occurrences.
    pub normalized_message: String,
    /// Groups equal failures: see [`fingerprint`].
    pub fingerprint: String,
    /// Kept for readers of the Python runner's rows; always null here.
    pub traceback: Option<String>,
    /// All other fields: run_ts, profile, stamps, quality, fields of other writers.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The longest stored message, in characters; the Python runner truncated at the same length.
pub const MESSAGE_LIMIT: usize = 4000;

/// `sha256(provider \n model \n stage \n kind \n normalised message)` in hex: the grouping key of `error_rollups`.
pub fn fingerprint(
    provider: &str,
    model: &str,
    stage: FailureStage,
    kind: FailureKind,
    normalized: &str,
) -> String {
    fingerprint_of(provider, model, stage.as_str(), kind.as_str(), normalized)
}

/// The same, for stages and kinds of other writers.
pub fn fingerprint_of(provider: &str, model: &str, stage: &str, kind: &str, normalized: &str) -> String {
    let text = [provider, model, stage, kind, normalized].join("\n");
    sha256_hex(text)
}

/// Lower-cases a message and replaces the parts that differ between two occurrences of one failure: ids, hashes,
/// numbers of three digits or more. Short numbers stay, because `error code: 404` and `error code: 500` are not the
/// same failure.
pub fn normalize(message: &str) -> String {
    let lower = message.to_lowercase();
    let words = lower.split_whitespace().map(normalize_word);
    let joined = words.collect::<Vec<_>>().join(" ");
    joined.chars().take(500).collect()
}

fn normalize_word(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut token = String::new();
    for ch in word.chars().chain(std::iter::once('\0')) {
        if ch.is_ascii_alphanumeric() || ch == '-' || ch == '_' {
            token.push(ch);
            continue;
        }
        out.push_str(normalize_token(&token));
        token.clear();
        if ch != '\0' {
            out.push(ch);
        }
    }
    out
}

fn normalize_token(token: &str) -> &str {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let hex = token.bytes().filter(|b| b.is_ascii_hexdigit() || *b == b'-').count();
    let all_digits = digits == token.len();
    if all_digits && digits > 3 {
        "<n>"
    } else if (token.len() >= 16 && digits >= 4 && hex == token.len()) || is_request_id(token) {
        "<id>"
    } else {
        token
    }
}

/// `req_…`, `chatcmpl-…` and similar: a word, a separator, then a long run that mixes letters and digits.
fn is_request_id(token: &str) -> bool {
    let Some(tail) = token.rsplit(['_', '-']).next() else { return false };
    let digits = tail.bytes().filter(u8::is_ascii_digit).count();
    tail.len() >= 16 && digits >= 3 && digits < tail.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn fingerprint_is_the_python_runners() {
        let message = "output_tokens 30 not within 10% of requested 64";
        assert_eq!(
            Sha256::digest(format!("cerebras\nfake-ttft50-gap2-n30-stop\nvalidate\nunknown\n{message}"))
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect::<String>(),
            "0348d71847c270dfce1e3adffd86b981c69503d24d1a9f796827d64d72ff6e0c"
        );
        let ours = fingerprint(
            "cerebras",
            "fake-ttft50-gap2-n30-stop",
            FailureStage::Validate,
            FailureKind::Unknown,
            message,
        );
        assert_eq!(ours, "0348d71847c270dfce1e3adffd86b981c69503d24d1a9f796827d64d72ff6e0c");
    }

    #[test]
    fn two_occurrences_of_one_failure_are_one_text() {
        let a = normalize("Rate limit. Request req_011CSHoEeqs5C35K2UUqR7Fy, limit 30000, retry in 12s");
        let b = normalize("Rate limit. Request req_011CTJpFfrt6D46L3VVrS8Gz, limit 45000, retry in 12s");
        assert_eq!(a, b);
        assert_ne!(normalize("error code: 404"), normalize("error code: 500"));
        assert_eq!(
            normalize("the model `llama-3.1-8b-instant` is gone"),
            "the model `llama-3.1-8b-instant` is gone"
        );
    }
}

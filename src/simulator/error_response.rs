//! Error answers: each wire format's own error body for a status, in the words of its provider. Pure.

use super::request::SimRequest;
use super::route::SimHost;
use super::scenario::{RetryHint, Scenario, SimFault};
use crate::providers::protocols::Dialect;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// An error answer before it is put into a wire format.
#[derive(Debug, Clone, PartialEq)]
pub struct SimErrorResponse {
    pub status: u16,
    /// OpenAI's `code`.
    pub code: Option<&'static str>,
    pub message: String,
    /// OpenAI's `param`.
    pub param: Option<&'static str>,
    pub headers: Vec<(&'static str, String)>,
}

/// The words of every provider for one status.
struct ErrorWording {
    status: u16,
    openai_type: &'static str,
    openai_code: &'static str,
    anthropic: &'static str,
    google: &'static str,
    aws: &'static str,
    message: &'static str,
}

#[rustfmt::skip]
const WORDS: [ErrorWording; 8] = [
    ErrorWording { status: 400, openai_type: "invalid_request_error", openai_code: "", anthropic: "invalid_request_error", google: "INVALID_ARGUMENT", aws: "ValidationException", message: "The request is invalid." },
    ErrorWording { status: 401, openai_type: "invalid_request_error", openai_code: "invalid_api_key", anthropic: "authentication_error", google: "UNAUTHENTICATED", aws: "UnrecognizedClientException", message: "Incorrect API key provided." },
    ErrorWording { status: 402, openai_type: "billing_error", openai_code: "payment_required", anthropic: "billing_error", google: "FAILED_PRECONDITION", aws: "AccessDeniedException", message: "The account has no credit left." },
    ErrorWording { status: 404, openai_type: "invalid_request_error", openai_code: "model_not_found", anthropic: "not_found_error", google: "NOT_FOUND", aws: "ResourceNotFoundException", message: "The model does not exist or you do not have access to it." },
    ErrorWording { status: 429, openai_type: "requests", openai_code: "rate_limit_exceeded", anthropic: "rate_limit_error", google: "RESOURCE_EXHAUSTED", aws: "ThrottlingException", message: "Rate limit reached. Please try again later." },
    ErrorWording { status: 500, openai_type: "server_error", openai_code: "server_error", anthropic: "api_error", google: "INTERNAL", aws: "InternalServerException", message: "The server had an error while processing your request." },
    ErrorWording { status: 503, openai_type: "service_unavailable_error", openai_code: "server_is_overloaded", anthropic: "api_error", google: "UNAVAILABLE", aws: "ServiceUnavailableException", message: "The server is overloaded. Please try again later." },
    ErrorWording { status: 529, openai_type: "service_unavailable_error", openai_code: "server_is_overloaded", anthropic: "overloaded_error", google: "UNAVAILABLE", aws: "ServiceUnavailableException", message: "Overloaded" },
];

fn words(status: u16) -> &'static ErrorWording {
    WORDS.iter().find(|words| words.status == status).unwrap_or(&WORDS[0])
}

impl SimErrorResponse {
    /// A status with its usual words.
    pub fn of_status(status: u16) -> Self {
        let words = words(status);
        let code = Some(words.openai_code).filter(|code| !code.is_empty());
        Self { status, code, message: words.message.to_owned(), param: None, headers: Vec::new() }
    }

    /// A 400 with this message.
    pub fn invalid(message: String) -> Self {
        Self { message, ..Self::of_status(400) }
    }

    /// A 404 for a model name.
    pub fn unknown_model(message: String) -> Self {
        Self { message, param: Some("model"), ..Self::of_status(404) }
    }

    /// The error with which the scenario refuses this request, if it does.
    pub fn of_scenario(scenario: &Scenario, dialect: Dialect, ask: &SimRequest) -> Option<Self> {
        match scenario.fault {
            SimFault::Status(429) => Some(Self::too_many(scenario)),
            SimFault::Status(404) => Some(Self::unknown_model(format!(
                "The model `{}` does not exist or you do not have access to it.",
                ask.model
            ))),
            SimFault::Status(status) => Some(Self::of_status(status)),
            SimFault::RejectsTemperature if ask.temperature => Some(Self::no_temperature()),
            SimFault::RejectsMaxTokens if ask.max_tokens => {
                Some(Self::no_parameter("max_tokens", "max_completion_tokens"))
            }
            SimFault::RejectsMaxCompletionTokens if ask.max_completion_tokens => {
                Some(Self::no_parameter("max_completion_tokens", "max_tokens"))
            }
            SimFault::RejectsLogprobs if ask.logprobs => Some(Self::no_logprobs()),
            SimFault::ResponsesOnly if dialect != Dialect::Responses => Some(Self::wrong_api(
                "This model is only supported in v1/responses and not in v1/chat/completions.",
            )),
            SimFault::CompletionsOnly if dialect != Dialect::Completions => Some(Self::wrong_api(
                "This is not a chat model and thus not supported in the v1/chat/completions endpoint. \
                 Did you mean to use v1/completions?",
            )),
            _ => None,
        }
    }

    fn no_temperature() -> Self {
        let message = "Unsupported value: 'temperature' does not support this value with this model. \
                       Only the default (1) value is supported.";
        let code = Some("unsupported_value");
        Self { code, param: Some("temperature"), ..Self::invalid(message.to_owned()) }
    }

    fn no_parameter(param: &'static str, instead: &str) -> Self {
        let message = format!(
            "Unsupported parameter: '{param}' is not supported with this model. Use '{instead}' instead."
        );
        Self { code: Some("unsupported_parameter"), param: Some(param), ..Self::invalid(message) }
    }

    fn no_logprobs() -> Self {
        let message = "This model does not support the 'logprobs' parameter.";
        Self { param: Some("logprobs"), ..Self::invalid(message.to_owned()) }
    }

    fn wrong_api(message: &str) -> Self {
        Self { code: None, ..Self::unknown_model(message.to_owned()) }
    }

    fn too_many(scenario: &Scenario) -> Self {
        let mut refusal = Self::of_status(429);
        if scenario.quota {
            refusal.code = Some("insufficient_quota");
            refusal.message =
                "You exceeded your current quota, please check your plan and billing details.".to_owned();
        }
        let after = |value: String| vec![("retry-after", value)];
        refusal.headers = match scenario.retry {
            RetryHint::None => Vec::new(),
            RetryHint::Seconds(seconds) => after(seconds.to_string()),
            RetryHint::Millis(millis) => vec![("retry-after-ms", millis.to_string())],
            RetryHint::Date(seconds) => {
                let date = SystemTime::now() + Duration::from_secs(u64::from(seconds));
                after(httpdate::fmt_http_date(date))
            }
            RetryHint::Garbage => after("soon".to_owned()),
        };
        refusal
    }

    /// The body in a wire format, and the value of Bedrock's header that names the error.
    pub fn body(&self, dialect: Dialect, host: SimHost, id: &str) -> (Value, Option<&'static str>) {
        let words = words(self.status);
        match dialect {
            Dialect::Messages => (self.anthropic(words, id), None),
            Dialect::Gemini => {
                let error = json!({"code": self.status, "message": self.message, "status": words.google});
                (json!({ "error": error }), None)
            }
            Dialect::Converse => (json!({"message": self.message}), Some(words.aws)),
            Dialect::Chat | Dialect::Completions | Dialect::Responses => (self.openai(words, host), None),
        }
    }

    fn anthropic(&self, words: &ErrorWording, id: &str) -> Value {
        let mut error = json!({"type": words.anthropic, "message": self.message});
        if self.code == Some("insufficient_quota") {
            error["details"] = json!({"error_code": "enforced_spend_limit_reached"});
        }
        json!({"type": "error", "error": error, "request_id": id})
    }

    fn openai(&self, words: &ErrorWording, host: SimHost) -> Value {
        let is_quota = self.code == Some("insufficient_quota");
        let kind = if is_quota { "insufficient_quota" } else { words.openai_type };
        let flat = json!({"message": self.message, "type": kind, "param": self.param, "code": self.code});
        match host {
            SimHost::Cerebras => flat,
            SimHost::DeepInfra => json!({"detail": {"error": self.message}}),
            SimHost::OpenRouter => {
                let metadata = json!({"provider_name": "Simulator"});
                json!({"error": {"code": self.status, "message": self.message, "metadata": metadata}})
            }
            _ => json!({ "error": flat }),
        }
    }
}

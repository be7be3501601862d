//! Tests of documented and observed errors of every provider, and their meaning.

use super::*;
use FailureKind::{
    Auth, Billing, HardCapability, HardModel, Protocol, RateLimit, TransientProvider, Unknown,
};
use chrono::TimeZone;
use proptest::prelude::*;

fn answer<'a>(provider: &'a str, status: u16, error: Option<&'a StreamError>) -> ErrorAnswer<'a> {
    ErrorAnswer {
        provider,
        model_id: "anthropic.claude-x",
        region: Some("eu-west-1"),
        status,
        headers: &[],
        error,
        body: b"",
        now: Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap(),
    }
}

fn error(code: &str, message: &str) -> StreamError {
    let code = (!code.is_empty()).then(|| code.to_owned());
    StreamError { code, message: message.to_owned(), ..StreamError::default() }
}

fn meaning(provider: &str, status: u16, code: &str, message: &str) -> FailureDetail {
    let error = error(code, message);
    classify(&answer(provider, status, Some(&error)), &Redactor::new())
}

#[test]
fn a_new_code_of_a_known_type_means_what_its_type_means() {
    let error = StreamError { family: Some("authentication_error".into()), ..error("key_on_leave", "No.") };
    assert_eq!(classify(&answer("openai", 400, Some(&error)), &Redactor::new()).kind, Auth);
    let unknown = StreamError { family: Some("invalid_request_error".into()), ..error };
    assert_eq!(classify(&answer("openai", 400, Some(&unknown)), &Redactor::new()).kind, Unknown);
}

#[test]
fn a_success_without_a_stream_breaks_the_protocol() {
    for status in [202, 204] {
        assert_eq!(classify(&answer("openai", status, None), &Redactor::new()).kind, Protocol);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn meanings() {
    let cases = [
        ("openai", 401, "invalid_api_key", "Incorrect API key provided", Auth),
        ("openai", 429, "rate_limit_exceeded", "Rate limit reached for gpt-4o", RateLimit),
        ("openai", 429, "slow_down", "Slow down", RateLimit),
        ("openai", 429, "insufficient_quota", "You exceeded your current quota", Billing),
        ("openai", 429, "project_spend_limit_exceeded", "Project limit", Billing),
        ("openai", 429, "", "whatever", RateLimit),
        ("openai", 404, "model_not_found", "The model `x` does not exist", HardModel),
        ("openai", 404, "", "This is not a chat model; did you mean v1/completions?", HardCapability),
        ("openai", 404, "", "This model is only supported in v1/responses", HardCapability),
        ("openai", 400, "unsupported_parameter", "Use max_completion_tokens", HardCapability),
        ("openai", 400, "unsupported_value", "must be verified to stream this model", HardCapability),
        ("openai", 503, "server_is_overloaded", "busy", TransientProvider),
        ("openai", 200, "insufficient_quota", "no money", Billing),
        ("openai", 200, "server_error", "sorry", TransientProvider),
        ("anthropic", 400, "invalid_request_error", "Your credit balance is too low to use it", Billing),
        (
            "anthropic",
            400,
            "invalid_request_error",
            "`temperature` is deprecated for this model.",
            HardCapability,
        ),
        ("anthropic", 400, "invalid_request_error", "something new", Unknown),
        ("anthropic", 401, "authentication_error", "invalid x-api-key", Auth),
        ("anthropic", 404, "not_found_error", "model: claude-9", HardModel),
        ("anthropic", 413, "request_too_large", "too large", HardCapability),
        ("anthropic", 429, "enforced_spend_limit_reached", "limit", Billing),
        ("anthropic", 429, "rate_limit_error", "slow", RateLimit),
        ("anthropic", 529, "overloaded_error", "Overloaded", TransientProvider),
        ("anthropic", 200, "overloaded_error", "Overloaded", TransientProvider),
        ("bedrock", 403, "AccessDeniedException", "not authorized to perform", Auth),
        ("bedrock", 403, "AccessDeniedException", "You don't have access to the model", HardModel),
        (
            "bedrock",
            400,
            "ValidationException",
            "with on-demand throughput isn\u{2019}t supported",
            HardModel,
        ),
        ("bedrock", 400, "ServiceQuotaExceededException", "quota", RateLimit),
        ("bedrock", 404, "ResourceNotFoundException", "reached the end of its life", HardModel),
        ("bedrock", 404, "ResourceNotFoundException", "Model use case details have not been submitted", Auth),
        ("bedrock", 408, "ModelTimeoutException", "timeout", TransientProvider),
        ("bedrock", 424, "ModelErrorException", "model", TransientProvider),
        ("bedrock", 429, "ModelNotReadyException", "not ready", RateLimit),
        ("bedrock", 429, "ThrottlingException", "Too many requests", RateLimit),
        ("bedrock", 200, "throttlingException", "Too many requests", RateLimit),
        ("bedrock", 403, "ExpiredTokenException:http://internal", "expired", Auth),
        ("vertex", 429, "RESOURCE_EXHAUSTED", "Resource exhausted", RateLimit),
        ("vertex", 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", Auth),
        ("vertex", 403, "PERMISSION_DENIED", "Permission denied on resource", Auth),
        ("vertex", 404, "NOT_FOUND", "Publisher Model `x` was not found", HardModel),
        ("vertex", 503, "UNAVAILABLE", "The service is unavailable", TransientProvider),
        ("groq", 498, "capacity_exceeded", "flex", TransientProvider),
        ("groq", 400, "model_decommissioned", "The model has been decommissioned", HardModel),
        ("groq", 422, "", "semantic", HardCapability),
        ("together", 403, "", "input tokens + max_new_tokens must be <= 8193", HardCapability),
        ("together", 400, "model_not_available", "Unable to access non-serverless model x", HardModel),
        ("together", 402, "", "monthly limit", Billing),
        ("cerebras", 429, "", "tokens per minute", RateLimit),
        ("fireworks", 404, "", "Model not found, inaccessible, and/or not deployed", HardModel),
        ("deepinfra", 402, "", "inference prohibited, please enter a payment method", Billing),
        ("openrouter", 404, "404", "No endpoints found for x.", HardModel),
        (
            "openrouter",
            503,
            "503",
            "No available model provider that meets your routing requirements",
            HardModel,
        ),
        ("openrouter", 200, "502", "Provider returned error", TransientProvider),
        ("openrouter", 403, "403", "flagged", Auth),
        ("openrouter", 301, "", "moved", Protocol),
        ("groq", 429, "over_capacity", "busy", RateLimit),
        ("openrouter", 200, "429", "overloaded", RateLimit),
        ("bedrock", 400, "ValidationException", "Malformed input request", HardCapability),
        ("bedrock", 200, "validationException", "input is too long", HardCapability),
        ("azure", 404, "DeploymentNotFound", "The API deployment does not exist.", HardModel),
        ("azure", 401, "401", "Access denied due to invalid subscription key", Auth),
        (
            "azure",
            400,
            "OperationNotSupported",
            "The chatCompletion operation does not work with the specified model, dall-e-3.",
            HardCapability,
        ),
        (
            "google",
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            RateLimit,
        ),
        ("google", 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", Auth),
        ("google", 404, "NOT_FOUND", "models/x is not found for API version v1", HardModel),
        ("mistral", 400, "invalid_model", "Invalid model: x", HardModel),
        ("mistral", 401, "", "Unauthorized", Auth),
        ("deepseek", 402, "invalid_request_error", "Insufficient Balance", Billing),
        ("xai", 400, "", "Incorrect API key provided: x.", Auth),
        ("xai", 403, "", "Your team has either used all available credits or reached its limit.", Billing),
        ("cohere", 404, "", "model 'x' not found", HardModel),
        (
            "cohere",
            429,
            "",
            "You are using a Trial key, which is limited to 20 API calls / minute.",
            RateLimit,
        ),
        ("perplexity", 400, "invalid_model", "Invalid model 'x'.", HardModel),
        ("moonshot", 429, "exceeded_current_quota_error", "Your account is suspended", Billing),
        ("moonshot", 429, "engine_overloaded_error", "The engine is currently overloaded", RateLimit),
        ("moonshot", 401, "invalid_authentication_error", "Invalid Authentication", Auth),
        ("zai", 429, "1113", "Insufficient balance or no resource package. Please recharge.", Billing),
        ("zai", 429, "1302", "High concurrency usage of this API", RateLimit),
        ("zai", 400, "1211", "Unknown Model, please check the model code.", HardModel),
        ("novita", 403, "", "not enough balance", Billing),
        ("novita", 404, "", "model not found", HardModel),
        ("nvidia", 404, "", "Function 'x': Not found for account 'y'", HardModel),
        ("huggingface", 402, "", "You have exceeded your monthly included credits", Billing),
        (
            "huggingface",
            400,
            "model_not_supported",
            "The requested model 'x' is not supported by any provider you have enabled.",
            HardModel,
        ),
        ("databricks", 404, "RESOURCE_DOES_NOT_EXIST", "The given endpoint does not exist", HardModel),
        ("databricks", 429, "REQUEST_LIMIT_EXCEEDED", "Exceeded workspace rate limit", RateLimit),
        (
            "mine",
            400,
            "exceed_context_size_error",
            "the request exceeds the available context size",
            HardCapability,
        ),
        (
            "mine",
            400,
            "",
            "/chat/completions: Invalid model name passed in model=x. Call `/v1/models`",
            HardModel,
        ),
        ("mine", 500, "", "parameter x is not supported in this replica", TransientProvider),
        ("mine", 418, "", "teapot", Unknown),
        ("mine", 200, "", "odd", Unknown),
    ];
    for (provider, status, code, message, kind) in cases {
        assert_eq!(
            meaning(provider, status, code, message).kind,
            kind,
            "{provider} {status} {code} {message}"
        );
    }
}

#[test]
fn a_named_parameter_is_a_capability() {
    let named = StreamError { param: Some("top_p".into()), ..error("invalid_request_error", "no") };
    assert_eq!(classify(&answer("openai", 400, Some(&named)), &Redactor::new()).kind, HardCapability);
}

#[test]
fn an_error_in_a_stream_may_name_its_own_status() {
    let own = StreamError { status: Some(429), ..error("", "odd") };
    let fault = classify(&answer("cerebras", 200, Some(&own)), &Redactor::new());
    assert_eq!((fault.kind, fault.stage, fault.http_status), (RateLimit, FailureStage::Stream, Some(200)));
}

#[test]
fn everything_known_is_kept() {
    let headers = [("retry-after".to_owned(), "7".to_owned())];
    let error = error("rate_limit_exceeded", " Slow: key sk-abcdefgh1234 ");
    let fault =
        classify(&ErrorAnswer { headers: &headers, ..answer("openai", 429, Some(&error)) }, &Redactor::new());
    assert_eq!(fault.message, "Slow: key [redacted]");
    assert_eq!(fault.stage, FailureStage::Response);
    assert_eq!(fault.provider_code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!((fault.http_status, fault.retry_after_seconds), (Some(429), Some(7.0)));
}

#[test]
fn hints() {
    let said = |provider, status, message| meaning(provider, status, "", message).message;
    assert!(said("bedrock", 400, "on-demand throughput isn’t supported").ends_with(
        "(hint: call it by an inference profile: eu.anthropic.claude-x or global.anthropic.claude-x)"
    ));
    assert!(said("openai", 400, "must be verified to stream").contains("verify the organization at"));
    assert!(said("vertex", 404, "not found").contains("Model Garden"));
    assert!(said("groq", 308, "moved").contains("redirects are not followed"));
    assert_eq!(said("groq", 500, "sorry"), "sorry");
}

#[test]
fn bodies_that_are_no_error_are_quoted_shortly() {
    let say = |status, body: &[u8]| {
        classify(&ErrorAnswer { body, ..answer("groq", status, None) }, &Redactor::new()).message
    };
    assert_eq!(
        say(502, b"<!DOCTYPE html><html>..."),
        "HTTP 502: a web page came where the API should have answered"
    );
    assert_eq!(say(503, b"upstream\n\tconnect error\0"), "HTTP 503: upstream connect error");
    assert_eq!(say(504, b""), "HTTP 504 without a message");
    assert_eq!(say(500, &[b'x'; 9000]).len(), "HTTP 500: ".len() + 200);
}

proptest! {
    #[test]
    fn never_panics_and_never_leaks(
        status in 100u16..700,
        code in proptest::option::of(".{0,40}"),
        message in ".{0,200}",
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let key = "canary-0123456789-abcdef";
        let mut redactor = Redactor::new();
        redactor.add(&crate::domain::secret::Secret::new(key));
        let planted = StreamError { code, message: format!("{message}{key}"), ..StreamError::default() };
        for error in [Some(&planted), None] {
            let fault = classify(&ErrorAnswer { body: &body, ..answer("bedrock", status, error) }, &redactor);
            prop_assert!(!fault.message.contains(key) && !fault.message.is_empty());
        }
    }

    #[test]
    fn a_key_at_the_edge_of_an_excerpt_is_not_cut_open(before in 150usize..200) {
        let key = "canary-0123456789-abcdef";
        let mut redactor = Redactor::new();
        redactor.add(&crate::domain::secret::Secret::new(key));
        let body = format!("{}{key}", "x".repeat(before));
        let fault = classify(&ErrorAnswer { body: body.as_bytes(), ..answer("groq", 500, None) }, &redactor);
        prop_assert!(!fault.message.contains("canary"));
    }
}

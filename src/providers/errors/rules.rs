//! The tables behind `classify`: pieces of messages, codes, statuses, hints. The source
//! of each quirk stands beside it.

use crate::domain::failure::FailureKind;

/// A piece of a message (lower case) that says more than code and status do.
struct MessageRule {
    /// The host that sends it; `None` for any.
    provider: Option<&'static str>,
    /// The status that it comes with; `None` for any.
    status: Option<u16>,
    text: &'static str,
    kind: FailureKind,
}

const fn saying(text: &'static str, kind: FailureKind) -> MessageRule {
    MessageRule { provider: None, status: None, text, kind }
}

const fn of(provider: &'static str, text: &'static str, kind: FailureKind) -> MessageRule {
    MessageRule { provider: Some(provider), status: None, text, kind }
}

/// The first match wins.
const SAYINGS: &[MessageRule] = &[
    // Anthropic answers an empty account with 400 invalid_request_error.
    saying("credit balance is too low", FailureKind::Billing),
    // Anthropic's 400 for a spend limit that the organization set itself.
    saying("reached your specified api usage limits", FailureKind::Billing),
    // The Gemini API says so of its limits by the minute, too.
    of("google", "exceeded your current quota", FailureKind::RateLimit),
    saying("exceeded your current quota, please check your plan and billing", FailureKind::Billing),
    // DeepInfra, 402 or 403.
    saying("please enter a payment method", FailureKind::Billing),
    saying("inference prohibited", FailureKind::Billing),
    saying("insufficient credits", FailureKind::Billing),
    saying("insufficient balance", FailureKind::Billing),
    // Novita, 403.
    saying("not enough balance", FailureKind::Billing),
    // xAI, 403 or 429; and its 400 for a bad key.
    saying("used all available credits", FailureKind::Billing),
    saying("incorrect api key provided", FailureKind::Auth),
    // Google answers a bad key with 400 INVALID_ARGUMENT.
    saying("api key not valid", FailureKind::Auth),
    saying("api key expired", FailureKind::Auth),
    // Google answers 403 PERMISSION_DENIED for a project without the API, or without billing.
    of("vertex", "requires billing to be enabled", FailureKind::Billing),
    // Vertex: 403 or 404 for a model that the project or region does not have.
    of("vertex", "publisher model", FailureKind::HardModel),
    // Bedrock: a bare id although only an inference profile works (400 ValidationException).
    of("bedrock", "on-demand throughput isn", FailureKind::HardModel),
    // Bedrock: Anthropic's use-case form is missing (404 ResourceNotFoundException), which
    // is a matter of the account.
    of("bedrock", "use case details", FailureKind::Auth),
    of("bedrock", "ftuformnotfilled", FailureKind::Auth),
    // Bedrock: 400 if the provider's legacy lockout was lost or the model cannot stream.
    of("bedrock", "operation not allowed", FailureKind::HardModel),
    of("bedrock", "the provided model identifier is invalid", FailureKind::HardModel),
    of("bedrock", "don't have access to the model", FailureKind::HardModel),
    of("bedrock", "access to this model is not available", FailureKind::HardModel),
    of("bedrock", "too many tokens per day", FailureKind::RateLimit),
    // Together: listed, but not served without a dedicated endpoint (400).
    saying("unable to access non-serverless model", FailureKind::HardModel),
    // OpenRouter: 404 or 503 if no provider serves the model.
    of("openrouter", "no endpoints found", FailureKind::HardModel),
    of("openrouter", "no allowed providers", FailureKind::HardModel),
    of("openrouter", "no available model provider", FailureKind::HardModel),
    of("openrouter", "is not a valid model id", FailureKind::HardModel),
    // Together's 403 means that prompt and budget exceed the model's context.
    MessageRule {
        provider: Some("together"),
        status: Some(403),
        text: "tokens",
        kind: FailureKind::HardCapability,
    },
    // Hugging Face's router: no provider that the account has switched on serves it (400).
    saying("is not supported by any provider", FailureKind::HardModel),
    // Z.ai, 400 with the code 1211.
    saying("unknown model, please check the model code", FailureKind::HardModel),
    // Azure: a deployment of a model that is asked otherwise (400 OperationNotSupported).
    saying("operation does not work with the specified model", FailureKind::HardCapability),
    // LiteLLM's proxy, 400.
    saying("invalid model name passed in model=", FailureKind::HardModel),
    // The model exists, in another API family.
    saying("not a chat model", FailureKind::HardCapability),
    saying("only supported in v1/responses", FailureKind::HardCapability),
    saying("must be verified to stream", FailureKind::HardCapability),
    saying("extra inputs are not permitted", FailureKind::HardCapability),
    saying("unsupported parameter", FailureKind::HardCapability),
    saying("is deprecated for this model", FailureKind::HardCapability),
    saying("does not support", FailureKind::HardCapability),
    saying("not supported", FailureKind::HardCapability),
    saying("maximum context length", FailureKind::HardCapability),
    saying("model_decommissioned", FailureKind::HardModel),
    saying("has been decommissioned", FailureKind::HardModel),
];

/// The kind that a message implies, if it has a rule. `lower` in lower case.
pub(super) fn by_message(provider: &str, status: u16, lower: &str) -> Option<FailureKind> {
    // A parameter is refused with a client error; a server's failure may use the same words.
    let plain = lower.replace('\u{2019}', "'");
    let fits = |saying: &&MessageRule| {
        saying.provider.is_none_or(|own| own == provider)
            && saying.status.is_none_or(|own| own == status)
            && (saying.kind != FailureKind::HardCapability
                || matches!(status, 200..=299 | 400 | 403 | 404 | 413 | 422))
            && plain.contains(saying.text)
    };
    SAYINGS.iter().find(fits).map(|saying| saying.kind)
}

/// The meaning of a provider's code or type. Codes that say no more than
/// their status (`invalid_request_error`) are left out.
const CODES: &[(&str, FailureKind)] = &[
    // OpenAI: two families of 429 that differ only in the code.
    ("insufficient_quota", FailureKind::Billing),
    ("credit_balance_exhausted", FailureKind::Billing),
    ("organization_spend_limit_exceeded", FailureKind::Billing),
    ("project_spend_limit_exceeded", FailureKind::Billing),
    ("organization_usage_limit_exceeded", FailureKind::Billing),
    ("billing_hard_limit_reached", FailureKind::Billing),
    ("billing_not_active", FailureKind::Billing),
    ("rate_limit_exceeded", FailureKind::RateLimit),
    ("slow_down", FailureKind::RateLimit),
    ("invalid_api_key", FailureKind::Auth),
    ("account_deactivated", FailureKind::Auth),
    ("unsupported_country_region_territory", FailureKind::Auth),
    ("model_not_found", FailureKind::HardModel),
    ("unsupported_parameter", FailureKind::HardCapability),
    ("unsupported_value", FailureKind::HardCapability),
    ("unknown_parameter", FailureKind::HardCapability),
    ("unsupported_model", FailureKind::HardCapability),
    ("context_length_exceeded", FailureKind::HardCapability),
    // llama.cpp, if the prompt is longer than the server's context.
    ("exceed_context_size_error", FailureKind::HardCapability),
    ("string_above_max_length", FailureKind::HardCapability),
    ("server_error", FailureKind::TransientProvider),
    ("server_is_overloaded", FailureKind::TransientProvider),
    ("service_unavailable_error", FailureKind::TransientProvider),
    // Anthropic, also inside streams.
    ("authentication_error", FailureKind::Auth),
    ("permission_error", FailureKind::Auth),
    ("billing_error", FailureKind::Billing),
    ("enforced_spend_limit_reached", FailureKind::Billing),
    ("not_found_error", FailureKind::HardModel),
    ("request_too_large", FailureKind::HardCapability),
    ("rate_limit_error", FailureKind::RateLimit),
    ("api_error", FailureKind::TransientProvider),
    ("timeout_error", FailureKind::TransientProvider),
    ("overloaded_error", FailureKind::TransientProvider),
    // Groq.
    ("model_decommissioned", FailureKind::HardModel),
    ("model_terms_required", FailureKind::Auth),
    ("capacity_exceeded", FailureKind::TransientProvider),
    ("over_capacity", FailureKind::TransientProvider),
    // Together.
    ("model_not_available", FailureKind::HardModel),
    ("dedicated_endpoint_not_running", FailureKind::HardModel),
    // Mistral and Perplexity, 400.
    ("invalid_model", FailureKind::HardModel),
    // Moonshot's types.
    ("exceeded_current_quota_error", FailureKind::Billing),
    ("engine_overloaded_error", FailureKind::TransientProvider),
    ("invalid_authentication_error", FailureKind::Auth),
    // Azure.
    ("DeploymentNotFound", FailureKind::HardModel),
    // Databricks.
    ("RESOURCE_DOES_NOT_EXIST", FailureKind::HardModel),
    ("REQUEST_LIMIT_EXCEEDED", FailureKind::RateLimit),
    // Google.
    ("RESOURCE_EXHAUSTED", FailureKind::RateLimit),
    ("UNAUTHENTICATED", FailureKind::Auth),
    ("PERMISSION_DENIED", FailureKind::Auth),
    ("NOT_FOUND", FailureKind::HardModel),
    ("FAILED_PRECONDITION", FailureKind::HardCapability),
    ("UNAVAILABLE", FailureKind::TransientProvider),
    ("INTERNAL", FailureKind::TransientProvider),
    ("DEADLINE_EXCEEDED", FailureKind::TransientProvider),
    ("ABORTED", FailureKind::TransientProvider),
    // AWS; the event stream has the same words in camel case.
    ("AccessDeniedException", FailureKind::Auth),
    ("UnrecognizedClientException", FailureKind::Auth),
    ("InvalidSignatureException", FailureKind::Auth),
    ("ExpiredTokenException", FailureKind::Auth),
    ("ExpiredToken", FailureKind::Auth),
    ("IncompleteSignatureException", FailureKind::Auth),
    ("MissingAuthenticationTokenException", FailureKind::Auth),
    ("FTUFormNotFilled", FailureKind::Auth),
    // The request is refused; messages that mean more are among the sayings.
    ("ValidationException", FailureKind::HardCapability),
    ("ThrottlingException", FailureKind::RateLimit),
    ("TooManyRequestsException", FailureKind::RateLimit),
    ("ServiceQuotaExceededException", FailureKind::RateLimit),
    ("ResourceNotFoundException", FailureKind::HardModel),
    ("ModelNotReadyException", FailureKind::TransientProvider),
    ("ModelTimeoutException", FailureKind::TransientProvider),
    ("ModelErrorException", FailureKind::TransientProvider),
    ("ModelStreamErrorException", FailureKind::TransientProvider),
    ("InternalServerException", FailureKind::TransientProvider),
    ("ServiceUnavailableException", FailureKind::TransientProvider),
];

/// The kind that a code implies, if it has a rule.
pub(super) fn by_code(code: &str) -> Option<FailureKind> {
    // Bedrock's REST answers name a type as `Name:http://…`.
    let own = code.split(':').next().unwrap_or(code);
    CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(own)).map(|(_, kind)| *kind)
}

/// The kind that a status alone implies. `named` tells whether the error names a parameter.
pub(super) fn by_status(status: u16, named: bool) -> Option<FailureKind> {
    Some(match status {
        // A success that is not a stream: 204 without a body, 202 with a promise.
        201..=299 => FailureKind::Protocol,
        401 | 403 | 407 => FailureKind::Auth,
        402 => FailureKind::Billing,
        404 | 410 => FailureKind::HardModel,
        400 | 422 if named => FailureKind::HardCapability,
        // This program must choose the method, the size and the content type correctly for this host.
        405 | 413 | 415 | 422 => FailureKind::HardCapability,
        429 => FailureKind::RateLimit,
        // 408 is a model's own timeout (Bedrock, OpenRouter), 424 a model's failure, 498 Groq without capacity, 499
        // Groq's "cancelled", 529 Anthropic overloaded.
        408 | 409 | 424 | 425 | 498 | 499 | 500..=599 => FailureKind::TransientProvider,
        _ => return None,
    })
}

/// Pieces of messages (lower case) and the advice for them.
const HINTS: &[(&str, &str)] = &[
    (
        "must be verified to stream",
        "verify the organization at platform.openai.com/settings/organization/general",
    ),
    ("requires terms acceptance", "accept the model's terms in the provider's console"),
    ("use case details", "submit Anthropic's use-case form in the Bedrock console"),
    ("api has not been used in project", "enable it: gcloud services enable aiplatform.googleapis.com"),
    ("unable to access non-serverless model", "it is listed, but served on dedicated endpoints alone"),
];

/// The advice for a message. `lower` in lower case.
pub(super) fn hint(lower: &str) -> Option<&'static str> {
    HINTS.iter().find(|(text, _)| lower.contains(text)).map(|(_, hint)| *hint)
}

/// The advice for a kind of error at one provider.
pub(super) fn hint_for(provider: &str, kind: FailureKind) -> Option<&'static str> {
    match (provider, kind) {
        ("vertex", FailureKind::HardModel) => {
            Some("listing is not serving: try another location, or enable the model in Model Garden")
        }
        ("azure", FailureKind::HardModel) => {
            Some("Azure's models are called by the names of deployments, not of models")
        }
        ("databricks", FailureKind::HardModel) => {
            Some("models of Databricks are called by the names of serving endpoints")
        }
        _ => None,
    }
}

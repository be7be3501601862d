//! The tables behind `classify`: pieces of messages, codes, statuses, hints. Sources of each quirk stand beside it.

use crate::domain::failure::Kind;

/// A piece of a message (lower case) that says more than code and status do.
struct Saying {
    /// The host that says it; `None` for any.
    provider: Option<&'static str>,
    /// The status that it comes with; `None` for any.
    status: Option<u16>,
    text: &'static str,
    kind: Kind,
}

const fn saying(text: &'static str, kind: Kind) -> Saying {
    Saying { provider: None, status: None, text, kind }
}

const fn of(provider: &'static str, text: &'static str, kind: Kind) -> Saying {
    Saying { provider: Some(provider), status: None, text, kind }
}

/// First match wins.
const SAYINGS: &[Saying] = &[
    // Anthropic answers an empty account with 400 invalid_request_error.
    saying("credit balance is too low", Kind::Billing),
    // Anthropic's 400 for a spend limit that the organization set itself.
    saying("reached your specified api usage limits", Kind::Billing),
    saying("exceeded your current quota, please check your plan and billing", Kind::Billing),
    // DeepInfra, 402 or 403.
    saying("please enter a payment method", Kind::Billing),
    saying("inference prohibited", Kind::Billing),
    saying("insufficient credits", Kind::Billing),
    saying("insufficient balance", Kind::Billing),
    // Google answers a bad key with 400 INVALID_ARGUMENT.
    saying("api key not valid", Kind::Auth),
    saying("api key expired", Kind::Auth),
    // A project without the API, or without billing, is 403 PERMISSION_DENIED at Google.
    of("vertex", "requires billing to be enabled", Kind::Billing),
    // Vertex: 403 or 404 for a model that the project or region does not have.
    of("vertex", "publisher model", Kind::HardModel),
    // Bedrock: a bare id where only an inference profile serves (400 ValidationException).
    of("bedrock", "on-demand throughput isn", Kind::HardModel),
    // Bedrock: Anthropic's use-case form is missing (404 ResourceNotFoundException): the account's business.
    of("bedrock", "use case details", Kind::Auth),
    of("bedrock", "ftuformnotfilled", Kind::Auth),
    // Bedrock: 400 where the provider's legacy lockout was lost or the model cannot stream.
    of("bedrock", "operation not allowed", Kind::HardModel),
    of("bedrock", "the provided model identifier is invalid", Kind::HardModel),
    of("bedrock", "don't have access to the model", Kind::HardModel),
    of("bedrock", "access to this model is not available", Kind::HardModel),
    of("bedrock", "too many tokens per day", Kind::RateLimit),
    // Together: listed, but not served without a dedicated endpoint (400).
    saying("unable to access non-serverless model", Kind::HardModel),
    // OpenRouter: 404 or 503 where nobody serves the model.
    of("openrouter", "no endpoints found", Kind::HardModel),
    of("openrouter", "no allowed providers", Kind::HardModel),
    of("openrouter", "no available model provider", Kind::HardModel),
    of("openrouter", "is not a valid model id", Kind::HardModel),
    // Together's 403 is a prompt and budget above the model's context.
    Saying { provider: Some("together"), status: Some(403), text: "tokens", kind: Kind::HardCapability },
    // LiteLLM's proxy, 400.
    saying("invalid model name passed in model=", Kind::HardModel),
    // The model exists, in another API family.
    saying("not a chat model", Kind::HardCapability),
    saying("only supported in v1/responses", Kind::HardCapability),
    saying("must be verified to stream", Kind::HardCapability),
    saying("extra inputs are not permitted", Kind::HardCapability),
    saying("unsupported parameter", Kind::HardCapability),
    saying("is deprecated for this model", Kind::HardCapability),
    saying("does not support", Kind::HardCapability),
    saying("not supported", Kind::HardCapability),
    saying("maximum context length", Kind::HardCapability),
    saying("model_decommissioned", Kind::HardModel),
    saying("has been decommissioned", Kind::HardModel),
];

/// The meaning of a message, where it has one of its own. `lower` in lower case.
pub(super) fn by_message(provider: &str, status: u16, lower: &str) -> Option<Kind> {
    // A parameter is refused with a client error; a server's failure may use the same words.
    let plain = lower.replace('\u{2019}', "'");
    let fits = |saying: &&Saying| {
        saying.provider.is_none_or(|own| own == provider)
            && saying.status.is_none_or(|own| own == status)
            && (saying.kind != Kind::HardCapability
                || matches!(status, 200..=299 | 400 | 403 | 404 | 413 | 422))
            && plain.contains(saying.text)
    };
    SAYINGS.iter().find(fits).map(|saying| saying.kind)
}

/// The meaning of a provider's code or type. Codes that say no more than their status (`invalid_request_error`) are not
/// here.
const CODES: &[(&str, Kind)] = &[
    // OpenAI: two families of 429, told apart by the code alone.
    ("insufficient_quota", Kind::Billing),
    ("credit_balance_exhausted", Kind::Billing),
    ("organization_spend_limit_exceeded", Kind::Billing),
    ("project_spend_limit_exceeded", Kind::Billing),
    ("organization_usage_limit_exceeded", Kind::Billing),
    ("billing_hard_limit_reached", Kind::Billing),
    ("billing_not_active", Kind::Billing),
    ("rate_limit_exceeded", Kind::RateLimit),
    ("slow_down", Kind::RateLimit),
    ("invalid_api_key", Kind::Auth),
    ("account_deactivated", Kind::Auth),
    ("unsupported_country_region_territory", Kind::Auth),
    ("model_not_found", Kind::HardModel),
    ("unsupported_parameter", Kind::HardCapability),
    ("unsupported_value", Kind::HardCapability),
    ("unknown_parameter", Kind::HardCapability),
    ("unsupported_model", Kind::HardCapability),
    ("context_length_exceeded", Kind::HardCapability),
    // llama.cpp, where the prompt is longer than the server's context.
    ("exceed_context_size_error", Kind::HardCapability),
    ("string_above_max_length", Kind::HardCapability),
    ("server_error", Kind::TransientProvider),
    ("server_is_overloaded", Kind::TransientProvider),
    ("service_unavailable_error", Kind::TransientProvider),
    // Anthropic, also inside streams.
    ("authentication_error", Kind::Auth),
    ("permission_error", Kind::Auth),
    ("billing_error", Kind::Billing),
    ("enforced_spend_limit_reached", Kind::Billing),
    ("not_found_error", Kind::HardModel),
    ("request_too_large", Kind::HardCapability),
    ("rate_limit_error", Kind::RateLimit),
    ("api_error", Kind::TransientProvider),
    ("timeout_error", Kind::TransientProvider),
    ("overloaded_error", Kind::TransientProvider),
    // Groq.
    ("model_decommissioned", Kind::HardModel),
    ("model_terms_required", Kind::Auth),
    ("capacity_exceeded", Kind::TransientProvider),
    ("over_capacity", Kind::TransientProvider),
    // Together.
    ("model_not_available", Kind::HardModel),
    ("dedicated_endpoint_not_running", Kind::HardModel),
    // Google.
    ("RESOURCE_EXHAUSTED", Kind::RateLimit),
    ("UNAUTHENTICATED", Kind::Auth),
    ("PERMISSION_DENIED", Kind::Auth),
    ("NOT_FOUND", Kind::HardModel),
    ("FAILED_PRECONDITION", Kind::HardCapability),
    ("UNAVAILABLE", Kind::TransientProvider),
    ("INTERNAL", Kind::TransientProvider),
    ("DEADLINE_EXCEEDED", Kind::TransientProvider),
    ("ABORTED", Kind::TransientProvider),
    // AWS; the same words in camel case stand in the event stream.
    ("AccessDeniedException", Kind::Auth),
    ("UnrecognizedClientException", Kind::Auth),
    ("InvalidSignatureException", Kind::Auth),
    ("ExpiredTokenException", Kind::Auth),
    ("ExpiredToken", Kind::Auth),
    ("IncompleteSignatureException", Kind::Auth),
    ("MissingAuthenticationTokenException", Kind::Auth),
    ("FTUFormNotFilled", Kind::Auth),
    // What was asked is refused; messages that mean more are among the sayings.
    ("ValidationException", Kind::HardCapability),
    ("ThrottlingException", Kind::RateLimit),
    ("TooManyRequestsException", Kind::RateLimit),
    ("ServiceQuotaExceededException", Kind::RateLimit),
    ("ResourceNotFoundException", Kind::HardModel),
    ("ModelNotReadyException", Kind::TransientProvider),
    ("ModelTimeoutException", Kind::TransientProvider),
    ("ModelErrorException", Kind::TransientProvider),
    ("ModelStreamErrorException", Kind::TransientProvider),
    ("InternalServerException", Kind::TransientProvider),
    ("ServiceUnavailableException", Kind::TransientProvider),
];

/// The meaning of a code, where it has one of its own.
pub(super) fn by_code(code: &str) -> Option<Kind> {
    // Bedrock's REST answers name a type as `Name:http://…`.
    let own = code.split(':').next().unwrap_or(code);
    CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(own)).map(|(_, kind)| *kind)
}

/// The meaning of a status alone. `named` tells whether the error names a parameter.
pub(super) fn by_status(status: u16, named: bool) -> Option<Kind> {
    Some(match status {
        // A success that is no stream: 204 without a body, 202 with a promise.
        201..=299 => Kind::Protocol,
        401 | 403 | 407 => Kind::Auth,
        402 => Kind::Billing,
        404 | 410 => Kind::HardModel,
        400 | 422 if named => Kind::HardCapability,
        // The method, the size or the content type are ours to get right for this host.
        405 | 413 | 415 | 422 => Kind::HardCapability,
        429 => Kind::RateLimit,
        // 408 is a model's own timeout (Bedrock, OpenRouter), 424 a model's failure, 498 Groq without capacity, 499 Groq's
        // "cancelled", 529 Anthropic overloaded.
        408 | 409 | 424 | 425 | 498 | 499 | 500..=599 => Kind::TransientProvider,
        _ => return None,
    })
}

/// Pieces of messages (lower case) and what to do about them.
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

/// What to do about a message. `lower` in lower case.
pub(super) fn hint(lower: &str) -> Option<&'static str> {
    HINTS.iter().find(|(text, _)| lower.contains(text)).map(|(_, hint)| *hint)
}

/// What to do about a kind of error at one provider.
pub(super) fn hint_for(provider: &str, kind: Kind) -> Option<&'static str> {
    match (provider, kind) {
        ("vertex", Kind::HardModel) => {
            Some("listing is not serving: try another location, or enable the model in Model Garden")
        }
        _ => None,
    }
}

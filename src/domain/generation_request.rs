//! One question to one model, provider-neutral: what a wire protocol turns into a request body.

use serde_json::{Map, Value};

/// What is asked of a model in one request.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRequest {
    /// The provider's own model id, as it goes on the wire.
    pub model_id: String,
    /// The one user message, nonce included.
    pub prompt: String,
    /// Output budget in tokens, reasoning included.
    pub max_output_tokens: u32,
    /// Temperature to send; `None` sends none.
    pub temperature: Option<f64>,
    /// Reasoning effort to send; `None` sends none.
    pub reasoning_effort: Option<String>,
    /// Request quirks of this model from the catalogue (`omit_temperature`, `additional_model_request_fields`, …).
    pub metadata: Map<String, Value>,
}

/// A quirk: true sends no temperature.
pub const OMIT_TEMPERATURE: &str = "omit_temperature";
/// A quirk: the effort to send whatever the profile says; null sends none.
pub const REASONING_EFFORT: &str = "reasoning_effort";
/// A quirk: the model's own request fields, merged into the body.
pub const EXTRA_FIELDS: &str = "additional_model_request_fields";
/// Every quirk that requests obey.
pub const QUIRKS: [&str; 3] = [OMIT_TEMPERATURE, REASONING_EFFORT, EXTRA_FIELDS];

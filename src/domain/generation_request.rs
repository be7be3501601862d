//! One request to one model, neutral to providers; a wire protocol turns it into a request body.

use serde_json::{Map, Value};

/// The content of one request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRequest {
    /// The provider's own model id, as it is sent.
    pub model_id: String,
    /// The one user message, nonce included.
    pub prompt: String,
    /// Output budget in tokens, reasoning included.
    pub max_output_tokens: u32,
    /// The temperature to send; `None` sends none.
    pub temperature: Option<f64>,
    /// The reasoning effort to send; `None` sends none.
    pub reasoning_effort: Option<String>,
    /// Request quirks of this model from the catalog (`omit_temperature`, `region`, …).
    pub metadata: Map<String, Value>,
    /// Ask for the same answer each time and for its token probabilities, where the API has a parameter for that.
    pub deterministic: bool,
}

/// A quirk: true sends no temperature.
pub const OMIT_TEMPERATURE: &str = "omit_temperature";
/// A quirk: the effort to send, overriding the profile; null sends none.
pub const REASONING_EFFORT: &str = "reasoning_effort";
/// A quirk: the model's own request fields, merged into the body.
pub const EXTRA_FIELDS: &str = "additional_model_request_fields";
/// The operator's word for the numbers in which a direct provider keeps the weights, for example `fp8`. Rows carry it in
/// lower case.
pub const QUANTIZATION: &str = "quantization";
/// The operator's word for the endpoint of a direct provider, in place of `PROVIDER/direct`.
pub const ENDPOINT_TAG: &str = "endpoint_tag";
/// The endpoints of a router's model that are measured: a list of objects with `tag`, `quantization`, `provider_name`.
pub const ENDPOINTS: &str = "endpoints";
/// In the facts of a pinned endpoint: the name under which its provider answers, for example `DeepInfra`.
pub const PROVIDER_NAME: &str = "provider_name";
/// A quirk: the region (Bedrock) or location (Vertex) that serves the model, overriding the host's.
pub const REGION: &str = "region";
/// Every quirk that requests obey.
pub const QUIRKS: [&str; 4] = [OMIT_TEMPERATURE, REASONING_EFFORT, EXTRA_FIELDS, REGION];

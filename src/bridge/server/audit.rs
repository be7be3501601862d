//! A post as its route sees it, and what the route has done.

use super::auth::RunnerKey;
use super::response::BridgeResponse;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// Who posts something, and under which request.
#[derive(Debug, Clone)]
pub struct PostContext {
    /// The key.
    pub key: Arc<RunnerKey>,
    /// When the request came.
    pub at: DateTime<Utc>,
    /// The request's id.
    pub request_id: String,
}

/// What a route that writes has done: the answer, and what the audit line says.
pub struct AuditedResponse {
    /// The answer.
    pub answer: BridgeResponse,
    /// Counts and ids.
    pub audit: Value,
}

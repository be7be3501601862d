//! A post as its route sees it, and the result of the route.

use super::auth::RunnerKey;
use super::response::BridgeResponse;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// Origin of a post.
#[derive(Debug, Clone)]
pub struct PostContext {
    pub key: Arc<RunnerKey>,
    /// Time of the request's arrival.
    pub at: DateTime<Utc>,
    pub request_id: String,
}

/// The result of a route that writes: the response, and a summary for the audit line.
pub struct AuditedResponse {
    pub answer: BridgeResponse,
    /// Counts and ids of items.
    pub audit: Value,
}

//! An HTTP server through which runners post measurements and read their work list, without database access. Status 200
//! means that the store has acknowledged the row. A request passes `listener`, `connection`, `guarded_stream`, `head`,
//! `router`, `auth`, `keys`, `rate_limits`, `body_reader` and `strict_json`; then `results` (with `write_queue` and
//! `aggregator`), `listing` or `runner_config` answers it. `bridge_server` holds the shared state.

mod aggregator;
mod audit;
pub mod auth;
mod body_reader;
pub mod bridge_error;
pub mod bridge_server;
pub mod connection;
mod enabled_models;
mod guarded_stream;
mod head;
pub mod journal;
mod keys;
pub mod listener;
pub mod metrics;
mod posted_listing;
mod posted_results;
mod rate_limits;
pub mod response;
pub mod router;
mod runner_activity;
mod runner_config;
pub mod strict_json;
pub mod tls;
mod write_queue;

pub use auth::RunnerKey;
pub use bridge_server::{BridgePolicy, BridgeServer};
pub use write_queue::QueueWriters;

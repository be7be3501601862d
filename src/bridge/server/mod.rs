//! The bridge: an HTTP server through which runners post what they measured and read what to measure, without seeing the
//! database. It keeps nothing itself: a 200 means that the store has acknowledged the row.
//!
//! In the order in which a request passes through: `listener` accepts, `connection` and `guarded_stream` speak HTTP/1.1, `head` refuses
//! what can be read in two ways, `router` finds the route, `auth` and `keys` say whose request it is, `rate_limits` how much of it,
//! `body_reader` and `strict_json` read it, `results`, `listing` and `runner_config` do what it asks for, `write_queue` has posts written, `aggregator`
//! what follows from them derived, `response` and `bridge_error` are what comes back. `bridge_server` is what requests share.

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
mod listing;
pub mod metrics;
mod rate_limits;
pub mod response;
mod results;
pub mod router;
mod runner_activity;
mod runner_config;
pub mod strict_json;
pub mod tls;
mod write_queue;

pub use auth::RunnerKey;
pub use bridge_server::{BridgePolicy, BridgeServer};
pub use write_queue::QueueWriters;

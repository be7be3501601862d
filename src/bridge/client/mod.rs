//! A runner's client of a bridge: it sends outcomes and reads the work list over HTTP, without access to a database.
//! The bridge itself is `bridge::server`; rows wait for it in `outbox`.
//!
//! [`BridgeClient`] is the entry point and a [`Sink`](crate::storage::OutcomeSink). [`http_client`] makes single
//! exchanges over the client of `http`, [`post_items`] builds the posted outcomes, [`replies`] reads the answers to
//! them, [`work_list`] reads a work list, [`work_list_cache`] keeps the last one on disk.

mod bridge_client;
pub mod http_client;
pub mod post_items;
pub mod replies;
pub mod work_list;
pub mod work_list_cache;
mod work_list_fetch;

pub use bridge_client::{BridgeAddresses, BridgeClient, BridgeKeys, BridgeReachability};
pub use work_list_fetch::BridgeWork;

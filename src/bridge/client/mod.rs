//! A bridge as a runner sees it: a place that takes outcomes and says what to measure, over HTTP, without a database in
//! reach. Not the bridge itself, which is `ingest`, and not what waits for it, which is `storage::outbox`.
//!
//! [`BridgeClient`] is the whole of it and a [`Sink`](crate::storage::OutcomeSink). Below it: [`http_client`] makes one exchange after the
//! other over the client of `http`, [`post_items`] are outcomes as they are posted, [`replies`] what an answer says about them,
//! [`work_list`] reads a work list, [`work_list_cache`] keeps the last one on the disk.

mod bridge_client;
pub mod http_client;
pub mod post_items;
pub mod replies;
pub mod work_list;
pub mod work_list_cache;
mod work_list_fetch;

pub use bridge_client::{BridgeAddresses, BridgeClient, BridgeKeys, BridgeReachability};
pub use work_list_fetch::BridgeWork;

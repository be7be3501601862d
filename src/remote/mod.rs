//! A bridge as a runner sees it: a place that takes outcomes and says what to measure, over HTTP, without a database in
//! reach. Not the bridge itself, which is `ingest`, and not what waits for it, which is `storage::outbox`.
//!
//! [`Bridge`] is the whole of it and a [`Sink`](crate::storage::Sink). Below it: [`client`] makes one exchange after the
//! other over the measuring wire, [`items`] are outcomes as they are posted, [`answers`] what an answer says about them,
//! [`work_list`] reads a work list, [`kept`] keeps the last one on the disk.

pub mod answers;
mod bridge;
pub mod client;
pub mod items;
pub mod kept;
mod lists;
pub mod work_list;

pub use bridge::{Addresses, Bridge, Heard, Keys};
pub use lists::Work;

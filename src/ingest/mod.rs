//! The bridge: an HTTP server through which runners post what they measured and read what to measure, without seeing the
//! database. It keeps nothing itself: a 200 means that the store has acknowledged the row.
//!
//! In the order in which a request passes through: `listener` accepts, `connection` and `line` speak HTTP/1.1, `head` refuses
//! what can be read in two ways, `router` finds the route, `auth` and `keys` say whose request it is, `limits` how much of it,
//! `intake` and `body` read it, `results`, `listing` and `config` do what it asks for, `desk` has posts written, `deriver`
//! what follows from them derived, `answer` and `refusal` are what comes back. `bridge` is what requests share.

pub mod answer;
pub mod auth;
pub mod body;
pub mod bridge;
mod config;
pub mod connection;
mod deriver;
mod desk;
mod head;
mod intake;
pub mod journal;
mod keys;
mod limits;
mod line;
pub mod listener;
mod listing;
pub mod metrics;
pub mod refusal;
mod results;
pub mod router;
mod sightings;
pub mod tls;
mod work;

pub use auth::Key;
pub use bridge::{Bridge, Policy};
pub use desk::Writers;

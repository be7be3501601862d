//! The bridge over real sockets: what it takes, what it refuses, and that it stays well.

mod bad_input;
mod clients;
mod contract;
mod deriving;
mod framing;
mod keys;
mod outage;
pub mod served;
mod serving;

//! The simulator over real sockets: each wire format's bytes, each fault, and that the truth is true.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; the lint's own exception leaves helpers out"
)]

mod client;
mod dialects;
mod faults;
mod refusals;
mod truth;

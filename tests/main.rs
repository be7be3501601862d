//! Behaviour, through the binary and over real sockets. One binary for all of it: each further one would link every
//! dependency again.
#![allow(clippy::disallowed_methods, reason = "tests read the environment to find peers and to bless files")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "the whole binary is tests")]

mod boundaries;
mod catalog;
mod generated;
mod protocols;
mod raw_server;
mod simulator;
mod stores;
mod support;
mod wire;

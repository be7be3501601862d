//! Behaviour, through the library and the binary, against real peers. One binary: a second one would link every
//! dependency again.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "the whole binary is tests")]

mod stores;
mod support;

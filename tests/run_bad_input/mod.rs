//! What goes wrong outside: hosts, networks, configurations, stores. Each has a test through the binary, and each error says
//! what, where, and how to mend it.

mod hosts;
mod keys;
pub mod network;
mod said;
mod stores;
mod streams;

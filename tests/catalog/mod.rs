//! Providers' lists: every documented shape, and the commands against servers that page, fail, lie and wait.

mod commands;
mod notify;
pub mod servers;
mod shapes;
mod together;

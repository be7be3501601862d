//! Providers' lists: every documented shape, and the commands against servers that page, fail, lie and wait.

mod commands;
pub mod servers;
mod shapes;
mod together;

//! The bridge between runners that never see the database and the store behind it: what both ends are.

pub mod client;
pub mod server;

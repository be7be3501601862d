//! Every provider through the binary: what is asked of it, byte for byte where it matters, and the row that comes of it.

mod bedrock;
pub mod bench;
mod cases;
mod contract;
mod corrections;
pub mod http;
mod own_hosts;
mod requests;
mod rows;

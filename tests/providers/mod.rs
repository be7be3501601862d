//! Every provider through the binary: what is asked of it, byte for byte where it matters, and the row that comes of it.

mod aws_logins;
mod azure;
mod bedrock;
pub mod bench;
mod cases;
mod contract;
mod corrections;
mod documented;
mod google_logins;
pub mod http;
mod own_hosts;
mod requests;
mod rows;

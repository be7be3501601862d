//! Every provider through the binary: what is asked of it, byte for byte where it matters, and the row that comes of it.

mod bench;
mod cases;
mod http;
mod requests;
mod rows;

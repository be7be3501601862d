//! `llmbench results export` and `llmbench results compare` through the binary, on both stores.

pub mod bulk;
pub mod changes;
mod compare;
mod cost;
mod endings;
mod export;
mod first;
mod pages;
mod pairs;
mod parquet;
mod receipts;
mod verify;

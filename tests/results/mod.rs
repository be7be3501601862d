//! `llmbench results` through the binary, on both stores: exports, comparisons, places, pairs and receipts.

mod answers;
pub mod bulk;
pub mod changes;
mod compare;
mod cost;
mod endings;
mod export;
mod first;
mod incidents;
mod pages;
mod pairs;
mod parquet;
mod program;
mod rank;
mod receipts;
mod verify;

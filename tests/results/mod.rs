//! `llmbench results` through the binary, on both stores: exports, comparisons, places, pairs and receipts.

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
mod rank;
mod receipts;
mod verify;

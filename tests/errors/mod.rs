//! `llmbench errors` and `llmbench results` through the binary, on both stores: the same rows, the same words.

mod advice;
mod documents;
pub mod odd;
mod plans;
mod statuses;
mod story;
mod tail;
pub mod world;

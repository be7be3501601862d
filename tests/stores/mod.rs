//! Stores keep what they say they have kept: one story on every backend, then what only one of them can get wrong.

pub mod backend;
mod batches;
mod calibrations;
mod catalog;
mod jobs;
mod lifecycle;
mod listings;
pub mod mongo;
mod notices;
mod rankings;
mod received;
pub mod series;
mod sqlite;
mod standing;
mod story;
mod vitals;

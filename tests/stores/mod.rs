//! Stores keep what they say they have kept: one story on every backend, then what only one of them can get wrong.

pub mod backend;
mod catalogue;
mod listings;
mod mongo;
mod received;
mod sqlite;
mod story;

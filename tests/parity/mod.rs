//! What operators asked with snippets in mongosh, asked of the commands: the same answers, on the same database.

mod changes;
mod plans;
mod questions;
mod world;

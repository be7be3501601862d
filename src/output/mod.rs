//! What people and programs see: the only place that writes to stdout and stderr. Data goes to stdout, notes and progress
//! to stderr. Everything but [`print`] and [`progress`] is pure: a report and a [`Terminal`] in, text out.

pub mod advice;
pub mod ask;
pub mod catalog;
pub mod chart;
pub mod compare;
pub mod config;
pub mod counter;
pub mod csv;
pub mod daemon;
pub mod doctor;
pub mod error_story;
pub mod errors;
pub mod event_line;
pub mod failures;
pub mod grid;
pub mod history;
pub mod ingest_keys;
pub mod json;
pub mod log;
pub mod models;
pub mod ndjson;
pub mod outbox;
pub mod paint;
pub mod pick;
pub mod print;
pub mod progress;
pub mod run_counts;
pub mod run_story;
pub mod runs;
pub mod side_by_side;
pub mod status;
pub mod steps;
pub mod stored;
pub mod table;
pub mod terminal;
pub mod text;
pub mod units;
pub mod view;

#[cfg(test)]
mod models_snapshots;
#[cfg(test)]
mod schema_check;
#[cfg(test)]
mod snapshots;

pub use progress::Progress;
pub use terminal::Terminal;
pub use view::View;

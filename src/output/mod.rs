//! Output for people and programs, the only module that writes to stdout and stderr. Data goes to stdout, notes and
//! progress to stderr. Everything but [`mod@print`] and [`progress`] is pure: a report and a [`Terminal`] in, text out.

pub mod advice;
pub mod calibration;
pub mod catalog;
pub mod catalog_changes;
pub mod change_letter;
pub mod changes;
pub mod chart;
pub mod color;
pub mod compare;
pub mod config;
pub mod cost;
pub mod csv;
pub mod dialects;
pub mod doctor;
pub mod dry_run;
pub mod error_details;
pub mod errors;
pub mod failures;
pub mod gates;
pub mod ingest_keys;
pub mod init;
pub mod json;
mod keys;
pub mod level_chart;
pub mod lifecycle;
pub mod list_report;
pub mod live;
pub mod log;
pub mod markdown;
pub mod models;
#[cfg(test)]
mod models_snapshots;
pub mod ndjson;
pub mod outbox;
pub mod pairs;
pub mod picker;
pub mod print;
pub mod progress;
pub mod progress_counter;
pub mod prompt;
pub mod rank;
pub mod ranking;
pub mod recompute;
pub mod row_fields;
pub mod run_counts;
pub mod run_details;
pub mod run_progress;
pub mod run_report;
pub mod runs;
pub mod sampling_plan;
pub mod scale;
#[cfg(test)]
pub mod schema_check;
pub mod side_by_side;
#[cfg(test)]
mod snapshots;
pub mod status;
pub mod table;
pub mod task_progress;
pub mod terminal;
pub mod text;
pub mod units;
pub mod verify;
mod view;

pub use progress::Progress;
pub use terminal::Terminal;
pub use view::ReportView;

//! Full-screen views: `status --watch` and `run --live` at a terminal. A view is a state, what keys and news make of it, and
//! how it is drawn into cells: all pure. [`view_thread`] draws and reads keys, `screen` owns the terminal; no other folder
//! names ratatui.

mod chart;
mod keys;
mod list;
pub mod live_run;
mod page;
mod run_draw;
#[cfg(test)]
mod run_tests;
mod run_view;
mod screen;
mod series;
mod spark;
mod status_draw;
#[cfg(test)]
mod status_tests;
pub mod status_view;
mod table;
#[cfg(test)]
mod testing;
pub mod view_thread;

pub use chart::ModelHistory;
pub use screen::{ScreenStream, can_show, is_gone, stop_process};
pub use series::{LiveFailure, LiveSample};

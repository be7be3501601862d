//! `llmbench report` through the binary: files, sites, what goes wrong, and the daemon's schedule.

mod daemon;
mod site;
mod speed;
pub mod world;

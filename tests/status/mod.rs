//! `llmbench status` through the binary, on both stores, with and without a daemon's pulse.

mod calibrations;
mod check;
mod live;
mod plans;
mod runners;
mod screen;
mod watch;
mod world;

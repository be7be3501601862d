//! The remote runner: `run` and `daemon` with a bridge as their store, against a real bridge, through a network that fails.

mod daemon;
mod faults;
mod rows;
mod run;
pub mod world;

//! `llmbench daemon` as processes, against real providers over sockets: its cadence, its end, what one provider's trouble
//! does to others, and two daemons on one catalog.

mod cadence;
mod calibrated;
mod changes;
mod clocks;
mod fleet;
mod health;
mod judgement;
mod life;
mod pairs;
mod plan;
pub mod told;
mod troubles;
pub mod world;

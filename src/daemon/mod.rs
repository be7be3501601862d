//! Measuring around the clock. Here: what the engine says happens ([`event`]), what is made of it for people and monitors
//! ([`telemetry`]), and what ends a process that stands still ([`watchdog`]).

pub mod event;
pub mod telemetry;
pub mod watchdog;

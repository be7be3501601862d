//! Measuring around the clock: what is due, who may be asked, what it may cost, and what became of it. The decisions are
//! pure functions of what is known and of the time, which is always passed in; the engine around them does the waiting.

pub mod admission;
pub mod budget;
pub mod governor;
pub mod pace;
pub mod price;
pub mod quarantine;
pub mod schedule;
pub mod state;

//! The words of the project: model, profile, ask, run, failure. Data and pure rules; no I/O, no clock, no environment.

pub mod ask;
pub mod failure;
pub mod model;
pub mod profile;
pub mod run;

pub use ask::Ask;
pub use failure::{Failure, Kind, Stage};
pub use model::ModelRef;
pub use profile::Profile;
pub use run::{Outcome, Run};

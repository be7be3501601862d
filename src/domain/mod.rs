//! The words of the project: model, profile, ask, run, failure, window. Data and pure rules; no I/O, no clock, no environment.

pub mod ask;
pub mod batch;
pub mod cause;
pub mod error_group;
pub mod failure;
pub mod finding;
pub mod fleet;
pub mod glob;
pub mod headings;
pub mod judgement;
pub mod listen;
pub mod listing;
pub mod model;
pub mod names;
pub mod nearest;
pub mod notice;
pub mod offset;
pub mod profile;
pub mod pulse;
pub mod redact;
pub mod regime;
pub mod run;
pub mod secret;
pub mod slot;
pub mod sourced;
pub mod window;

pub use ask::Ask;
pub use batch::Batch;
pub use error_group::ErrorGroup;
pub use failure::{Failure, Kind, Stage};
pub use finding::{Finding, Section, Severity};
pub use model::ModelRef;
pub use profile::Profile;
pub use run::{Outcome, Run};
pub use slot::{Series, Slot};
pub use window::Window;

//! The words of the project: model, profile, request, run, failure, window. Data and pure rules; no I/O,
//! no clock, no environment.

pub mod admission_config;
mod cached_input;
pub mod change_batch;
pub mod clock_offset;
pub mod clock_skew;
pub mod daemon_config;
pub mod daemon_status;
pub mod env_vars;
pub mod error_cause;
pub mod error_group;
pub mod failure;
pub mod finding;
pub mod fleet;
pub mod generation_request;
pub mod glob;
pub mod listen;
pub mod listing;
pub mod model;
pub mod name_rules;
pub mod nearest;
pub mod notice;
pub mod outbox_rows;
pub mod profile;
pub mod redact;
pub mod row_fields;
pub mod run;
pub mod runner;
pub mod secret;
mod secret_spellings;
pub mod slot;
pub mod sourced;
pub mod timestamp;
pub mod troubleshooting;
pub mod window;

pub use cached_input::CachedInput;
pub use change_batch::Batch;
pub use error_group::ErrorGroup;
pub use failure::{Failure, FailureKind, FailureStage};
pub use finding::{Finding, FindingSection, Severity};
pub use generation_request::GenerationRequest;
pub use model::ModelRef;
pub use profile::Profile;
pub use run::{Outcome, Run};
pub use slot::{Series, Slot};
pub use window::Window;

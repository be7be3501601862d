//! Who wins: flag, environment, file, default. The only reader of the environment and of the configuration file.
//!
//! `env`, `names`, `secret`, `redact`, `sourced` and `nearest` are leaves that every layer may use.

pub mod env;
pub mod names;
pub mod nearest;
pub mod redact;
pub mod secret;
pub mod sourced;

pub use env::Env;
pub use redact::Redactor;
pub use secret::Secret;
pub use sourced::{Source, Sourced};

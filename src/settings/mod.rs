//! Resolves settings in this order: flag, environment, file, default. Only this folder reads the environment and the
//! configuration file; the result is one struct of values with their sources.

pub mod bridge;
pub mod daemon;
pub mod daemon_table;
#[cfg(test)]
mod daemon_tables_tests;
pub mod display;
pub mod env;
pub mod error;
#[cfg(test)]
mod example_tests;
pub mod file;
mod file_error;
mod hosts;
pub mod ingest;
mod key_command;
pub mod keys;
mod limits;
mod listen;
pub mod new_config;
mod notify;
pub mod profiles;
mod proxies;
pub mod python_runner;
pub mod report;
mod resolve;
mod signing_key;
mod state_dir;
mod store;

pub use bridge::BridgeSettings;
pub use daemon::DaemonFlags;
pub use env::Env;
pub use error::{KeyError, SettingsError};
pub use limits::{Deadlines, LimitFlags};
pub use new_config::{NewConfig, NewProvider};
pub use profiles::Profiles;
pub use resolve::{FlagOverrides, Settings, resolve, resolve_without_file};

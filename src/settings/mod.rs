//! Who wins: flag, environment, file, default. The only reader of the environment and of the configuration file.

pub mod env;

pub use env::Env;

//! `llmbench` measures cloud LLM APIs: TTFT, inter-token latency, tokens per second.
//!
//! The layers, in the order in which a run passes through them:
//!
//! - [`settings`]: who wins: flag, environment, file, default; keys that cannot print
//! - [`domain`]: the words (model, profile, run, failure); no I/O
//! - [`wire`]: one HTTP exchange, recorded with stamps
//! - [`providers`]: hosts, wire formats, keys, errors, the simulator
//! - [`storage`]: SQLite and MongoDB behind one trait

pub mod domain;
pub mod providers;
pub mod settings;
pub mod storage;
pub mod wire;

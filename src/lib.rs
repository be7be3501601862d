//! `llmbench` measures cloud LLM APIs: TTFT, inter-token latency, tokens per second.
//!
//! The layers, in the order in which a run passes through them:
//!
//! - [`domain`]: the words (model, profile, run, failure); no I/O
//! - [`wire`]: one HTTP exchange, recorded with stamps
//! - [`providers`]: hosts, wire formats, keys, errors, the simulator
//! - [`measure`]: outcomes, their figures and statistics
//! - [`output`]: the only place that writes to stdout and stderr
//! - [`storage`]: SQLite and MongoDB behind one trait

pub mod domain;
pub mod measure;
pub mod output;
pub mod providers;
pub mod storage;
pub mod wire;

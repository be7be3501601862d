//! `llmbench` measures cloud LLM APIs: TTFT, inter-token latency, tokens per second.
//!
//! The layers, in the order in which a run passes through them:
//!
//! - [`domain`]: the words (model, profile, run, failure); no I/O
//! - [`wire`]: one HTTP exchange, recorded with stamps
//! - [`measure`]: one request, one outcome: timeline, verdict, load shapes, statistics
//! - [`providers`]: hosts, wire formats, keys, errors, the simulator
//! - [`storage`]: SQLite and MongoDB behind one trait

pub mod domain;
pub mod measure;
pub mod providers;
pub mod storage;
pub mod wire;

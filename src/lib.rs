//! `llmbench` measures cloud LLM APIs: TTFT, inter-token latency, tokens per second.
//!
//! The layers, in the order in which a run passes through them:
//!
//! - [`cli`]: every command and flag; no behavior
//! - [`settings`]: resolves flag, environment, file and default; secrets that cannot print
//! - [`commands`]: the commands: settings in, exit status out
//! - [`export`]: stored rows as files: CSV, JSON, Parquet
//! - [`report`]: the published page: pictures, feed, badges
//! - [`output`]: results to stdout, notes and progress to stderr
//! - [`listings`]: providers' lists of models, compared with the measured ones
//! - [`daemon`]: measuring around the clock: due series, claims, pace, budgets, lanes, status
//! - [`notify`]: mail and webhooks
//! - [`bridge::server`]: the bridge: takes over HTTP the rows that runners post for the store
//! - [`bridge::client`]: a runner's side of the bridge: outcomes in, work lists out, over HTTP
//! - [`outbox`]: rows on disk until the store has confirmed them
//! - [`measure`]: one request, one outcome: timeline, verdict, load shapes, statistics
//! - [`providers`]: hosts, wire formats, keys, errors
//! - [`simulator`]: a server that speaks every provider's wire format
//! - [`http`]: HTTP that is not timed: one client, its proxies
//! - [`wire`]: one HTTP exchange, recorded with timestamps
//! - [`storage`]: SQLite and MongoDB behind one trait
//! - [`domain`]: the project's terms (model, profile, run, failure); no I/O

pub mod bridge;
pub mod cli;
pub mod commands;
pub mod daemon;
pub mod domain;
pub mod export;
pub mod http;
pub mod listings;
pub mod measure;
pub mod notify;
pub mod outbox;
pub mod output;
pub mod providers;
pub mod report;
pub mod settings;
pub mod simulator;
pub mod storage;
pub mod wire;

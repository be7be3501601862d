//! `llmbench` measures cloud LLM APIs: TTFT, inter-token latency, tokens per second.
//!
//! The layers, in the order in which a run passes through them:
//!
//! - [`cli`]: every command and flag; no behaviour
//! - [`settings`]: who wins: flag, environment, file, default; secrets that cannot print
//! - [`commands`]: what each word does: settings in, exit status out
//! - [`export`]: stored rows as files: CSV, JSON, Parquet
//! - [`output`]: results to stdout, notes and progress to stderr
//! - [`listings`]: what providers list, against what is measured
//! - [`daemon`]: measuring around the clock: what is due, claims, pace, budgets, lanes, what is told of it
//! - [`notify`]: mail and webhooks
//! - [`bridge::server`]: the bridge: runners post over HTTP what a store keeps
//! - [`bridge::client`]: a bridge as a runner sees it: outcomes in, work lists out, over HTTP
//! - [`measure`]: one request, one outcome: timeline, verdict, load shapes, statistics
//! - [`providers`]: hosts, wire formats, keys, errors, the simulator
//! - [`http`]: HTTP that nobody times: one client, its proxies
//! - [`wire`]: one HTTP exchange, recorded with stamps
//! - [`storage`]: SQLite and MongoDB behind one trait
//! - [`domain`]: the words (model, profile, run, failure); no I/O

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
pub mod settings;
pub mod simulator;
pub mod storage;
pub mod wire;

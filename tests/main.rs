//! Behaviour, through the binary and over real sockets. One binary for all of it: each further one would link every
//! dependency again.
#![allow(clippy::disallowed_methods, reason = "tests read the environment to find peers and to bless files")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "the whole binary is tests")]

mod action;
mod aimock;
mod boundaries;
mod browser;
mod calibrate;
mod catalog;
mod completions;
mod config;
mod daemon;
mod deploy;
mod doctor;
mod documents;
mod errors;
mod faults;
mod generated;
mod http_client;
mod ingest;
mod ingest_keys;
mod init;
mod llama;
mod models;
mod newcomer;
mod outbox;
mod packaging;
mod parity;
mod promises;
mod protocols;
mod providers;
mod proxies;
mod raw_server;
mod readme;
mod report;
mod results;
mod run_bad_input;
mod run_basics;
mod run_live;
mod runner;
mod simulator;
mod status;
mod stores;
mod support;
mod switch;
mod telemetry;
mod telling;
mod terminal;
mod wire;

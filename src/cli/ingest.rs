//! `llmbench ingest`: the bridge through which remote runners post.

use crate::cli::ingest_key;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The bridge: runners post results over HTTP, without access to the database
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IngestCommand,
}

/// What to do with the bridge.
#[derive(Debug, Subcommand)]
pub enum IngestCommand {
    /// Serve until interrupted
    #[command(after_help = PATHS)]
    Serve(IngestServeArgs),
    /// Keys of remote runners
    Key(ingest_key::IngestKeyArgs),
}

/// Serve until interrupted
#[derive(Debug, Args)]
pub struct IngestServeArgs {
    /// Address for runners; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// Address for /metrics and /readyz, on loopback; none without this flag
    #[arg(long, value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// Certificate for TLS, PEM, with its chain; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve without TLS on an address that is not loopback: keys can be read on the way
    #[arg(long, conflicts_with = "tls_cert")]
    pub plain_http: bool,
    /// Create no missing collections and indexes at the start: `llmbench db init` does
    #[arg(long)]
    pub no_init: bool,
    /// Interval at which runners are told to measure, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub interval: u32,
    /// Endpoint of a direct provider's rows that name none, as those of the Python runner: bedrock=bedrock/us-east-1
    /// (repeatable)
    #[arg(long = "endpoint-tag", value_name = "PROVIDER=TAG")]
    pub endpoint_tags: Vec<String>,
    /// Number of runs and errors that a key may post in a second
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// Number of connections that may be open
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connections: u32,
}

/// The answers of the bridge, printed by `--help` and the man page.
const PATHS: &str = "\
Paths:
  POST /ingest           one result
  POST /ingest/batch     results and errors: an array, or {\"results\": […]}
  POST /ingest/error     one failed attempt
  POST /ingest/catalog   what a provider lists
  GET  /runner-config    ?provider=P: the models to measure
  GET  /health, /livez   for anybody

A runner shows its key in X-API-Key or as a Bearer token. The Python runner's keys count too: INGEST_API_KEY \
for posting, RUNNER_CONFIG_TOKEN for /runner-config.";

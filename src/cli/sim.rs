//! `llmbench sim`: the built-in simulated provider as a server of its own.

use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The built-in simulated provider
#[derive(Debug, Args)]
pub struct SimArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SimCommand,
}

/// What to do with the simulator.
#[derive(Debug, Subcommand)]
pub enum SimCommand {
    /// Serve every wire format over HTTP until interrupted; the model's name chooses timing and faults
    #[command(after_help = PATHS)]
    Serve(SimServeArgs),
    /// List the simulated models
    #[command(after_help = MODIFIERS)]
    Models,
}

/// Serve every wire format over HTTP until interrupted
#[derive(Debug, Args)]
pub struct SimServeArgs {
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8099")]
    pub listen: SocketAddr,
    /// Certificate as PEM, the server's own first: serves over TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// The numbers of a model that its name can change, printed by `--help` and the man page.
const MODIFIERS: &str = "\
Numbers of a model are changed in its name, in any combination, for example
steady-ttft50-gap5-n16:
  ttft, gap, jitter  milliseconds
  n, r               visible and reasoning tokens
  k, b               tokens in one event; events that leave together
  after              visible tokens before something goes wrong";

/// The paths of the wire formats, printed by `--help` and the man page.
const PATHS: &str = "\
Base URLs for clients, ADDR being the address that is printed:
  http://ADDR/v1  chat/completions, completions, responses, messages, models
  http://ADDR/v1  publishers/google/models/MODEL:streamGenerateContent
                  (also below projects/…)
  http://ADDR     model/MODEL/converse-stream (Bedrock)
  http://ADDR     truth: what was sent, and when

llmbench itself is pointed at it with LLMBENCH_SIM_URL=http://ADDR/v1.";

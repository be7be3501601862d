//! `llmbench sim`: the built-in simulated provider as a server of its own.

use clap::{Args, Subcommand};
use std::net::SocketAddr;

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
    Serve(ServeArgs),
    /// List the simulated models
    Models,
}

/// Serve every wire format over HTTP until interrupted
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8099")]
    pub listen: SocketAddr,
}

//! `llmbench sim`: serves the simulated provider, and lists its models.

use crate::cli::sim::{SimArgs, SimCommand, SimServeArgs};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::stdout;
use crate::simulator;
use crate::simulator::scenario::PRESETS;
use crate::wire::fd_table;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Runs `llmbench sim` to its exit status.
///
/// # Errors
/// An address that cannot be listened on, a certificate that cannot be used.
pub async fn run(args: SimArgs) -> Result<Exit, CommandError> {
    match args.command {
        SimCommand::Serve(args) => serve(args).await,
        SimCommand::Models => models(),
    }
}

async fn serve(args: SimServeArgs) -> Result<Exit, CommandError> {
    let fail =
        |error: std::io::Error| CommandError::usage(format!("cannot listen on {}: {error}", args.listen));
    fd_table::make_room();
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(acceptor(certificate, key)?),
        _ => None,
    };
    let interrupt = Interrupt::listen().map_err(fail)?;
    let listener = simulator::listen_on(args.listen).map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    // The address is data: with port 0 a script reads it from here.
    stdout::text(&format!("http{}://{address}\n", if tls.is_some() { "s" } else { "" }))?;
    simulator::serve(listener, tls, interrupt.stop.cancelled_owned()).await.map_err(fail)?;
    Ok(Exit::Yes)
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, CommandError> {
    let unusable = |path: &Path, why: &dyn Display| {
        CommandError::usage(format!("--tls-cert and --tls-key: {}: {why}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(certificate, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|error| unusable(certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn models() -> Result<Exit, CommandError> {
    let width = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
    let lines: String =
        PRESETS.iter().map(|preset| format!("{:width$}  {}\n", preset.name, preset.about)).collect();
    stdout::text(&lines)?;
    Ok(Exit::Yes)
}

//! `llmbench sim`: serves the simulated provider, and lists its models.

use crate::bridge::server::tls::{TlsFiles, TlsIdentity};
use crate::cli::sim::{SimArgs, SimCommand, SimServeArgs};
use crate::commands::exit::{CommandError, Exit};
use crate::commands::interrupt::Interrupt;
use crate::commands::stdout;
use crate::simulator;
use crate::simulator::scenario::PRESETS;
use crate::wire::fd_table;

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
        (Some(certificate), Some(key)) => {
            let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
            Some(TlsIdentity::load(files).map_err(CommandError::usage)?.acceptor())
        }
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

fn models() -> Result<Exit, CommandError> {
    let width = PRESETS.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
    let lines: String =
        PRESETS.iter().map(|preset| format!("{:width$}  {}\n", preset.name, preset.about)).collect();
    stdout::text(&lines)?;
    Ok(Exit::Yes)
}

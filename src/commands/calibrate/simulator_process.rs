//! The simulator as a process of its own, so that it shares neither clock thread nor event loop with what measures it.

use crate::wire::tls::client_config;
use rustls::ClientConfig;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Time within which the process must say where it listens.
const START: Duration = Duration::from_secs(20);

/// A running simulator; it ends with this value.
pub struct SimulatorProcess {
    /// `http://127.0.0.1:PORT` or `https://…`, without a path.
    pub base_url: String,
    /// The configuration that trusts its certificate.
    pub tls: Arc<ClientConfig>,
    _process: Child,
    /// Its certificate and key, for as long as it runs.
    _files: TempDir,
}

impl SimulatorProcess {
    /// Starts this program as a simulator, over TLS with a certificate made for it if `tls` says so.
    ///
    /// # Errors
    /// A sentence.
    pub async fn start(tls: bool) -> Result<Self, String> {
        let files = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let program =
            std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
        let mut command = Command::new(program);
        command.args(["sim", "serve", "--listen", "127.0.0.1:0"]);
        let certificate = if tls { Some(certificate(&files)?) } else { None };
        if let Some((certificate, key)) = &certificate {
            command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
        }
        let tls = client_config(certificate.as_ref().map(|(certificate, _)| certificate.as_path()))
            .map_err(|error| error.to_string())?;
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the simulator does not start: {error}"))?;
        let said = process.stdout.take().ok_or("the simulator has no output")?;
        let mut line = String::new();
        let mut reader = BufReader::new(said);
        match timeout(START, reader.read_line(&mut line)).await {
            Ok(Ok(_)) if line.trim().starts_with("http") => {}
            _ => return Err("the simulator does not say where it listens".to_owned()),
        }
        Ok(Self { base_url: line.trim().to_owned(), tls, _process: process, _files: files })
    }
}

/// A certificate for this machine alone, and its key, as files that only this user can read.
fn certificate(files: &TempDir) -> Result<(PathBuf, PathBuf), String> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
        .map_err(|error| format!("no certificate can be made: {error}"))?;
    let (certificate, key) = (files.path().join("certificate.pem"), files.path().join("key.pem"));
    let write = |path: &PathBuf, text: String| {
        std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write(&certificate, made.cert.pem())?;
    write(&key, made.signing_key.serialize_pem())?;
    Ok((certificate, key))
}

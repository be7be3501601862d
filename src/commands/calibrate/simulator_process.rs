//! The simulator as a process of its own, so that it shares neither clock thread nor event loop with what measures it.

use crate::wire::tls::client_config;
use rustls::ClientConfig;
use std::io::{self, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::NamedTempFile;
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
    _files: Option<Certificate>,
}

impl SimulatorProcess {
    /// Starts this program as a simulator, over TLS with a certificate made for it if `tls` says so.
    ///
    /// # Errors
    /// A sentence.
    pub async fn start(tls: bool) -> Result<Self, String> {
        let program =
            std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
        let mut command = Command::new(program);
        command.args(["sim", "serve", "--listen", "127.0.0.1:0"]);
        let files = if tls { Some(Certificate::make()?) } else { None };
        if let Some(Certificate { certificate, key }) = &files {
            command.arg("--tls-cert").arg(certificate.path()).arg("--tls-key").arg(key.path());
        }
        let tls = client_config(files.as_ref().map(|files| files.certificate.path()))
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
struct Certificate {
    certificate: NamedTempFile,
    key: NamedTempFile,
}

impl Certificate {
    fn make() -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
            .map_err(|error| format!("no certificate can be made: {error}"))?;
        let file = |text: String| -> io::Result<NamedTempFile> {
            let mut file = NamedTempFile::new()?;
            file.write_all(text.as_bytes())?;
            Ok(file)
        };
        let both = || Ok((file(made.cert.pem())?, file(made.signing_key.serialize_pem())?));
        let (certificate, key) = both().map_err(|error: io::Error| format!("no temporary file: {error}"))?;
        Ok(Self { certificate, key })
    }
}

//! The simulator as a process of its own, so that it shares neither clock thread nor event loop with what measures it.

use crate::wire::tls::client_config;
use rustls::ClientConfig;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// Time within which the process must say where it listens.
const START: Duration = Duration::from_secs(20);

/// Time for its last words after it has ended without that.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Most bytes of them that are quoted.
const QUOTED: u64 = 500;

/// A running simulator; it ends with this value.
pub struct SimulatorProcess {
    /// `http://127.0.0.1:PORT` or `https://…`, without a path.
    pub base_url: String,
    /// The configuration that trusts its certificate.
    pub tls: Arc<ClientConfig>,
    _process: Child,
    /// Open, so that it may say something; nobody reads it, because it has nothing to say.
    _said: Option<ChildStderr>,
    /// Its certificate and key, for as long as it runs.
    _files: Option<Certificate>,
}

impl SimulatorProcess {
    /// Starts this program as a simulator, over TLS with a certificate made for it if `tls` says so. `spare` is a directory
    /// for the certificate where there is none for temporary files, as in a container with a read-only root.
    ///
    /// # Errors
    /// A sentence.
    pub async fn start(tls: bool, spare: Option<&Path>) -> Result<Self, String> {
        let program =
            std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
        let mut command = Command::new(program);
        command.args(["sim", "serve", "--listen", "127.0.0.1:0"]);
        let files = if tls { Some(Certificate::make(spare)?) } else { None };
        if let Some(Certificate { certificate, key }) = &files {
            command.arg("--tls-cert").arg(certificate.path()).arg("--tls-key").arg(key.path());
        }
        let tls = client_config(files.as_ref().map(|files| files.certificate.path()))
            .map_err(|error| error.to_string())?;
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the simulator does not start: {error}"))?;
        let told = process.stdout.take().ok_or("the simulator has no output")?;
        let mut complaints = process.stderr.take();
        let mut line = String::new();
        let mut reader = BufReader::new(told);
        match timeout(START, reader.read_line(&mut line)).await {
            Ok(Ok(_)) if line.trim().starts_with("http") => {}
            _ => return Err(silent(complaints.as_mut()).await),
        }
        let base_url = line.trim().to_owned();
        Ok(Self { base_url, tls, _process: process, _said: complaints, _files: files })
    }
}

/// The error of a simulator that did not begin, with the first line of its complaint.
async fn silent(complaints: Option<&mut ChildStderr>) -> String {
    let mut said = Vec::new();
    if let Some(complaints) = complaints {
        // One that hangs says nothing, and then what was read before counts.
        let _ = timeout(LAST_WORDS, complaints.take(QUOTED).read_to_end(&mut said)).await;
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    let why = said.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
    format!("the simulator does not say where it listens{why}")
}

/// A certificate for this machine alone, and its key, as files that only this user can read.
struct Certificate {
    certificate: NamedTempFile,
    key: NamedTempFile,
}

impl Certificate {
    fn make(spare: Option<&Path>) -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
            .map_err(|error| format!("no certificate can be made: {error}"))?;
        let file = |text: String| -> io::Result<NamedTempFile> {
            let mut file = NamedTempFile::new().or_else(|error| match spare {
                Some(directory) => NamedTempFile::new_in(directory),
                None => Err(error),
            })?;
            file.write_all(text.as_bytes())?;
            Ok(file)
        };
        let both = || Ok((file(made.cert.pem())?, file(made.signing_key.serialize_pem())?));
        let (certificate, key) = both().map_err(|error: io::Error| format!("no temporary file: {error}"))?;
        Ok(Self { certificate, key })
    }
}

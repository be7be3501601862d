//! A real mail server, aiosmtpd, that keeps every message for the test to look at. Fetched with pip into the build folder,
//! once; where that fails, the test fails.

use super::peers::fetch;
use super::peers::process::{self, Process};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PACKAGES: [&str; 3] = ["aiosmtpd==1.4.6", "atpublic==5.1", "attrs==25.3.0"];

const HINT: &str = "The tests need the mail server aiosmtpd: Python 3 with pip fetches it (pip install --no-deps --target \
    target/test-peers/aiosmtpd aiosmtpd==1.4.6 atpublic==5.1 attrs==25.3.0), and that failed";

/// How long starting may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running server. Ends with its value, and with the test process however that ends.
pub struct Smtp {
    process: Process,
    directory: PathBuf,
    address: String,
}

impl Smtp {
    /// Starts one on a free port. `words` are those of `smtp_server.py`.
    pub fn start(words: &[&str]) -> Self {
        Self::start_on(0, words)
    }

    /// Starts one on this port.
    pub fn start_on(port: u16, words: &[&str]) -> Self {
        let packages = fetch::once("aiosmtpd", install);
        let directory = process::fresh_directory();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtp_server.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(packages).arg(port.to_string()).args(words);
        let process = Process::start(command, &directory);
        let mut smtp = Self { process, directory, address: String::new() };
        smtp.address = smtp.until(|lines| lines.iter().find(|line| line.starts_with("127.")).cloned());
        smtp
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// All messages so far, oldest first.
    pub fn messages(&self) -> Vec<Value> {
        let messages = self.lines();
        let messages = messages.iter().filter(|line| line.starts_with('{'));
        messages.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn lines(&self) -> Vec<String> {
        let output = fs::read_to_string(self.directory.join("output")).unwrap_or_default();
        let whole = &output[..output.rfind('\n').unwrap_or(0)];
        whole.lines().map(str::to_owned).collect()
    }

    fn until<T>(&self, found: impl Fn(&[String]) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let lines = self.lines();
            if let Some(found) = found(&lines) {
                return found;
            }
            assert!(self.process.is_running(), "{HINT}; or it ended at once:\n{}", lines.join("\n"));
            assert!(start.elapsed() < START, "aiosmtpd did not start:\n{}", lines.join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.process.kill();
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// A header of a message.
pub fn header<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    let headers = message["headers"].as_array()?;
    headers.iter().find(|pair| pair[0] == name)?[1].as_str()
}

fn install(folder: &Path, wanted: &Path) {
    let partial = folder.join("aiosmtpd.part");
    drop(fs::remove_dir_all(&partial));
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"];
    fetch::fetcher(Command::new("python3").args(pip).arg(&partial).args(PACKAGES), HINT);
    fs::rename(partial, wanted).unwrap();
}

//! What a run of the binary left behind: status, output, rows, undelivered files.

use super::Home;
use rusqlite::Connection;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The same model under every test that needs an answer and not its timing.
pub const QUICK: &str = "sim:steady-ttft2-gap1-n4";

/// An ended invocation.
#[derive(Debug)]
pub struct Ran {
    /// Exit status; −1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// The outcomes that `--ndjson` wrote.
    pub fn lines(&self) -> Vec<Map<String, Value>> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// The only one.
    pub fn line(&self) -> Map<String, Value> {
        let [line]: [_; 1] = self.lines().try_into().unwrap_or_else(|_| panic!("not one line: {self:?}"));
        line
    }
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

impl Home {
    /// Runs the binary here, to its end.
    pub fn ran(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.llmbench(arguments))
    }

    /// One quick request of a model, as one line of `--ndjson`.
    pub fn measured(&self, model: &str) -> Map<String, Value> {
        self.ran(&["run", "--ndjson", "--no-store", "--model", model]).line()
    }

    /// The default store.
    pub fn database(&self) -> PathBuf {
        self.path().join("data/llmbench/llmbench.db")
    }

    /// Every row of a table of the default store.
    pub fn rows(&self, table: &str) -> Vec<Map<String, Value>> {
        rows(&self.database(), table)
    }

    /// The files of outcomes that no store took.
    pub fn undelivered(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.path().join("state/llmbench/undelivered"));
        folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }
}

/// Every document of a table of an SQLite store.
pub fn rows(database: &Path, table: &str) -> Vec<Map<String, Value>> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare(&format!("SELECT doc FROM {table} ORDER BY id")).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|doc| serde_json::from_str(&doc.unwrap()).unwrap()).collect()
}

/// The command in a shell whose files may not grow beyond so many blocks of 512 bytes: a full disk, for whoever writes.
pub fn in_little_space(command: &Command, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -f {blocks}; exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

/// Makes the command obey permissions even where the tests run as root: a read-only directory is one, and another process's
/// memory is closed.
#[allow(unsafe_code, reason = "nothing safe runs between fork and exec")]
pub fn unprivileged(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    // SAFETY: only async-signal-safe calls happen between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // What is dropped here is not regained by exec. Beyond the last capability the kernel says EINVAL.
            for capability in 0..64 {
                let refused = libc::geteuid() == 0 && libc::prctl(libc::PR_CAPBSET_DROP, capability) != 0;
                let error = std::io::Error::last_os_error();
                if refused && error.raw_os_error() != Some(libc::EINVAL) {
                    return Err(error);
                }
            }
            Ok(())
        })
    }
}

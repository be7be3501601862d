//! Runs the command that prints a key: `pass show …`, `op read …`, `gcloud auth print-access-token`. It gets no
//! terminal, no key of another provider, and a short deadline.

use super::keys::without_newline;
use crate::domain::env_vars::SECRETS;
use crate::domain::redact::Redactor;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Deadline of a command.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The longest output that is read, bytes.
const LARGEST_OUTPUT: u64 = 64 * 1024;

/// The longest quotation of a failed command's output, characters.
const REPEATED: usize = 200;

/// The output of the command, without one line break at its end.
///
/// # Errors
/// The reason for the failure, as the end of a sentence that begins with the command's name; the output is not
/// repeated.
pub(super) fn run(command: &str, deadline: Duration) -> Result<String, String> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that everything that the shell starts can be killed with it.
    shell.process_group(0);
    // AWS's own variables stay, for commands such as `aws secretsmanager get-secret-value`.
    for name in SECRETS.iter().filter(|name| !name.starts_with("AWS_")) {
        shell.env_remove(name);
    }
    let mut child = shell.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let stdout = collected(child.stdout.take());
    let stderr = collected(child.stderr.take());
    let ends = Instant::now() + deadline;
    let output = stdout.recv_timeout(deadline).map_err(|_| stopped(&mut child, deadline))?;
    let status = wait(&mut child, ends).ok_or_else(|| stopped(&mut child, deadline))?;
    if !status.success() {
        let said = stderr.recv_timeout(Duration::from_millis(200)).unwrap_or_default();
        let said: String =
            Redactor::new().redact(&String::from_utf8_lossy(&said)).trim().chars().take(REPEATED).collect();
        let said = if said.is_empty() { "it said nothing".to_owned() } else { said };
        return Err(format!("failed ({status}): {said}"));
    }
    let text = String::from_utf8(output).map_err(|_| "printed what is no text".to_owned())?;
    Ok(without_newline(text))
}

/// Reads a pipe to its end on a separate thread, so that neither pipe can block the other and the deadline can
/// expire.
fn collected(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(LARGEST_OUTPUT).read_to_end(&mut bytes));
        if matches!(read, Some(Ok(_))) {
            // After the deadline, the receiver no longer exists.
            let _ = sender.send(bytes);
        }
    });
    receiver
}

fn wait(child: &mut Child, ends: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < ends => std::thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}

fn stopped(child: &mut Child, deadline: Duration) -> String {
    // They may have ended by themselves: then there is nothing to kill. The shell is awaited only afterwards, so its
    // group id cannot have been reused.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
    format!("did not end within {} s", deadline.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_is_taken_off() {
        assert_eq!(run("printf 'a\\n\\n'", DEADLINE).unwrap(), "a\n");
        assert_eq!(run("printf a", DEADLINE).unwrap(), "a");
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped() {
        for command in ["sleep 9", "sleep 9 >/dev/null", "echo a; exec >/dev/null; sleep 9"] {
            assert_eq!(run(command, Duration::from_millis(50)), Err("did not end within 0.05 s".into()));
        }
    }

    #[test]
    fn what_it_started_is_stopped_with_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}; wait", file.display());
        run(&command, Duration::from_secs(3)).unwrap_err();
        let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // Possibly no process collects its status: a zombie does not count as alive.
        let lives = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            status
                .rsplit(')')
                .next()
                .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
        };
        for _ in 0..1_000 {
            if !lives() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the child of a command that was stopped still runs");
    }

    #[test]
    fn what_it_says_is_cut_and_freed_of_keys() {
        let said =
            run("echo Bearer abcdefgh1234 >&2; yes x | head -c 999 >&2; exit 1", DEADLINE).unwrap_err();
        assert!(said.starts_with("failed (exit status: 1): Bearer [redacted]"), "{said}");
        assert!(said.chars().count() < 240);
        assert_eq!(run("exit 3", DEADLINE), Err("failed (exit status: 3): it said nothing".into()));
    }
}

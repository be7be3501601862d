//! Somebody at a terminal: keys go in, what appears is looked for.

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An invocation at a terminal of its own.
pub struct Session {
    child: Child,
    master: File,
    seen: Arc<Mutex<String>>,
}

impl Session {
    /// Starts a command on the slave side of a new pseudo-terminal.
    #[allow(unsafe_code, reason = "the child has to make the terminal its own before it starts")]
    pub fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave =
            || File::from(open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        command.env("TERM", "xterm").stdin(Stdio::from(slave())).stdout(Stdio::from(slave()));
        command.stderr(Stdio::from(slave()));
        // SAFETY: both are system calls that allocate nothing.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(command);
        let master = File::from(master);
        let (seen, mut reader) = (Arc::new(Mutex::new(String::new())), master.try_clone().unwrap());
        let shown = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Self { child, master, seen }
    }

    /// Waits until the screen has shown this so many times.
    pub fn until(&self, words: &str, times: usize) {
        let start = Instant::now();
        while self.seen().matches(words).count() < times {
            assert!(start.elapsed() < Duration::from_secs(60), "no {words:?} in {}", self.seen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All that the screen has shown.
    pub fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Presses keys.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit status, and everything that was seen.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        // What was written before the end may still be on its way through the terminal.
        let start = Instant::now();
        let mut before = self.seen();
        while start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(20));
            if self.seen() == before {
                break;
            }
            before = self.seen();
        }
        (status.code(), self.seen())
    }
}

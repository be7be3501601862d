//! A terminal: a pseudo-terminal of a chosen width, and what a program draws on it.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The terminal.
pub struct Pty {
    slave: File,
    drawn: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Pty {
    /// A terminal of so many columns.
    pub fn new(columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let mut master = File::from(master);
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&drawn);
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            // The read fails once nobody holds the other side any more.
            while let Ok(read @ 1..) = master.read(&mut part) {
                shared.lock().unwrap().extend_from_slice(&part[..read]);
            }
        });
        Self { slave, drawn, reader }
    }

    /// Waits until what was drawn so far is as wanted.
    pub fn wait_until(&self, wanted: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let drawn = String::from_utf8_lossy(&self.drawn.lock().unwrap()).into_owned();
            if wanted(&drawn) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "drawn so far: {drawn:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// An end for a child. The command must be dropped before [`Pty::drawn`].
    pub fn end(&self) -> Stdio {
        Stdio::from(self.slave.try_clone().unwrap())
    }

    /// Everything that was drawn, once nobody holds the terminal any more.
    pub fn drawn(self) -> String {
        drop(self.slave);
        self.reader.join().unwrap();
        String::from_utf8_lossy(&self.drawn.lock().unwrap()).into_owned()
    }
}

/// Gives a command the default effect of SIGINT, as a terminal does. A shell that runs tests in its background has them
/// ignore it, and what is ignored stays ignored in a child.
#[allow(unsafe_code, reason = "only the child itself can change what a signal does to it")]
pub fn heed_interrupts(command: &mut Command) {
    let heed = || {
        // SAFETY: a system call without memory, allowed between fork and exec.
        match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: the closure only makes the system call above.
    unsafe { command.pre_exec(heed) };
}

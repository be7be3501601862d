//! A terminal: a pseudo-terminal of a chosen width, what a program draws on it, and somebody who types.

use super::PATIENCE;
use super::screen::screen;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
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
        let (mut master, name) = terminal(columns);
        let slave = OpenOptions::new().read(true).write(true).open(name).unwrap();
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
            assert!(start.elapsed() < PATIENCE, "drawn so far: {drawn:?}");
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

/// An invocation at a terminal.
pub struct Session {
    child: Child,
    master: File,
    seen: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

impl Session {
    /// Starts it on the slave side of a new pseudo-terminal.
    pub fn start(command: Command) -> Self {
        Self::start_behind("", command)
    }

    /// Starts it where these keys were pressed before it began.
    #[allow(unsafe_code, reason = "the child has to make the terminal its own before it starts")]
    pub fn start_behind(keys: &str, mut command: Command) -> Self {
        let (mut master, name) = terminal(80);
        let slave =
            || OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(&name).unwrap();
        command.env("TERM", "xterm").stdin(Stdio::from(slave())).stdout(Stdio::from(slave()));
        command.stderr(Stdio::from(slave()));
        master.write_all(keys.as_bytes()).unwrap();
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
        let (seen, mut reader) = (Arc::new(Mutex::new(String::new())), master.try_clone().unwrap());
        let (shown, is_over) = (Arc::clone(&seen), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let (false, Ok(read @ 1..)) = (over.load(Ordering::SeqCst), reader.read(&mut buffer)) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Self { child, master, seen, reader, is_over }
    }

    /// The process.
    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until the screen has shown this so many times.
    pub fn until(&self, words: &str, times: usize) {
        let start = Instant::now();
        while self.seen().matches(words).count() < times {
            assert!(start.elapsed() < PATIENCE, "no {words:?} in {}", self.seen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until what stands on the screen is as wanted.
    pub fn shows(&self, wanted: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let screen = screen(&self.seen());
            if wanted(&screen) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the screen is:\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Closes the terminal under a process that goes on drawing, and returns its status.
    pub fn hangs_up(self) -> ExitStatus {
        let Self { mut child, master, reader, is_over, .. } = self;
        is_over.store(true, Ordering::SeqCst);
        reader.join().unwrap();
        drop(master);
        child.wait().unwrap()
    }

    /// Reads nothing more of what is drawn, asks the process to end, and returns its status.
    pub fn ends_unread(self) -> ExitStatus {
        let Self { mut child, master, reader, is_over, .. } = self;
        is_over.store(true, Ordering::SeqCst);
        reader.join().unwrap();
        // Until the terminal is full: each width draws everything anew.
        for columns in (80..180).cycle().take(400) {
            tcsetwinsize(&master, size(columns)).unwrap();
            std::thread::sleep(Duration::from_millis(3));
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        child.wait().unwrap()
    }

    /// Everything that was drawn so far.
    pub fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Presses keys.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the terminal another width.
    pub fn resize(&self, columns: u16) {
        tcsetwinsize(&self.master, size(columns)).unwrap();
    }

    /// Whether whoever uses the terminal next sees what they type, line by line.
    pub fn is_sane(&self) -> bool {
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Whether Ctrl-C is shown as `^C`, as on every terminal.
    pub fn echoes_control(&self) -> bool {
        tcgetattr(&self.master).unwrap().local_modes.contains(LocalModes::ECHOCTL)
    }

    /// The exit status, and everything that was seen.
    pub fn ended(&mut self) -> (Option<i32>, String) {
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

/// The master's side of a new pseudo-terminal, and the name of the other.
fn terminal(columns: u16) -> (File, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    tcsetwinsize(&master, size(columns)).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (File::from(master), name)
}

fn size(columns: u16) -> Winsize {
    Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
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

//! Child processes that never outlive the tests: killed with their value, at a normal end of the test process, and by the
//! kernel at any other.

use super::fetch;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once, mpsc};
use std::thread::JoinHandle;

/// A child and the thread that started it. The kernel sends the death signal when the *thread* ends that forked, so this
/// thread stays until the child is gone; a test's own thread would not do for a server that tests share.
pub struct Process {
    pid: i32,
    gone: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it, with its output in the file `output` of `directory`. Its standard input stays open and silent as long as
    /// it runs: some programs end with it.
    pub fn start(mut command: Command, directory: &Path) -> Self {
        clean_up_at_exit();
        let output = File::create(directory.join("output")).unwrap();
        command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
        die_with_parent(&mut command);
        let gone = Arc::new(AtomicBool::new(false));
        let (tell, pid) = mpsc::channel();
        let flag = Arc::clone(&gone);
        let keeper = std::thread::spawn(move || {
            let mut child =
                command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
            tell.send(i32::try_from(child.id()).unwrap()).unwrap();
            // Waiting would close it.
            let _input = child.stdin.take();
            child.wait().unwrap();
            flag.store(true, Ordering::SeqCst);
        });
        let pid = pid.recv().expect("the child was not started");
        RUNNING.lock().unwrap().push((pid, directory.to_owned()));
        Self { pid, gone, keeper: Some(keeper) }
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        !self.gone.load(Ordering::SeqCst)
    }

    /// Sends a signal.
    #[allow(unsafe_code, reason = "signals have no safe interface in the standard library")]
    pub fn signal(&self, signal: i32) {
        if self.is_running() {
            // SAFETY: no memory is involved; the child has not been waited for, so its id is still its own.
            unsafe { libc::kill(self.pid, signal) };
        }
    }

    /// SIGKILL, which ends a stopped process too, and wait until it is gone.
    pub fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        if let Some(keeper) = self.keeper.take() {
            keeper.join().unwrap();
        }
        RUNNING.lock().unwrap().retain(|(pid, _)| *pid != self.pid);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[allow(unsafe_code, reason = "only the child itself can ask for the signal")]
fn die_with_parent(command: &mut Command) {
    let ask = || {
        // SAFETY: a system call without memory, allowed between fork and exec.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure only makes the system call above.
    unsafe { command.pre_exec(ask) };
}

/// Children still running, with the directory of each: statics are not dropped at exit.
static RUNNING: Mutex<Vec<(i32, PathBuf)>> = Mutex::new(Vec::new());

#[allow(unsafe_code, reason = "statics are not dropped, and the standard library has no hook for the end")]
fn clean_up_at_exit() {
    extern "C" fn clean_up() {
        for (pid, directory) in
            RUNNING.lock().map(|mut running| std::mem::take(&mut *running)).unwrap_or_default()
        {
            // SAFETY: no memory is involved; the id is that of a child that was not waited for. The keeper may be
            // faster in waiting, and then the wait here ends with an error at once.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, std::ptr::null_mut(), 0);
            }
            drop(fs::remove_dir_all(directory));
        }
    }
    static ONCE: Once = Once::new();
    // SAFETY: the function does not unwind and stays loaded until the process ends.
    ONCE.call_once(|| assert_eq!(unsafe { libc::atexit(clean_up) }, 0));
}

/// A new directory for a server's data. Those of test processes that were killed are removed first.
pub fn fresh_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let runs = fetch::folder().join("runs");
    fs::create_dir_all(&runs).unwrap();
    for entry in fs::read_dir(&runs).unwrap().flatten() {
        let owner = entry.file_name().to_string_lossy().split('-').next().map(str::to_owned);
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let directory = runs.join(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(&directory).unwrap();
    directory
}

//! Owns the terminal while a view is shown: raw mode and the second screen, and the way back from both at the end, at a
//! panic and at a stop by job control. Messages of panics wait until the terminal is given back.

use super::view_thread::LiveView;
use crate::output::print;
use chrono::Utc;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, getsid, kill_process};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

/// Bytes of a frame that are written at once.
const FRAME_BYTES: usize = 32 * 1024;

/// Time in which a stop reaches every thread of the process.
const STOP_SPREADS: Duration = Duration::from_millis(50);

/// Where a view is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenStream {
    Stdout,
    /// Data goes to standard output meanwhile.
    Stderr,
}

impl ScreenStream {
    fn writer(self) -> Box<dyn Write + Send> {
        match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::Stderr => Box::new(io::stderr()),
        }
    }
}

/// True if the stream of a view is a terminal that can draw, and keys come from one. `term` is the variable `TERM`.
pub fn can_show(stream_is_terminal: bool, term: Option<&str>) -> bool {
    stream_is_terminal && io::stdin().is_terminal() && !matches!(term, None | Some("" | "dumb"))
}

/// True if the terminal from which keys come has been closed.
pub fn is_gone() -> bool {
    rustix::termios::tcgetattr(io::stdin()).is_err()
}

/// Waits until keys can be read, for so long at most.
///
/// # Errors
/// The terminal has been closed. The library that reads keys would read its end for ever, and take a core for it.
pub fn wait_for_keys(longest: Duration) -> io::Result<()> {
    let stdin = io::stdin();
    let mut keys = [PollFd::new(&stdin, PollFlags::IN)];
    let longest = Timespec::try_from(longest).map_err(io::Error::other)?;
    match poll(&mut keys, Some(&longest)) {
        Err(Errno::INTR) => return Ok(()),
        done => done?,
    };
    let closed = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    if keys[0].revents().intersects(closed) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal has been closed"));
    }
    Ok(())
}

type LiveTerminal = ratatui::Terminal<CrosstermBackend<BufWriter<Box<dyn Write + Send>>>>;

/// The terminal in the hands of a view; given back when dropped.
pub struct Screen {
    terminal: LiveTerminal,
    is_ours: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// The operating system's; the terminal is then as before.
    pub fn enter(stream: ScreenStream) -> io::Result<Self> {
        let writer = BufWriter::with_capacity(FRAME_BYTES, stream.writer());
        let terminal = ratatui::Terminal::new(CrosstermBackend::new(writer))?;
        let mut screen = Self { terminal, is_ours: false };
        keep_panics();
        screen.take()?;
        Ok(screen)
    }

    /// Takes the terminal, again if somebody else has used it meanwhile, and draws everything anew at the next frame.
    ///
    /// # Errors
    /// The operating system's.
    pub fn take(&mut self) -> io::Result<()> {
        // A shell may have set other modes: what was saved before is put back first.
        disable_raw_mode()?;
        self.is_ours = true;
        SHOWN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen, Hide)?;
        // Not `clear`, which asks the terminal where its cursor is and waits for an answer.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// The operating system's.
    pub fn give_back(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_ours) {
            return Ok(());
        }
        let written = execute!(self.terminal.backend_mut(), Show, LeaveAlternateScreen);
        let restored = disable_raw_mode();
        SHOWN.store(false, Ordering::SeqCst);
        tell_panics();
        written.and(restored)
    }

    /// Stops the process as Ctrl-Z does everywhere, and takes the terminal again once it goes on.
    ///
    /// # Errors
    /// The operating system's.
    pub fn suspend(&mut self) -> io::Result<()> {
        // Nobody could wake the leader of a session: no shell waits for it.
        if getsid(None).is_ok_and(|leader| leader == getpid()) {
            return Ok(());
        }
        self.give_back()?;
        stop_process();
        self.take()
    }

    /// Draws a view. What the terminal already shows is not written.
    ///
    /// # Errors
    /// The operating system's: the terminal is gone.
    pub fn draw(&mut self, view: &mut impl LiveView) -> io::Result<()> {
        self.terminal.draw(|frame| view.draw(frame, Utc::now())).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may have gone, and then there is nothing to restore.
        let _ = self.give_back();
    }
}

/// Gives back the modes of a terminal that takes no more text.
pub fn abandon() {
    let _ = disable_raw_mode();
    SHOWN.store(false, Ordering::SeqCst);
    tell_panics();
}

/// Stops this process and returns when it goes on. Other threads stop a moment later than this call is made.
pub fn stop_process() {
    let _ = kill_process(getpid(), Signal::STOP);
    std::thread::sleep(STOP_SPREADS);
}

/// True while a view has the terminal.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Messages of panics that came meanwhile.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on a panic while a view has the terminal says its message afterwards.
fn keep_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            if SHOWN.load(Ordering::SeqCst) {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
            } else {
                before(panic);
            }
        }));
    });
}

fn tell_panics() {
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    panics.iter().for_each(|panic| print::note(&format!("error: {panic}")));
}

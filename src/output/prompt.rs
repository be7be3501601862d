//! Asks the user at the terminal. Questions go to stderr, so that stdout stays data.

use super::keys::KeyReader;
use super::picker::{Picker, PickerItem, PickerStep};
use super::text;
use dialoguer::console::Term;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// True if a user can be asked: both stdin and stderr are terminals.
pub fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Ctrl-C, as the terminal sends it while it is an ordinary key.
const CTRL_C: u8 = 3;

/// Asks a yes-or-no question; no is the default. The answer is a whole line, so that its Enter does not
/// answer the next question.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] after Ctrl-C, or the terminal's error.
pub fn confirm(question: &str) -> io::Result<bool> {
    let _asking = PromptGuard::begin(|during| {
        // Ctrl-C ends the line and arrives as a character in it.
        during.local_modes.remove(LocalModes::ISIG);
        during.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
    })?;
    let terminal = Term::stderr();
    loop {
        terminal.write_str(&format!("{} [y/N] ", text::one_line(question)))?;
        let line = line()?;
        if line.last() == Some(&CTRL_C) {
            terminal.write_line("")?;
            return Err(io::ErrorKind::Interrupted.into());
        }
        match String::from_utf8_lossy(&line).trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => terminal.write_line("y is yes, n is no; Enter alone is no")?,
        }
    }
}

/// Asks for a line of text; the answer comes without white space around it and may be empty.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] after Ctrl-C or at the end of the input, or the terminal's error.
pub fn ask_line(question: &str) -> io::Result<String> {
    let _asking = PromptGuard::begin(|during| {
        during.local_modes.remove(LocalModes::ISIG);
        during.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
    })?;
    let terminal = Term::stderr();
    terminal.write_str(&format!("{} ", text::one_line(question)))?;
    let line = line()?;
    if line.is_empty() || line.last() == Some(&CTRL_C) {
        terminal.write_line("")?;
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}

/// Reads one line from the terminal, which delivers whole lines. Does not use `io::stdin`, which would buffer what
/// follows. The rest of an extremely long line is read as the next line.
fn line() -> io::Result<Vec<u8>> {
    let mut buffer = [0; 1024];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut buffer))?;
    Ok(buffer[..read].to_vec())
}

/// Asks for one of the choices, or for `many`; empty after Escape. The list is searched by typing.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] after Ctrl-C, or the terminal's error. The list is removed from the
/// screen in any case.
pub fn choose(title: &str, choices: &[PickerItem], many: bool) -> io::Result<Vec<usize>> {
    let _asking = PromptGuard::begin(|during| {
        during.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
    })?;
    let terminal = Term::stderr();
    let mut picker = Picker::new(title, choices, many);
    let (mut keys, mut drawn) = (KeyReader::default(), Vec::new());
    let answer = loop {
        redraw(&terminal, &picker, &mut drawn)?;
        match keys.next().map(|key| picker.press(&key)) {
            Ok(PickerStep::On) => {}
            Ok(PickerStep::Taken) => break Ok(picker.taken()),
            Ok(PickerStep::Left) => break Ok(Vec::new()),
            Ok(PickerStep::Interrupted) => break Err(io::ErrorKind::Interrupted.into()),
            Err(error) => break Err(error),
        }
    };
    wipe(&terminal, &drawn)?;
    if let Ok(taken) = &answer {
        let what = match taken.as_slice() {
            [] => "none".to_owned(),
            [one] => text::one_line(&choices[*one].name),
            several => format!("{} chosen", several.len()),
        };
        terminal.write_line(&format!("{} {what}", text::one_line(title)))?;
    }
    answer
}

fn redraw(terminal: &Term, picker: &Picker<'_>, drawn: &mut Vec<String>) -> io::Result<()> {
    let (rows, columns) = terminal.size();
    wipe(terminal, drawn)?;
    *drawn = picker.lines(usize::from(rows), usize::from(columns));
    drawn.iter().try_for_each(|line| terminal.write_line(line))
}

/// Removes the drawn lines from the screen, as many as they take at its present width, which may have changed.
fn wipe(terminal: &Term, drawn: &[String]) -> io::Result<()> {
    let columns = usize::from(terminal.size().1).max(1);
    let rows = drawn.iter().map(|line| text::width(line).div_ceil(columns).max(1)).sum();
    terminal.clear_last_lines(rows)
}

/// The terminal's modes around questions.
struct PromptModes {
    /// Those before the present question, if there is one.
    before: Option<Termios>,
    /// True once a question was abandoned: then no other begins, whose modes nobody would take back.
    left: bool,
}

/// Locked while modes change, so that a question is either not begun or known when it is abandoned.
static MODES: Mutex<PromptModes> = Mutex::new(PromptModes { before: None, left: false });

fn modes() -> MutexGuard<'static, PromptModes> {
    MODES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes Ctrl-C an ordinary key while a question is open: between two reads of a key it would be a signal that
/// the question does not see. Drops input typed before the question, because it does not answer it. Restores
/// the modes when dropped.
struct PromptGuard;

impl PromptGuard {
    /// `change` sets the modes that the question needs.
    fn begin(change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let mut modes = modes();
        if modes.left {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let before = tcgetattr(io::stdin())?;
        let mut during = before.clone();
        change(&mut during);
        tcsetattr(io::stdin(), OptionalActions::Flush, &during)?;
        modes.before = Some(before);
        Ok(Self)
    }
}

impl Drop for PromptGuard {
    fn drop(&mut self) {
        give_back(&mut modes());
    }
}

/// Abandons an open question: restores the terminal's modes and its cursor.
pub fn leave() {
    let mut modes = modes();
    modes.left = true;
    give_back(&mut modes);
    drop(modes);
    drop(Term::stderr().show_cursor());
}

fn give_back(modes: &mut PromptModes) {
    let before = modes.before.take();
    // Restoring fails only if the terminal has gone, and then it does not matter.
    let _ = before.map(|before| tcsetattr(io::stdin(), OptionalActions::Drain, &before));
}

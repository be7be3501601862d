//! Questions to whoever sits at the terminal. They are asked on stderr, so that stdout stays data.

use super::picker::{Picker, PickerItem, PickerStep};
use super::text;
use dialoguer::console::Term;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

/// Whether there is somebody to ask: both stdin and stderr are terminals.
pub fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Ctrl-C, as the terminal sends it while it is a key like others.
const CTRL_C: u8 = 3;

/// Asks a yes-or-no question; no is the default. The answer is a line, so that its Enter is no answer to what is asked next.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] after Ctrl-C, or what the terminal says.
pub fn confirm(question: &str) -> io::Result<bool> {
    let _asking = PromptGuard::begin(|during| {
        // Ctrl-C ends the line, and is seen in it.
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

/// One line of the terminal, which hands lines out whole. Not through `io::stdin`, which would keep what comes behind it.
/// Of a line of an absurd length the rest is the next line.
fn line() -> io::Result<Vec<u8>> {
    let mut buffer = [0; 1024];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut buffer))?;
    Ok(buffer[..read].to_vec())
}

/// Asks for one of the choices, or for `many`; none where the answer is Escape. The list is searched by typing.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] after Ctrl-C, or what the terminal says. The list is taken from the screen in any case.
pub fn choose(title: &str, choices: &[PickerItem], many: bool) -> io::Result<Vec<usize>> {
    let _asking = PromptGuard::begin(|during| {
        during.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
    })?;
    let terminal = Term::stderr();
    let mut picker = Picker::new(title, choices, many);
    let mut drawn = Vec::new();
    let answer = loop {
        redraw(&terminal, &picker, &mut drawn)?;
        match terminal.read_key_raw().map(|key| picker.press(&key)) {
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

/// Takes lines from the screen, as many as they are at its present width: it may have been changed since.
fn wipe(terminal: &Term, drawn: &[String]) -> io::Result<()> {
    let columns = usize::from(terminal.size().1).max(1);
    let rows = drawn.iter().map(|line| text::width(line).div_ceil(columns).max(1)).sum();
    terminal.clear_last_lines(rows)
}

/// The modes that the terminal had before the question that stands, if one does.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// While a question stands, Ctrl-C is a key like others: between two reads of a key it would be a signal, and the question
/// would not know. What was typed before the question is dropped: it was no answer to it. Ends with its value.
struct PromptGuard;

impl PromptGuard {
    /// `change` says which modes the question needs.
    fn begin(change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut during = before.clone();
        change(&mut during);
        tcsetattr(io::stdin(), OptionalActions::Flush, &during)?;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        Ok(Self)
    }
}

impl Drop for PromptGuard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leaves a question that nobody is going to answer: the terminal gets its modes and its cursor back.
pub fn leave() {
    give_back();
    drop(Term::stderr().show_cursor());
}

fn give_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A terminal that has gone takes no modes, and needs none.
    let _ = before.map(|before| tcsetattr(io::stdin(), OptionalActions::Drain, &before));
}

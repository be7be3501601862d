//! The thread that draws a view and reads keys. It alone touches the terminal, so a slow store or a measurement never holds a
//! key up, and a slow terminal never holds a measurement up: news reach it through a channel that nobody waits for.

use super::keys::LiveKey;
use super::screen::{Screen, ScreenStream, abandon, wait_for_keys};
use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest time for which news wait while no key comes.
const LATENCY: Duration = Duration::from_millis(100);

/// A frame is drawn at least this often: ages grow, and a terminal that has gone is noticed.
const LONGEST_FRAME: Duration = Duration::from_secs(1);

/// A terminal that takes nothing for so long at the end (Ctrl-S, a reader that stands still) is left as it is.
const LAST_FRAME: Duration = Duration::from_secs(2);

/// Niceness of the thread where it must not disturb: that of the decode thread.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The result of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewStep {
    /// The view stays.
    On,
    /// The view ends.
    Quit,
    /// The command is asked to end, as by Ctrl-C.
    Interrupt,
}

/// A view: pure state that is told news and keys, and drawn.
pub trait LiveView: Send + 'static {
    type News: Send + 'static;
    fn apply(&mut self, news: Self::News);
    fn press(&mut self, key: LiveKey) -> ViewStep;
    fn draw(&mut self, frame: &mut Frame<'_>, now: DateTime<Utc>);
}

/// How a thread shows its view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewManner {
    pub stream: ScreenStream,
    /// Shortest time between two frames that no key asked for.
    pub pace: Duration,
    /// True if the thread gives way to every other one.
    pub is_nice: bool,
}

enum ViewMessage<N> {
    News(N),
    /// The process was asked to stop (SIGTSTP).
    Suspend,
    /// The process goes on after a stop (SIGCONT).
    Continue,
    End,
}

/// A way to tell a view something; costs as much as a push to a queue.
pub struct ViewSender<N>(Sender<ViewMessage<N>>);

impl<N> Clone for ViewSender<N> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<N> ViewSender<N> {
    /// False if the view has ended.
    pub fn tell(&self, news: N) -> bool {
        self.0.send(ViewMessage::News(news)).is_ok()
    }

    /// False if the view has ended: then somebody else has to stop the process.
    pub fn suspend(&self) -> bool {
        self.0.send(ViewMessage::Suspend).is_ok()
    }

    /// False if the view has ended.
    pub fn go_on(&self) -> bool {
        self.0.send(ViewMessage::Continue).is_ok()
    }
}

/// A view that is shown; it ends when dropped.
pub struct ShownView<N> {
    sender: ViewSender<N>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl<N: Send + 'static> ShownView<N> {
    /// Takes the terminal and shows the view.
    ///
    /// # Errors
    /// The operating system's: there is no terminal that can be used.
    pub fn start<V: LiveView<News = N>>(view: V, manner: ViewManner) -> io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let (started, has_started) = mpsc::channel();
        let thread = std::thread::Builder::new().name("view".to_owned()).spawn(move || {
            if manner.is_nice {
                // If the system refuses, the thread draws at normal priority.
                #[cfg(target_os = "linux")]
                let _ = rustix::process::setpriority_process(None, NICENESS);
            }
            match Screen::enter(manner.stream) {
                Ok(screen) => {
                    let _ = started.send(Ok(()));
                    show(view, screen, &inbox, manner.pace)
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    Ok(())
                }
            }
        })?;
        has_started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread of the view ended")))?;
        Ok(Self { sender: ViewSender(messages), thread: Some(thread) })
    }

    pub fn sender(&self) -> ViewSender<N> {
        self.sender.clone()
    }

    /// Ends the view and gives the terminal back.
    ///
    /// # Errors
    /// The reason for which it had ended before: the terminal is gone, or a panic. `TimedOut`: the terminal takes nothing
    /// more, and whoever writes to it waits.
    pub fn end(mut self) -> io::Result<()> {
        self.finish()
    }
}

impl<N> ShownView<N> {
    fn finish(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let _ = self.sender.0.send(ViewMessage::End);
        let begun = Instant::now();
        while !thread.is_finished() {
            if begun.elapsed() > LAST_FRAME {
                abandon();
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it took nothing more"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the view panicked")))
    }
}

impl<N> Drop for ShownView<N> {
    fn drop(&mut self) {
        // Whoever drops a view has no use for the reason.
        let _ = self.finish();
    }
}

/// Draws until the view or its owner ends it.
fn show<V: LiveView>(
    mut view: V,
    mut screen: Screen,
    inbox: &Receiver<ViewMessage<V::News>>,
    pace: Duration,
) -> io::Result<()> {
    let mut drawn: Option<Instant> = None;
    let mut is_changed = true;
    loop {
        match heed(&mut view, &mut screen, inbox)? {
            Heard::End => return screen.give_back(),
            Heard::Something => is_changed = true,
            Heard::Nothing => {}
        }
        let age = drawn.map_or(LONGEST_FRAME, |at| at.elapsed());
        if age >= LONGEST_FRAME || (is_changed && age >= pace) {
            screen.draw(&mut view)?;
            (drawn, is_changed) = (Some(Instant::now()), false);
        }
        wait_for_keys(LATENCY)?;
        if !event::poll(Duration::ZERO)? {
            continue;
        }
        // Whatever has been typed is taken before the next frame.
        while event::poll(Duration::ZERO)? {
            match react(&mut view, &mut screen, &event::read()?)? {
                ViewStep::On => {}
                ViewStep::Quit => return screen.give_back(),
                ViewStep::Interrupt => drop(kill_process(getpid(), Signal::INT)),
            }
        }
        (drawn, is_changed) = (None, true);
    }
}

/// What came through the channel.
enum Heard {
    Nothing,
    Something,
    End,
}

fn heed<V: LiveView>(
    view: &mut V,
    screen: &mut Screen,
    inbox: &Receiver<ViewMessage<V::News>>,
) -> io::Result<Heard> {
    let mut heard = Heard::Nothing;
    loop {
        match inbox.try_recv() {
            Ok(ViewMessage::News(news)) => view.apply(news),
            Ok(ViewMessage::Suspend) => screen.suspend()?,
            Ok(ViewMessage::Continue) => screen.take()?,
            Ok(ViewMessage::End) | Err(TryRecvError::Disconnected) => return Ok(Heard::End),
            Err(TryRecvError::Empty) => return Ok(heard),
        }
        heard = Heard::Something;
    }
}

fn react<V: LiveView>(view: &mut V, screen: &mut Screen, event: &Event) -> io::Result<ViewStep> {
    let Event::Key(key) = event else { return Ok(ViewStep::On) };
    match LiveKey::of(*key) {
        Some(LiveKey::Interrupt) => return Ok(ViewStep::Interrupt),
        Some(LiveKey::Suspend) => screen.suspend()?,
        Some(LiveKey::Redraw) => screen.take()?,
        Some(key) => return Ok(view.press(key)),
        None => {}
    }
    Ok(ViewStep::On)
}

//! Wakes tasks at absolute moments of the monotonic clock, to some tens of microseconds on Linux. tokio's own timers
//! round up to whole milliseconds, which is too coarse for a server whose timing is the reference.

use super::clock;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Hands out alarms; cheap to clone. A task has to poll [`Timer::run`].
#[derive(Clone)]
pub struct Timer(Arc<TimerState>);

struct TimerState {
    waiting: Mutex<AlarmQueue>,
    bell: bell::Bell,
}

/// Waiting tasks, by moment; the second number tells two waiters for one moment apart.
#[derive(Default)]
struct AlarmQueue {
    issued: u64,
    by_due: BTreeMap<(u64, u64), Waker>,
    bell_at: u64,
    lead: WakeupLead,
}

impl AlarmQueue {
    fn first(&self) -> Option<u64> {
        self.by_due.first_key_value().map(|(key, _)| key.0)
    }
}

/// Nanoseconds by which the bell is set earlier than due: about as long as the machine takes to wake up, learned from
/// each ring. A virtual machine that sleeps deeply needs 0.1 ms, a busy one almost nothing. The timer spins for the
/// remaining time, so the learned value also bounds the CPU time that this burns.
#[derive(Default)]
struct WakeupLead(u64);

/// The longest lead, in nanoseconds.
const MAX_LEAD: u64 = 200_000;

impl WakeupLead {
    /// Falls fast and rises slowly: a late ring is more often a busy loop than a slow machine.
    fn learn(&mut self, latency: u64) {
        self.0 =
            if latency < self.0 { self.0 - (self.0 - latency) / 4 } else { self.0 + (latency - self.0) / 16 };
        self.0 = self.0.min(MAX_LEAD);
    }
}

impl Timer {
    /// Makes a timer inside a tokio runtime with I/O and time enabled. Fails if the
    /// kernel has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(TimerState { waiting: Mutex::default(), bell: bell::Bell::new()? })))
    }

    /// Wakes every task that is due, for ever. Ends only if the kernel's timer fails.
    pub async fn run(self) -> io::Result<()> {
        loop {
            self.0.bell.ring().await?;
            for waker in self.take_due()? {
                waker.wake();
            }
        }
    }

    /// An alarm that is not set yet.
    pub fn alarm(&self) -> Alarm {
        Alarm { timer: self.clone(), key: None }
    }

    fn waiting(&self) -> MutexGuard<'_, AlarmQueue> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_due(&self) -> io::Result<Vec<Waker>> {
        let mut waiting = self.waiting();
        let mut now = clock::now();
        if waiting.bell_at != 0 && now >= waiting.bell_at {
            let latency = now - waiting.bell_at;
            waiting.lead.learn(latency);
        }
        // Spins once, for the first waiter only: a woken task must not wait for the next one's turn.
        if let Some(first) = waiting.first().filter(|first| *first <= now + waiting.lead.0) {
            now = spin_until(first);
        }
        let mut due = Vec::new();
        while waiting.first().is_some_and(|first| first <= now) {
            due.extend(waiting.by_due.pop_first().map(|(_, waker)| waker));
        }
        let next = waiting.first();
        self.set_bell(&mut waiting, next)?;
        Ok(due)
    }

    fn insert(&self, due: u64, waker: Waker) -> io::Result<(u64, u64)> {
        let mut waiting = self.waiting();
        waiting.issued += 1;
        let key = (due, waiting.issued);
        let is_first = waiting.first().is_none_or(|first| due < first);
        waiting.by_due.insert(key, waker);
        if is_first {
            self.set_bell(&mut waiting, Some(due))?;
        }
        Ok(key)
    }

    fn set_bell(&self, waiting: &mut AlarmQueue, due: Option<u64>) -> io::Result<()> {
        // The latency of a bell that was set for the past says nothing.
        let at = due.map_or(0, |due| due.saturating_sub(waiting.lead.0).max(1));
        waiting.bell_at = if at > clock::now() { at } else { 0 };
        if at == 0 { Ok(()) } else { self.0.bell.set(at) }
    }
}

fn spin_until(due: u64) -> u64 {
    loop {
        let now = clock::now();
        if now >= due {
            return now;
        }
        std::hint::spin_loop();
    }
}

/// One waiter, for one moment after another. Dropping it forgets the moment.
pub struct Alarm {
    timer: Timer,
    key: Option<(u64, u64)>,
}

impl Alarm {
    /// Ready once `due` (nanoseconds of [`clock::now`]) has come.
    pub fn poll_until(&mut self, cx: &mut Context<'_>, due: u64) -> Poll<io::Result<()>> {
        self.clear();
        if clock::now() >= due {
            return Poll::Ready(Ok(()));
        }
        self.key = Some(self.timer.insert(due, cx.waker().clone())?);
        Poll::Pending
    }

    fn clear(&mut self) {
        if let Some(key) = self.key.take() {
            self.timer.waiting().by_due.remove(&key);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(target_os = "linux")]
mod bell {
    //! A timerfd in the runtime's own poll set: no additional thread, and no timer slack.

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::io;
    use std::os::fd::AsFd;
    use tokio::net::unix::pipe::Receiver;

    /// tokio has no timerfd, and its general `AsyncFd` needs unsafe code. A pipe's reading end does just what is
    /// needed: wait until readable, read.
    pub struct Bell(Receiver);

    impl Bell {
        pub fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(Receiver::from_owned_fd_unchecked(timer)?))
        }

        pub fn set(&self, due: u64) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            // All zeros would switch the timer off.
            let due = due.max(1);
            let at = Timespec { tv_sec: (due / 1_000_000_000) as i64, tv_nsec: (due % 1_000_000_000) as i64 };
            let spec = Itimerspec { it_interval: zero, it_value: at };
            timerfd_settime(self.0.as_fd(), TimerfdTimerFlags::ABSTIME, &spec)?;
            Ok(())
        }

        pub async fn ring(&self) -> io::Result<()> {
            self.0.readable().await?;
            // tokio waits again only after a read that found nothing. If the first read finds
            // nothing, the timer was set anew.
            loop {
                match self.0.try_read(&mut [0_u8; 8]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod bell {
    //! tokio's own timer on systems without timerfd: tokens may leave a millisecond late, and the truth says so.

    use crate::simulator::clock;
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;
    use tokio::sync::Notify;

    pub struct Bell {
        due: AtomicU64,
        changed: Notify,
    }

    impl Bell {
        pub fn new() -> io::Result<Self> {
            Ok(Self { due: AtomicU64::new(u64::MAX), changed: Notify::new() })
        }

        pub fn set(&self, due: u64) -> io::Result<()> {
            self.due.store(due, Ordering::SeqCst);
            self.changed.notify_one();
            Ok(())
        }

        pub async fn ring(&self) -> io::Result<()> {
            loop {
                let due = self.due.load(Ordering::SeqCst);
                let wait = due.saturating_sub(clock::now()).min(3_600_000_000_000);
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_nanos(wait)) => break,
                    () = self.changed.notified() => {}
                }
            }
            self.due.store(u64::MAX, Ordering::SeqCst);
            Ok(())
        }
    }
}

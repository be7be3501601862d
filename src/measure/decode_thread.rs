//! The decode thread: a low-priority thread that decodes recordings after their streams have ended, so that parsing
//! one answer never competes with stamping another.

use std::sync::mpsc;
use tokio::sync::oneshot;

type DecodeJob = Box<dyn FnOnce() + Send>;

/// Niceness of the decode thread (19 is the most). On a busy machine its work waits; the stamps do not.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// A handle to the decode thread; the thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct DecodeThread {
    tasks: mpsc::Sender<DecodeJob>,
}

/// The job panicked; the thread continued with the next one.
#[derive(Debug, thiserror::Error)]
#[error("decoding ended without a result")]
pub struct DecodePanicked;

impl DecodeThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's error if it cannot create the thread.
    pub fn start() -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel::<DecodeJob>();
        std::thread::Builder::new().name("decode".to_owned()).spawn(move || {
            // If the system refuses, the decode thread works at normal priority, as it does on
            // systems that set priority per process.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(None, NICENESS);
            for task in inbox {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
            }
        })?;
        Ok(Self { tasks })
    }

    /// Runs a closure on the decode thread and returns its result.
    ///
    /// # Errors
    /// [`DecodePanicked`] if the closure panicked.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DecodePanicked> {
        let (done, result) = oneshot::channel();
        let task: DecodeJob = Box::new(move || {
            let _ = done.send(work());
        });
        self.tasks.send(task).map_err(|_| DecodePanicked)?;
        result.await.map_err(|_| DecodePanicked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_desk_goes_on() {
        let decode_thread = DecodeThread::start().unwrap();
        assert!(decode_thread.work(|| -> u8 { panic!("planted") }).await.is_err());
        assert_eq!(decode_thread.work(|| 7).await.unwrap(), 7);
    }
}

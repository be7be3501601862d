//! The decode thread behind the measuring thread: a thread of low priority that decodes recordings after their streams have ended,
//! so that parsing one answer never competes with stamping another.

use std::sync::mpsc;
use tokio::sync::oneshot;

type DecodeJob = Box<dyn FnOnce() + Send>;

/// How much the decode thread yields to everything else (19 is the most). On a busy machine its work waits; the stamps do not.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// A handle to the decode thread; its thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct DecodeThread {
    tasks: mpsc::Sender<DecodeJob>,
}

/// The work panicked; its thread went on with the next.
#[derive(Debug, thiserror::Error)]
#[error("decoding ended without a result")]
pub struct DecodePanicked;

impl DecodeThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's, where no thread can be had.
    pub fn start() -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel::<DecodeJob>();
        std::thread::Builder::new().name("decode".to_owned()).spawn(move || {
            // Where the system refuses, the decode thread works at normal priority; so it does where a priority belongs to a whole
            // process.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(None, NICENESS);
            for task in inbox {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
            }
        })?;
        Ok(Self { tasks })
    }

    /// Does a piece of work at the decode thread and gives its result.
    ///
    /// # Errors
    /// [`DecodePanicked`], where the work panicked.
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

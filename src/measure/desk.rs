//! The desk behind the measuring thread: a thread of low priority that decodes recordings after their streams have ended,
//! so that parsing one answer never competes with stamping another.

use std::sync::mpsc;
use tokio::sync::oneshot;

type Task = Box<dyn FnOnce() + Send>;

/// How much the desk yields to everything else (19 is the most). On a busy machine its work waits; the stamps do not.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// A handle to the desk; its thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Desk {
    tasks: mpsc::Sender<Task>,
}

/// The work panicked; its thread went on with the next.
#[derive(Debug, thiserror::Error)]
#[error("decoding ended without a result")]
pub struct NoResult;

impl Desk {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's, where no thread can be had.
    pub fn start() -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel::<Task>();
        std::thread::Builder::new().name("decode".to_owned()).spawn(move || {
            // Where the system refuses, the desk works at normal priority; so it does where a priority belongs to a whole
            // process.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(None, NICENESS);
            for task in inbox {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
            }
        })?;
        Ok(Self { tasks })
    }

    /// Does a piece of work at the desk and gives its result.
    ///
    /// # Errors
    /// [`NoResult`], where the work panicked.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoResult> {
        let (done, result) = oneshot::channel();
        let task: Task = Box::new(move || {
            let _ = done.send(work());
        });
        self.tasks.send(task).map_err(|_| NoResult)?;
        result.await.map_err(|_| NoResult)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_desk_goes_on() {
        let desk = Desk::start().unwrap();
        assert!(desk.work(|| -> u8 { panic!("planted") }).await.is_err());
        assert_eq!(desk.work(|| 7).await.unwrap(), 7);
    }
}

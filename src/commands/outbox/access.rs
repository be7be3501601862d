//! Finds the access to the outbox of a state directory: the daemon that has it open, the file itself, or none if there
//! is no outbox yet.

use crate::commands::exit::{CommandError, Exit};
use crate::outbox::control_socket::{ControlLine, OutboxRequest, SOCKET};
use crate::outbox::{Outbox, OutboxCapacity, OutboxError, control_socket};
use crate::output::print;
use std::path::{Path, PathBuf};

/// The access to an outbox.
pub enum OutboxAccess {
    /// The daemon, over this socket.
    Daemon(PathBuf),
    /// The file, opened by this process.
    Here(Outbox),
    /// There is no outbox in this directory.
    Nowhere(PathBuf),
}

impl OutboxAccess {
    /// Finds the access, and opens the file unless another process has it open.
    ///
    /// # Errors
    /// Status 2 if the outbox cannot be used.
    pub async fn find(state_dir: &Path) -> Result<Self, CommandError> {
        let directory = state_dir.join("outbox");
        if !directory.join("outbox.db").exists() {
            return Ok(OutboxAccess::Nowhere(directory));
        }
        match Outbox::open(&directory, OutboxCapacity::default()).await {
            Ok((outbox, opening)) => {
                for aside in &opening.damaged {
                    print::note(&format!("damaged and set aside: {}", aside.display()));
                }
                if !opening.interrupted.is_empty() {
                    let count = opening.interrupted.len();
                    print::note(&format!(
                        "calls whose process died, now failures of the kind interrupted: {count}"
                    ));
                }
                opening.notes.iter().for_each(|note| print::note(note));
                Ok(OutboxAccess::Here(outbox))
            }
            Err(OutboxError::Locked { .. }) => Ok(OutboxAccess::Daemon(state_dir.join(SOCKET))),
            Err(error) => Err(failed(&error.to_string())),
        }
    }

    /// Sends a request and returns the lines of the answer.
    ///
    /// # Errors
    /// Status 75 if the daemon does not answer, 2 if the file cannot be read.
    pub async fn ask(&self, request: OutboxRequest) -> Result<Vec<ControlLine>, CommandError> {
        match self {
            OutboxAccess::Nowhere(directory) => {
                if request == OutboxRequest::Depth {
                    print::note(&format!("there is no outbox in {}: no daemon has run", directory.display()));
                }
                Ok(Vec::new())
            }
            OutboxAccess::Here(outbox) => {
                control_socket::answer(outbox, request).await.map_err(|error| failed(&error.to_string()))
            }
            OutboxAccess::Daemon(socket) => {
                control_socket::ask(socket, &request).await.map_err(|why| failed(&why).exit(Exit::NotStored))
            }
        }
    }

    /// Closes the file if this process has opened it.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn close(self) -> Result<(), CommandError> {
        match self {
            OutboxAccess::Here(outbox) => outbox.close().await.map_err(|error| failed(&error.to_string())),
            _ => Ok(()),
        }
    }
}

fn failed(why: &str) -> CommandError {
    CommandError::usage(why).hint("TROUBLESHOOTING.md, \"The outbox\"")
}

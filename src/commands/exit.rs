//! The end of a command: a status for scripts, and an error with cause, place and remedy.

use std::fmt;

/// The exit statuses. Scripts rely on them: a number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success, or the answer is yes.
    Yes,
    /// The answer is no: a run failed, a gate tripped, nothing was measured.
    No,
    /// Wrong usage or configuration.
    Usage,
    /// The answer of a health check: measuring does not work as it should, or its state is unknown.
    Unhealthy,
    /// Not stored yet: results wait locally, or the store cannot be reached.
    NotStored,
    /// Interrupted; finished results are stored.
    Interrupted,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unhealthy => 3,
            Exit::NotStored => 75,
            Exit::Interrupted => 130,
        }
    }
}

/// The reason why a command failed.
#[derive(Debug)]
pub struct CommandError {
    /// The exit status of the process.
    pub exit: Exit,
    /// Cause and place, without secrets.
    pub message: String,
    pub hint: Option<String>,
}

impl CommandError {
    /// An error of usage or configuration.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string(), hint: None }
    }

    /// Changes the exit status.
    #[must_use]
    pub fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Adds a hint with the remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

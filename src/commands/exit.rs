//! How commands end: a status for scripts, and an error that says what, where and how to fix it.

use std::fmt;

/// The exit statuses. Scripts rely on them: a number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It worked, and the answer is yes.
    Yes,
    /// The answer is no: a run failed, a gate tripped, nothing was measured.
    No,
    /// Wrong usage or configuration.
    Usage,
    /// Measuring does not go as it should, or nobody can tell: the answer of a health check.
    Unhealthy,
    /// Not stored yet: results wait locally, or the store cannot be reached.
    NotStored,
    /// Interrupted; what was finished is stored.
    Interrupted,
}

impl Exit {
    /// The number.
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

/// Why a command could not do its work.
#[derive(Debug)]
pub struct CommandError {
    /// The status to end with.
    pub exit: Exit,
    /// What went wrong and where, without secrets.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl CommandError {
    /// Wrong usage or configuration.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string(), hint: None }
    }

    /// The same, with another status.
    #[must_use]
    pub fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The same, with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

//! Data on standard output. If a write fails, for example on a full disk, the command ends with status 1; a reader that
//! has closed the pipe is no error.

use crate::commands::exit::{CommandError, Exit};
use crate::output::print;
use serde_json::Value;
use std::io;

/// Writes a text as it is.
///
/// # Errors
/// Status 1 with the operating system's message.
pub fn text(text: &str) -> Result<(), CommandError> {
    print::data(text).map(drop).map_err(|error| refused(&error))
}

/// Writes a document for programs.
///
/// # Errors
/// As in [`text`].
pub fn document(document: &Value) -> Result<(), CommandError> {
    text(&format!("{document:#}\n"))
}

/// The error of a failed write to standard output.
pub fn refused(error: &io::Error) -> CommandError {
    CommandError::usage(format!("standard output takes no more: {error}")).exit(Exit::No)
}

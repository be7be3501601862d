//! Data on standard output. Where it takes no more, a full disk for example, the command ends with status 1; a reader that
//! has gone has seen what it wanted.

use crate::commands::exit::{CommandError, Exit};
use crate::output::print;
use serde_json::Value;
use std::io;

/// Writes a text as it is.
///
/// # Errors
/// Status 1 with the operating system's words.
pub fn text(text: &str) -> Result<(), CommandError> {
    print::data(text).map(drop).map_err(|error| refused(&error))
}

/// Writes a document for programs.
///
/// # Errors
/// As [`text`].
pub fn document(document: &Value) -> Result<(), CommandError> {
    text(&format!("{document:#}\n"))
}

/// The error of a standard output that takes no more.
pub fn refused(error: &io::Error) -> CommandError {
    CommandError::usage(format!("standard output takes no more: {error}")).exit(Exit::No)
}

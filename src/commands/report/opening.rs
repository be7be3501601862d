//! Opens a page in the browser of whoever sits at the terminal.

use crate::output::print;
use crate::output::text::escape;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program that opens files as their owner wishes.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens it; where that fails, says what to open.
pub fn open(page: &Path) {
    let page = std::fs::canonicalize(page).unwrap_or_else(|_| page.to_owned());
    let mut command = Command::new(OPENER);
    command.arg(&page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        let shown = escape(&page.to_string_lossy());
        print::note(&format!("{OPENER} cannot be started ({error}): open {shown} yourself"));
    }
}

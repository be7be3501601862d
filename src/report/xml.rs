//! Text for files that are read as XML, where HTML would forgive more.

use crate::output::text as words;

/// Text with hidden characters as escapes, and without the two that XML does not allow at all.
pub(super) fn xml_text(text: &str) -> String {
    words::escaped(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

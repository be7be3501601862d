//! What each word does: settings in, exit status out. The place where measuring, storing and showing are joined; no
//! layer below knows that there is a command line.

pub mod exit;
pub mod interrupt;

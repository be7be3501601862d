//! The published page: its pictures, the feed of changes, badges, and the description of the data files.

pub mod charts;
pub mod contents;
pub mod page;
pub mod site;

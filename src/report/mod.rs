//! The published page: its pictures, the feed of changes, badges, and the description of the data files.

pub mod badges;
pub mod charts;
pub mod feed;
#[cfg(test)]
mod markup_check;
pub mod openapi;
mod xml;

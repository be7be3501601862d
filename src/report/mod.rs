//! The published page: what stands on it, its pages, pictures, the feed of changes, badges, the description of the data
//! files, and the files of a site.

pub mod badges;
pub mod charts;
pub mod contents;
pub mod feed;
#[cfg(test)]
mod markup_check;
pub mod openapi;
pub mod page;
pub mod site;
mod xml;

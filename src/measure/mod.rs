//! statistics. Knows providers; does not know storage, the command line or the terminal.

pub mod desk;
pub mod lag;
pub mod load;
pub mod meter;
pub mod quality;
pub mod timeline;
pub mod tokens;

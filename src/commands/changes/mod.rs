//! Changes of series: finds them in blocks and keeps them. One code path for `llmbench results changes` and for daemons:
//! blocks are brought up to date from rows, then the series whose blocks changed are looked at.

pub mod evidence;
mod fact_cache;
pub mod level_cache;
mod look;
pub mod teller;
mod up_to_date;
pub mod watch;

pub use look::look;
pub use up_to_date::up_to_date;

/// Days of which rows that arrived late are looked for by a command, and once a day by a daemon.
pub const LATE_DAYS: i64 = 30;

/// The same after each block.
pub const LATE_DAYS_OFTEN: i64 = 2;

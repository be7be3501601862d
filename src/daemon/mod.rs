//! Measuring around the clock: due → claim → intend → measure → accept → send → confirmed. What is decided (what is due,
//! who may be asked, what it may cost, what a lane is doing) are pure functions of what is known and of the time, which is
//! always passed in; the engine around them does the waiting.
//!
//! The pure part: [`schedule`], [`pace`], [`budget`], [`price`], [`quarantine`], [`admission`], [`governor`], [`state`],
//! [`roster`], [`work`], [`order`], [`book`]. The engine: [`engine`] starts and watches a [`lane`] for each provider; a lane begins [`call`]s on a
//! [`bench`]; [`steward`] decides who is measured at all, [`keeper`] is the store that may be away, [`rounds`] what is
//! asked of it again and again. What happens is told in [`event`]s; what is made of them for people and monitors is
//! [`telemetry`], what ends a process that stands still [`watchdog`], and [`signs`] is where the engine feeds both.
//! [`selfcheck`] looks at the whole of the data.

pub mod admission;
pub mod bench;
pub mod book;
pub mod budget;
pub mod call;
pub mod clock;
pub mod engine;
pub mod event;
pub mod governor;
pub mod keeper;
pub mod known;
pub mod lane;
pub mod memory;
pub mod order;
pub mod owner;
pub mod pace;
pub mod price;
pub mod quarantine;
pub mod roster;
pub mod rounds;
pub mod schedule;
pub mod selfcheck;
pub mod shared;
pub mod signs;
pub mod stamps;
pub mod state;
pub mod steward;
pub mod telemetry;
pub mod watchdog;
pub mod work;

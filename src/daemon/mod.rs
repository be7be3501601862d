//! Measuring around the clock: due → claim → intend → measure → accept → send → confirmed. What is decided (what is due,
//! who may be asked, what it may cost, what a lane is doing) are pure functions of what is known and of the time, which is
//! always passed in; the engine around them does the waiting.
//!
//! The pure part: [`schedule`], [`pacing`], [`budget`], [`price`], [`quarantine`], [`admission`], [`governor`], [`lane_status`],
//! [`roster`], [`series_work`], [`measurement_order`], [`lane_state`]. The engine: [`engine`] starts and watches a [`lane`] for each provider; a lane begins [`order_execution`]s on a
//! [`provider_client`]; [`catalog_policy`] decides who is measured at all, [`store_handle`] is the store that may be away, [`store_sync`] what is
//! asked of it again and again. What happens is told in [`event`]s; what is made of them for people and monitors is
//! [`telemetry`], what ends a process that stands still [`watchdog`], and [`liveness`] is where the engine feeds both.
//! [`self_check`] looks at the whole of the data.

pub mod admission;
pub mod budget;
pub mod catalog_cache;
pub mod catalog_policy;
pub mod clock;
pub mod engine;
pub mod event;
pub mod governor;
pub mod lane;
pub mod lane_state;
pub mod lane_status;
pub mod liveness;
pub mod measurement_order;
pub mod memory_trim;
pub mod order_execution;
pub mod owner_id;
pub mod pacing;
pub mod price;
pub mod provider_client;
pub mod quarantine;
pub mod roster;
pub mod row_annotations;
pub mod schedule;
pub mod self_check;
pub mod series_work;
pub mod shared;
pub mod status_file;
pub mod store_handle;
pub mod store_sync;
pub mod telemetry;
pub mod watchdog;

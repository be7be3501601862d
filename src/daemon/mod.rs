//! Measures around the clock: due → claim → intend → measure → accept → send → confirmed. Decisions are pure functions
//! of known facts and of the time, which is always an argument; the engine around them does the waiting.
//!
//! The pure part: [`schedule`], [`turn_times`], [`sampling_plan`], [`pacing`], [`budget`], [`price`], [`quarantine`], [`admission`], [`governor`],
//! [`lane_status`], [`roster`], [`series_work`], [`measurement_order`], [`lane_state`]. The [`engine`] starts and
//! watches one [`lane`] per provider; a lane begins [`order_execution`]s, which make [`request_execution`]s on a
//! [`provider_client`]. [`catalog_policy`]
//! decides which models are measured, [`store_handle`] is the store that may be unreachable, and [`store_sync`] polls
//! it. [`event`]s report progress, [`telemetry`] presents them, [`liveness`] connects the engine to it and to the
//! [`watchdog`], which ends a process that hangs. [`calibration_gate`] keeps lanes still while their host is
//! calibrated, [`self_check`] checks the stored data as a whole, and [`model_status`] keeps where
//! each model is in its lifecycle.

pub mod admission;
pub mod budget;
pub mod calibration_gate;
pub mod catalog_cache;
pub mod catalog_policy;
pub mod clock;
pub mod context;
pub mod engine;
pub mod event;
pub mod governor;
pub mod lane;
pub mod lane_state;
pub mod lane_status;
pub mod liveness;
pub mod measurement_order;
pub mod memory_trim;
pub mod model_status;
pub mod order_execution;
pub mod owner_id;
pub mod pacing;
pub mod price;
pub mod provider_client;
pub mod quarantine;
pub mod request_execution;
pub mod roster;
pub mod row_annotations;
pub mod sampling_plan;
pub mod schedule;
pub mod self_check;
pub mod series_work;
pub mod status_file;
pub mod store_handle;
pub mod store_sync;
pub mod telemetry;
pub mod turn_times;
pub mod watchdog;

//! Calibrations of hosts: one document each, by the id that rows name. A host makes one a day, and none is deleted, because
//! its rows stay.

pub(super) mod mongo;
pub(super) mod sqlite;

use crate::domain::calibration::KeptCalibration;
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

#[async_trait]
pub trait CalibrationStore: Send + Sync {
    /// Keeps a calibration with all of its fields. One whose id is there already stays as it is.
    async fn keep_calibration(&self, calibration: &KeptCalibration) -> Result<(), StoreError>;

    /// The calibrations of a host, the newest first, up to `most`.
    async fn calibrations(&self, host: &str, most: u32) -> Result<Vec<KeptCalibration>, StoreError>;

    /// The newest calibration of each host that has made one since a moment, and of each daemon where several run on it;
    /// sorted by host and daemon.
    async fn newest_calibrations(&self, since: DateTime<Utc>) -> Result<Vec<KeptCalibration>, StoreError>;
}

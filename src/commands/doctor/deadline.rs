//! The time that one check may take.

use std::future::Future;
use std::time::Duration;

/// The deadline of one check.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Awaits `work` for at most [`DEADLINE`].
///
/// # Errors
/// A sentence with the deadline.
pub(super) async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> Result<T, String> {
    let ended = tokio::time::timeout(DEADLINE, work).await;
    ended.map_err(|_| format!("{what} did not end within {} s", DEADLINE.as_secs()))
}

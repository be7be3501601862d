//! Asks the gcloud command, the last resort of the search for a login.

use super::GoogleError;
use super::grants::AccessToken;
use crate::domain::secret::Secret;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// gcloud does not say how long its token lives; an hour is what Google gives.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A token of the account that gcloud is logged in with.
///
/// # Errors
/// [`GoogleError::NoLogin`], where there is no gcloud or no account.
pub(super) async fn token() -> Result<AccessToken, GoogleError> {
    let printed = run(&["auth", "print-access-token", "--quiet"]).await.ok_or(GoogleError::NoLogin)?;
    let secret = Secret::key(printed).map_err(|_| GoogleError::NoLogin)?;
    Ok(AccessToken::new(secret, LIFETIME))
}

/// The project that gcloud is set to.
pub(super) async fn project() -> Option<String> {
    run(&["config", "get-value", "project"]).await
}

/// What a successful gcloud printed; `None` where it printed nothing.
async fn run(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("gcloud");
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    let printed = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!printed.is_empty()).then_some(printed)
}

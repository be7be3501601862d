//! Runs the gcloud command, the last resort of the search for a login.

use super::error::GoogleError;
use crate::domain::secret::Secret;
use crate::providers::access_token::AccessToken;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// gcloud does not report the lifetime of its token; Google's default is an hour.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A token of the account with which gcloud is logged in.
///
/// # Errors
/// [`GoogleError::NoLogin`] if there is no gcloud or no account.
pub(super) async fn token() -> Result<AccessToken, GoogleError> {
    let printed = run(&["auth", "print-access-token", "--quiet"]).await.ok_or(GoogleError::NoLogin)?;
    let secret = Secret::key(printed).map_err(|_| GoogleError::NoLogin)?;
    Ok(AccessToken::new(secret, LIFETIME))
}

/// The project configured in gcloud.
pub(super) async fn project() -> Option<String> {
    run(&["config", "get-value", "project"]).await
}

/// The output of a successful gcloud; `None` if it is empty.
async fn run(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("gcloud");
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    let printed = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!printed.is_empty()).then_some(printed)
}

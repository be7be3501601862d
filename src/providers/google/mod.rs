//! Tokens of Google Cloud from application default credentials, fetched before any clock starts. Where they are used is
//! `providers::vertex`. Order as in Google's own libraries: the file that the environment names, gcloud's file, the
//! metadata server, and last the gcloud command. Why no library does this: docs/decisions/062.

mod credentials_file;
mod gcloud;
mod grants;
mod login;
mod service_account;
mod subject_token;
#[cfg(test)]
mod tests;
mod token_client;

pub use login::{GoogleLogin, GoogleSearch};

use crate::domain::env_vars::GOOGLE_APPLICATION_CREDENTIALS;
use std::path::PathBuf;
use std::time::Duration;

/// The one scope that Vertex knows.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Google's metadata server.
const METADATA_HOST: &str = "metadata.google.internal";

/// How long one step (finding a login, fetching a token) may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// What can stand in for a login that is not understood.
const OTHER_WAY: &str =
    "key_command = \"gcloud auth application-default print-access-token\" under [providers.vertex]";

/// Why there is no token, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoogleError {
    /// The named file cannot be read.
    #[error("{GOOGLE_APPLICATION_CREDENTIALS} names {}, which cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The file holds a kind of credentials that is not understood.
    #[error(
        "{} holds credentials of the type `{kind}`; understood are service_account, authorized_user, external_account and \
         impersonated_service_account. Set {OTHER_WAY} instead",
        path.display()
    )]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The type that it names.
        kind: String,
    },
    /// The file is broken.
    #[error("{} is no usable credentials file: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why; nothing of its content but names of fields.
        reason: String,
    },
    /// Nothing was found anywhere.
    #[error(
        "no Google credentials were found: set {GOOGLE_APPLICATION_CREDENTIALS} to the JSON key file of a service \
         account, or run `gcloud auth application-default login`"
    )]
    NoLogin,
    /// Google was asked and gave no token.
    #[error(
        "Google gave no token ({0}): is the service account's key still active, the login fresh (`gcloud auth \
         application-default login`), and the clock right?"
    )]
    Refused(String),
    /// Nobody answered.
    #[error("Google's token server did not answer within {} s", DEADLINE.as_secs())]
    Late,
}

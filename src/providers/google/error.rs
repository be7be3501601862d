//! The reasons why there is no token, and what every way to one needs to know.

use crate::domain::env_vars::GOOGLE_APPLICATION_CREDENTIALS;
use crate::providers::token_client::{DEADLINE, TokenRefused};
use std::path::PathBuf;

/// The only scope of Vertex.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

pub(super) const METADATA_HOST: &str = "metadata.google.internal";

/// Alternatives to an unsupported login.
pub(super) const OTHER_WAY: &str =
    "key_command = \"gcloud auth application-default print-access-token\" under [providers.vertex]";

/// The reason why there is no token, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoogleError {
    /// The named file cannot be read.
    #[error("{GOOGLE_APPLICATION_CREDENTIALS} names {}, which cannot be read: {reason}", path.display())]
    Unreadable {
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// The file contains credentials of an unsupported type.
    #[error(
        "{} holds credentials of the type `{kind}`; understood are service_account, authorized_user, external_account and \
         impersonated_service_account. Set {OTHER_WAY} instead",
        path.display()
    )]
    WrongType { path: PathBuf, kind: String },
    /// The file is broken.
    #[error("{} is no usable credentials file: {reason}", path.display())]
    Broken {
        path: PathBuf,
        /// The reason; contains nothing of the file but names of fields.
        reason: String,
    },
    /// No source has credentials.
    #[error(
        "no Google credentials were found: set {GOOGLE_APPLICATION_CREDENTIALS} to the JSON key file of a service \
         account, or run `gcloud auth application-default login`"
    )]
    NoLogin,
    /// Google refused the request for a token.
    #[error(
        "Google gave no token ({0}): is the service account's key still active, the login fresh (`gcloud auth \
         application-default login`), and the clock right?"
    )]
    Refused(String),
    /// No answer came in time.
    #[error("Google's token server did not answer within {} s", DEADLINE.as_secs())]
    Late,
}

impl From<TokenRefused> for GoogleError {
    fn from(refused: TokenRefused) -> Self {
        GoogleError::Refused(refused.0)
    }
}

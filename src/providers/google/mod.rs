//! Tokens of Google Cloud from application default credentials, fetched before any clock starts; `providers::vertex`
//! uses them. The order is that of Google's own libraries: the file that the environment names, gcloud's file, the
//! metadata server, and last the gcloud command. docs/decisions/062 explains why no library is used.

mod credentials_file;
mod error;
mod gcloud;
mod grants;
mod login;
mod service_account;
mod subject_token;
#[cfg(test)]
mod tests;

pub use error::GoogleError;
pub use login::{GoogleLogin, GoogleSearch};

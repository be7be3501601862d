//! Credentials files of Google: a service account's key, gcloud's login of a person, workload identity, and any of
//! them with the right to act as a service account. Messages contain nothing of a file but names of its fields.

use super::error::GoogleError;
use super::service_account::ServiceAccountKey;
use super::subject_token::SubjectSource;
use crate::domain::secret::Secret;
use crate::providers::proxy_bypass::is_local;
use crate::providers::token_client::shown;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::time::SystemTime;

/// The supported types.
const TYPES: [&str; 4] =
    ["service_account", "authorized_user", "external_account", "impersonated_service_account"];

/// The basis on which a token is granted.
#[derive(Debug)]
pub(super) enum GoogleGrant {
    /// A service account's own key.
    Key(ServiceAccountKey),
    /// A person's login.
    Refresh(AuthorizedUser),
    /// A token of another identity provider.
    Exchange(Box<ExternalAccount>),
    /// The right to act as a service account.
    Impersonate(Impersonation),
    /// The service account of the machine.
    Metadata {
        /// Either `HOST` or `HOST:PORT`.
        host: String,
    },
    Gcloud,
}

/// gcloud's record of a person's login.
#[derive(Debug, Deserialize)]
pub(super) struct AuthorizedUser {
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) refresh_token: Secret,
    #[serde(default = "token_server")]
    pub(super) token_uri: String,
    quota_project_id: Option<String>,
}

/// Workload and workforce identity.
#[derive(Debug, Deserialize)]
pub(super) struct ExternalAccount {
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) token_url: String,
    pub(super) credential_source: SubjectSource,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) workforce_pool_user_project: Option<String>,
    service_account_impersonation_url: Option<String>,
    service_account_impersonation: Option<ImpersonationOptions>,
    quota_project_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct ImpersonationOptions {
    token_lifetime_seconds: Option<u32>,
}

/// A service account, and the login that acts as it.
#[derive(Debug)]
pub(super) struct Impersonation {
    pub(super) source: Box<GoogleGrant>,
    pub(super) url: String,
    pub(super) delegates: Vec<String>,
    pub(super) lifetime_seconds: u32,
    quota_project: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ImpersonationFile {
    service_account_impersonation_url: String,
    source_credentials: Value,
    #[serde(default)]
    delegates: Vec<String>,
    quota_project_id: Option<String>,
}

pub(super) fn token_server() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl GoogleGrant {
    /// True if it is a person's login: requests then name the project that pays.
    pub(super) fn is_user(&self) -> bool {
        matches!(self, Self::Refresh(_) | Self::Gcloud)
    }

    /// The project in the file, else that of the service account's address.
    pub(super) fn project(&self) -> Option<String> {
        match self {
            Self::Key(key) => key.project_id.clone(),
            Self::Refresh(user) => user.quota_project_id.clone(),
            Self::Exchange(account) => account.quota_project_id.clone(),
            Self::Impersonate(target) => {
                target.quota_project.clone().or_else(|| project_of_account(&target.url))
            }
            Self::Metadata { .. } | Self::Gcloud => None,
        }
    }

    /// Every address to which a secret is sent.
    fn addresses(&self) -> Vec<&str> {
        match self {
            Self::Key(key) => vec![&key.token_uri],
            Self::Refresh(user) => vec![&user.token_uri],
            Self::Exchange(account) => {
                let source = account.credential_source.url.iter().map(String::as_str);
                source.chain([account.token_url.as_str()]).collect()
            }
            Self::Impersonate(target) => {
                target.source.addresses().into_iter().chain([target.url.as_str()]).collect()
            }
            Self::Metadata { .. } | Self::Gcloud => Vec::new(),
        }
    }
}

/// The project in an address: `bench` from
/// `…/serviceAccounts/name@bench.iam.gserviceaccount.com:generateAccessToken`.
fn project_of_account(url: &str) -> Option<String> {
    let (_, account) = url.rsplit_once('@')?;
    let (project, _) = account.split_once(".iam.gserviceaccount.com")?;
    (!project.is_empty() && !project.contains(['.', '/'])).then(|| project.to_owned())
}

/// Reads a credentials file.
///
/// # Errors
/// [`GoogleError`] with the path of the file.
pub(super) fn read(path: &Path) -> Result<GoogleGrant, GoogleError> {
    let broken = |reason: String| GoogleError::Broken { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path)
        .map_err(|error| GoogleError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    let document: Value = serde_json::from_str(&text).map_err(|_| broken("it is no JSON".to_owned()))?;
    match document.get("type").and_then(Value::as_str) {
        None => return Err(broken("it names no type".to_owned())),
        Some(kind) if !TYPES.contains(&kind) => {
            return Err(GoogleError::WrongType { path: path.to_owned(), kind: kind.to_owned() });
        }
        Some(_) => {}
    }
    let grant = grant(&document).map_err(broken)?;
    match grant.addresses().into_iter().find(|address| !address.starts_with("https://") && !is_local(address))
    {
        Some(address) => {
            Err(broken(format!("{} is neither https nor an address of this machine", shown(address))))
        }
        None => Ok(grant),
    }
}

fn grant(document: &Value) -> Result<GoogleGrant, String> {
    match document.get("type").and_then(Value::as_str).unwrap_or_default() {
        "service_account" => {
            let key: ServiceAccountKey = fields(document)?;
            match key.assertion(SystemTime::now()) {
                Some(_) => Ok(GoogleGrant::Key(key)),
                None => Err("its private key is no RSA key".to_owned()),
            }
        }
        "authorized_user" => Ok(GoogleGrant::Refresh(fields(document)?)),
        "external_account" => external(fields(document)?),
        "impersonated_service_account" => {
            let file: ImpersonationFile = fields(document)?;
            Ok(GoogleGrant::Impersonate(Impersonation {
                source: Box::new(grant(&file.source_credentials)?),
                url: file.service_account_impersonation_url,
                delegates: file.delegates,
                lifetime_seconds: LIFETIME_SECONDS,
                quota_project: file.quota_project_id,
            }))
        }
        _ => Err("its source_credentials are of a type that is not understood".to_owned()),
    }
}

/// Requested lifetime of a service account's token.
const LIFETIME_SECONDS: u32 = 3600;

fn external(mut account: ExternalAccount) -> Result<GoogleGrant, String> {
    if !account.credential_source.is_understood() {
        let other = super::error::OTHER_WAY;
        return Err(format!("its credential_source is neither a file nor an address; set {other} instead"));
    }
    let options = account.service_account_impersonation.take().unwrap_or_default();
    match account.service_account_impersonation_url.take() {
        None => Ok(GoogleGrant::Exchange(Box::new(account))),
        Some(url) => Ok(GoogleGrant::Impersonate(Impersonation {
            quota_project: account.quota_project_id.clone(),
            source: Box::new(GoogleGrant::Exchange(Box::new(account))),
            url,
            delegates: Vec::new(),
            lifetime_seconds: options.token_lifetime_seconds.unwrap_or(LIFETIME_SECONDS),
        })),
    }
}

/// Reads the fields of a type. serde's other messages quote values, so only a missing name is reported.
fn fields<T: for<'de> Deserialize<'de>>(document: &Value) -> Result<T, String> {
    T::deserialize(document).map_err(|error| {
        let text = error.to_string();
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        missing.map_or("a field is of the wrong kind".to_owned(), |name| {
            format!("the field `{name}` is missing")
        })
    })
}

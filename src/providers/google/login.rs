//! A login at Google: finds it, keeps its token until it expires, and determines its project.

use super::credentials_file::{self, GoogleGrant};
use super::error::{GoogleError, METADATA_HOST};
use super::grants;
use crate::domain::secret::Secret;
use crate::http::ProxyRules;
use crate::providers::access_token::AccessToken;
use crate::providers::auth::Credential;
use crate::providers::token_client::DEADLINE;
use crate::providers::token_client::TokenClient;
use std::path::PathBuf;
use std::time::SystemTime;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// gcloud's application default credentials, below the home directory.
const GCLOUD_FILE: &str = ".config/gcloud/application_default_credentials.json";

/// The places in which a login is searched.
#[derive(Debug, Clone, Default)]
pub struct GoogleSearch {
    /// The file that `GOOGLE_APPLICATION_CREDENTIALS` names; if it is set, nothing else is searched.
    pub file: Option<PathBuf>,
    /// The home directory, which may contain gcloud's file.
    pub home: Option<PathBuf>,
    /// `HOST` or `HOST:PORT` of the metadata server, if it is not Google's own name.
    pub metadata_host: Option<String>,
    /// The operator's own certificate authorities.
    pub extra_ca: Option<PathBuf>,
    /// The proxies of the environment.
    pub proxies: ProxyRules,
}

/// A login at Google that yields tokens.
pub struct GoogleLogin {
    client: TokenClient,
    grant: GoogleGrant,
    project: Option<String>,
    kept: Mutex<Option<AccessToken>>,
}

impl GoogleLogin {
    /// Finds a login: the file in `search`, else the first other source that gives a token.
    ///
    /// # Errors
    /// [`GoogleError`]; needs a Tokio runtime with I/O and time.
    pub async fn open(search: &GoogleSearch) -> Result<Self, GoogleError> {
        let client = TokenClient::new(search.extra_ca.as_deref(), search.proxies.clone())?;
        match &search.file {
            Some(path) => Ok(Self::of(client, credentials_file::read(path)?)),
            None => timeout(DEADLINE, found(client, search)).await.map_err(|_| GoogleError::NoLogin)?,
        }
    }

    fn of(client: TokenClient, grant: GoogleGrant) -> Self {
        let project = grant.project();
        Self { client, grant, project, kept: Mutex::default() }
    }

    /// A credential with a token that is valid for at least 20 s. Tokens are cached until then, so most calls send no
    /// request.
    ///
    /// # Errors
    /// [`GoogleError::Refused`] or [`GoogleError::Late`].
    pub async fn credential(&self) -> Result<Credential, GoogleError> {
        let token = timeout(DEADLINE, self.token()).await.map_err(|_| GoogleError::Late)??;
        Ok(Credential::Google { token, project: self.project.clone(), user: self.grant.is_user() })
    }

    /// The cached token or a new one. Concurrent callers wait for the same answer.
    async fn token(&self) -> Result<Secret, GoogleError> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.is_good(SystemTime::now())) {
            return Ok(token.secret.clone());
        }
        let fresh = grants::fetch(&self.client, &self.grant).await?;
        Ok(kept.insert(fresh).secret.clone())
    }
}

/// The first source that gives a token. A file of gcloud's that gives none is skipped, and reported only if no other
/// source is found.
async fn found(client: TokenClient, search: &GoogleSearch) -> Result<GoogleLogin, GoogleError> {
    let mut trouble = None;
    let file = search.home.as_ref().map(|home| home.join(GCLOUD_FILE)).filter(|path| path.is_file());
    if let Some(path) = file {
        match credentials_file::read(&path) {
            Ok(grant) => {
                let login = GoogleLogin::of(client.clone(), grant);
                match login.token().await {
                    Ok(_) => return Ok(login),
                    Err(error) => trouble = Some(error),
                }
            }
            // The file is optional, because no setting names it.
            Err(GoogleError::Unreadable { path, reason }) => {
                trouble = Some(GoogleError::Broken { path, reason: format!("it cannot be read: {reason}") });
            }
            Err(error) => trouble = Some(error),
        }
    }
    let host = search.metadata_host.clone().unwrap_or_else(|| METADATA_HOST.to_owned());
    let mut login = GoogleLogin::of(client.clone(), GoogleGrant::Metadata { host: host.clone() });
    if login.token().await.is_ok() {
        login.project = grants::metadata_project(&login.client, &host).await;
        return Ok(login);
    }
    let mut login = GoogleLogin::of(client, GoogleGrant::Gcloud);
    if login.token().await.is_ok() {
        login.project = super::gcloud::project().await;
        return Ok(login);
    }
    Err(trouble.unwrap_or(GoogleError::NoLogin))
}

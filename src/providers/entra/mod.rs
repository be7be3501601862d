//! Tokens of Microsoft Entra ID for Azure, fetched before any clock starts. The order is that of Azure's own library:
//! the secret of an application, a token of workload identity, the managed identity of the machine.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

#[cfg(test)]
mod tests;

use super::access_token::{AccessToken, token};
use super::auth::Credential;
use super::token_client::{DEADLINE, RequestBody, TokenClient, TokenRefused, TokenRequest};
use crate::domain::secret::Secret;
use crate::http::ProxyRules;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// What a token for Azure's models is valid for.
/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/managed-identity>
const RESOURCE: &str = "https://cognitiveservices.azure.com";

/// The sign-in of Azure's public cloud.
pub const PUBLIC_AUTHORITY: &str = "https://login.microsoftonline.com";

/// The metadata service of a machine in Azure.
/// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
pub const METADATA: &str = "http://169.254.169.254";

/// How a login proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntraProof {
    /// The secret of an application.
    Secret(Secret),
    /// A file with a token of another issuer, which Entra ID trusts (workload identity).
    Federated(PathBuf),
    /// Nothing: the machine itself is known to Azure.
    ManagedIdentity,
}

/// The identity that asks for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntraIdentity {
    /// The directory; not needed by a managed identity.
    pub tenant: Option<String>,
    /// The application, or the client id of a managed identity that a user assigned.
    pub client: Option<String>,
    pub proof: EntraProof,
    /// Address of the sign-in, without a trailing slash.
    pub authority: String,
    /// Address of the metadata service, without a trailing slash.
    pub metadata: String,
}

/// The reason why there is no token, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntraError {
    /// An identity of an application lacks a part, or a part cannot stand in an address.
    #[error("the login of Azure is incomplete: {0}")]
    Incomplete(String),
    /// The file of workload identity gives no token.
    #[error("AZURE_FEDERATED_TOKEN_FILE names {}, which {reason}", path.display())]
    Federated { path: PathBuf, reason: String },
    /// Entra ID or the metadata service refused.
    #[error(
        "Entra ID gave no token ({0}): check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and that the \
         identity has the role `Cognitive Services OpenAI User`"
    )]
    Refused(String),
    /// The machine has no identity.
    #[error(
        "no login for Azure was found ({0}): set AZURE_OPENAI_API_KEY, or AZURE_OPENAI_AD_TOKEN, or AZURE_TENANT_ID, \
         AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    )]
    NoIdentity(String),
    /// No answer came in time.
    #[error("Entra ID did not answer within {} s", DEADLINE.as_secs())]
    Late,
}

/// A login at Entra ID that yields tokens.
pub struct EntraLogin {
    client: TokenClient,
    identity: EntraIdentity,
    kept: Mutex<Option<AccessToken>>,
}

impl EntraLogin {
    /// Prepares a login; sends nothing.
    ///
    /// # Errors
    /// [`EntraError`] if the operator's certificate authorities or the identity cannot be used.
    pub fn new(
        identity: EntraIdentity,
        extra_ca: Option<&Path>,
        proxies: ProxyRules,
    ) -> Result<Self, EntraError> {
        let client = TokenClient::new(extra_ca, proxies).map_err(|error| EntraError::Refused(error.0))?;
        identity.check()?;
        Ok(Self { client, identity, kept: Mutex::default() })
    }

    /// A credential with a token that is valid for at least 20 s, cached until then.
    ///
    /// # Errors
    /// [`EntraError`].
    pub async fn credential(&self) -> Result<Credential, EntraError> {
        let secret = timeout(DEADLINE, self.token()).await.map_err(|_| EntraError::Late)??;
        Ok(Credential::Bearer(secret))
    }

    /// The cached token or a new one. Concurrent callers wait for the same answer.
    async fn token(&self) -> Result<Secret, EntraError> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.is_good(SystemTime::now())) {
            return Ok(token.secret.clone());
        }
        let request = self.identity.request()?;
        let answer = self.client.ask(request).await.and_then(|answer| token(&answer));
        let fresh = answer.map_err(|TokenRefused(said)| match self.identity.proof {
            EntraProof::ManagedIdentity => EntraError::NoIdentity(said),
            _ => EntraError::Refused(said),
        })?;
        Ok(kept.insert(fresh).secret.clone())
    }
}

impl EntraIdentity {
    /// # Errors
    /// [`EntraError::Incomplete`], which names the variable.
    fn check(&self) -> Result<(), EntraError> {
        let wrong = |said: &str| Err(EntraError::Incomplete(said.to_owned()));
        let plain = |ch: char| ch.is_ascii_alphanumeric() || ch == '-' || ch == '.';
        match &self.tenant {
            Some(tenant) if tenant.chars().all(plain) => {}
            Some(_) => return wrong("AZURE_TENANT_ID holds a character that no directory has"),
            None if self.proof == EntraProof::ManagedIdentity => {}
            None => return wrong("AZURE_TENANT_ID is not set"),
        }
        if self.client.is_none() && self.proof != EntraProof::ManagedIdentity {
            return wrong("AZURE_CLIENT_ID is not set");
        }
        // A secret in the clear would be everybody's.
        let encrypted = self.authority.starts_with("https://") || is_loopback(&self.authority);
        if !encrypted {
            return wrong("AZURE_AUTHORITY_HOST must begin with https://");
        }
        Ok(())
    }

    fn request(&self) -> Result<TokenRequest, EntraError> {
        let scope = format!("{RESOURCE}/.default");
        let mut form = vec![
            ("grant_type", Secret::new("client_credentials")),
            ("client_id", Secret::new(self.client.as_deref().unwrap_or_default())),
            ("scope", Secret::new(scope)),
        ];
        match &self.proof {
            EntraProof::ManagedIdentity => return Ok(self.of_machine()),
            EntraProof::Secret(secret) => form.push(("client_secret", secret.clone())),
            EntraProof::Federated(path) => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.push(("client_assertion_type", Secret::new(kind)));
                form.push(("client_assertion", federated(path)?));
            }
        }
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.authority);
        Ok(TokenRequest { url, body: Some(RequestBody::Form(form)), ..TokenRequest::default() })
    }

    /// The question to the machine's metadata service, which a proxy would answer for its own machine.
    fn of_machine(&self) -> TokenRequest {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let client = self.client.as_deref().map(|id| format!("&client_id={}", encoded(id)));
        let url = format!(
            "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}{}",
            self.metadata,
            encoded(RESOURCE),
            client.unwrap_or_default()
        );
        let headers = vec![("metadata".to_owned(), Secret::new("true"))];
        TokenRequest { url, headers, body: None, direct: true }
    }
}

/// The token in a file, read anew each time, because its writer replaces it before it expires.
fn federated(path: &Path) -> Result<Secret, EntraError> {
    let wrong = |reason: String| EntraError::Federated { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    Secret::key(text.trim()).map_err(|error| wrong(format!("holds no token: {error}")))
}

fn is_loopback(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| super::proxy_bypass::is_local(url.as_str()))
}

//! Tokens of Google Cloud from application default credentials, fetched before any clock starts. Where they are used is
//! `providers::vertex`. Order as in Google's own libraries: the file that the environment names, gcloud's file, the
//! metadata server, and last the gcloud command.

use super::auth::Credential;
use crate::domain::env_vars::GOOGLE_APPLICATION_CREDENTIALS;
use crate::domain::secret::Secret;
use gcp_auth::{
    ConfigDefaultCredentials, CustomServiceAccount, GCloudAuthorizedUser, MetadataServiceAccount,
    TokenProvider,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The one scope that Vertex knows.
const SCOPES: &[&str] = &["https://www.googleapis.com/auth/cloud-platform"];

/// How long one step (finding a login, fetching a token) may take: outside of Google Cloud the metadata server is a hole.
const DEADLINE: Duration = Duration::from_secs(20);

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
    /// The named file is no service account's.
    #[error(
        "{} holds credentials of the type `{kind}`, and only `service_account` is understood there: unset \
         {GOOGLE_APPLICATION_CREDENTIALS} after `gcloud auth application-default login`, or set key_command = \
         \"gcloud auth application-default print-access-token\" under [providers.vertex]",
        path.display()
    )]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The type that it names.
        kind: String,
    },
    /// The named file is broken.
    #[error("{} is no usable key file of a service account: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
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

/// A login at Google that yields tokens as long as it lives.
pub struct GoogleLogin {
    tokens: Arc<dyn TokenProvider>,
    user: bool,
}

impl GoogleLogin {
    /// Finds a login. `file` is what `GOOGLE_APPLICATION_CREDENTIALS` names.
    ///
    /// # Errors
    /// [`GoogleError`]; needs a Tokio runtime with I/O and time.
    pub async fn open(file: Option<&Path>) -> Result<Self, GoogleError> {
        match file {
            Some(path) => service_account(path),
            None => tokio::time::timeout(DEADLINE, found()).await.map_err(|_| GoogleError::NoLogin)?,
        }
    }

    /// A credential with a token that is good for at least 20 s. Tokens are kept until they expire, so most calls ask
    /// nobody.
    ///
    /// # Errors
    /// [`GoogleError::Refused`] or [`GoogleError::Late`].
    pub async fn credential(&self) -> Result<Credential, GoogleError> {
        let asked = tokio::time::timeout(DEADLINE, self.tokens.token(SCOPES)).await;
        let token =
            asked.map_err(|_| GoogleError::Late)?.map_err(|error| GoogleError::Refused(error.to_string()))?;
        let project = self.tokens.project_id().await.ok().map(|project| project.to_string());
        let token = Secret::key(token.as_str()).map_err(|error| GoogleError::Refused(error.to_string()))?;
        Ok(Credential::Google { token, project, user: self.user })
    }
}

fn service_account(path: &Path) -> Result<GoogleLogin, GoogleError> {
    let broken = |reason| GoogleError::Broken { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path)
        .map_err(|error| GoogleError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    let json: Value = serde_json::from_str(&text).map_err(|_| broken("it is no JSON"))?;
    match json.get("type").and_then(Value::as_str) {
        Some("service_account") => {}
        Some(kind) => return Err(GoogleError::WrongType { path: path.to_owned(), kind: kind.to_owned() }),
        None => return Err(broken("it names no type")),
    }
    let account = CustomServiceAccount::from_json(&text)
        .map_err(|_| broken("a field is missing, or its private key is no RSA key in PKCS#8"))?;
    Ok(GoogleLogin { tokens: Arc::new(account), user: false })
}

async fn found() -> Result<GoogleLogin, GoogleError> {
    if let Ok(tokens) = ConfigDefaultCredentials::new().await {
        return Ok(GoogleLogin { tokens: Arc::new(tokens), user: true });
    }
    if let Ok(tokens) = MetadataServiceAccount::new().await {
        return Ok(GoogleLogin { tokens: Arc::new(tokens), user: false });
    }
    match GCloudAuthorizedUser::new().await {
        Ok(tokens) => Ok(GoogleLogin { tokens: Arc::new(tokens), user: true }),
        Err(_) => Err(GoogleError::NoLogin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A token server that answers every request alike, until the test ends.
    fn token_server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut seen = Vec::new();
                let mut buffer = [0; 4096];
                while !String::from_utf8_lossy(&seen).contains("assertion=") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(count) => seen.extend_from_slice(&buffer[..count]),
                    }
                }
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        format!("http://{address}/token")
    }

    fn key_file(token_uri: &str, kind: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let key = include_str!("../../tests/fixtures/throwaway-rsa.pem");
        let account = json!({"type": kind, "project_id": "p", "private_key": key, "client_email": "a@b.example",
            "token_uri": token_uri});
        file.write_all(account.to_string().as_bytes()).unwrap();
        file
    }

    fn ask(file: &Path) -> Result<Credential, GoogleError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { GoogleLogin::open(Some(file)).await?.credential().await })
    }

    #[test]
    fn a_service_account_gets_a_token_from_the_server_in_its_file() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 46\r\nconnection: close\r\n\r\n\
                      {\"access_token\":\"ya29.test\",\"expires_in\":3600}";
        let file = key_file(&token_server(answer), "service_account");
        let expected =
            Credential::Google { token: Secret::new("ya29.test"), project: Some("p".into()), user: false };
        assert_eq!(ask(file.path()), Ok(expected));
    }

    #[test]
    fn a_refusal_says_what_to_look_at() {
        let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let file = key_file(&token_server(refusal), "service_account");
        let said = ask(file.path()).unwrap_err().to_string();
        assert!(
            said.starts_with("Google gave no token (token request failed): is the service account's key"),
            "{said}"
        );
    }

    #[test]
    fn files_of_other_kinds_are_named() {
        let file = key_file("http://127.0.0.1:1", "authorized_user");
        assert!(
            matches!(ask(file.path()), Err(GoogleError::WrongType { kind, .. }) if kind == "authorized_user")
        );
        let missing = Path::new("/nonexistent/key.json");
        assert!(matches!(ask(missing), Err(GoogleError::Unreadable { .. })));
        let mut broken = tempfile::NamedTempFile::new().unwrap();
        broken.write_all(br#"{"type":"service_account","private_key":"canary"}"#).unwrap();
        let said = ask(broken.path()).unwrap_err().to_string();
        assert!(said.contains("no usable key file") && !said.contains("canary"), "{said}");
    }
}

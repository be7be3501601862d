//! Credentials of a request. `settings::keys` finds the keys; `providers::google` fetches
//! Google's tokens before any clock starts.

use super::entra::EntraIdentity;
use super::hosts::Auth;
use crate::domain::secret::Secret;
use std::path::PathBuf;

/// A host's login before any token is fetched.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderLogin {
    /// The credential is complete.
    Ready(Credential),
    /// A token must be fetched from Google, with the credentials file that the environment names, if it names one.
    GoogleAdc(Option<PathBuf>),
    /// A token must be fetched from Entra ID.
    Entra(EntraIdentity),
    /// The AWS SDK finds the credentials.
    AwsChain,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Credential {
    None,
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// The key alone in a header of this name.
    Header(String, Secret),
    /// An access token of Google.
    Google {
        token: Secret,
        /// The project of the login, used if no other is configured.
        project: Option<String>,
        /// True if the login is a person's, so the project that pays has to be named.
        user: bool,
    },
}

impl Credential {
    /// The credential of a key, in the form that a host expects; `None` for hosts that take no key from this program.
    pub fn from_key(auth: &Auth, key: Secret) -> Option<Self> {
        match auth {
            // A file or command yields an access token for Vertex.
            Auth::Bearer | Auth::GoogleAdc => Some(Credential::Bearer(key)),
            Auth::Header(name) => Some(Credential::Header(name.clone(), key)),
            Auth::Entra if is_token(&key) => Some(Credential::Bearer(key)),
            Auth::Entra => Some(Credential::Header(AZURE_KEY_HEADER.to_owned(), key)),
            Auth::AwsChain | Auth::None => None,
        }
    }

    /// The headers that carry it.
    pub fn headers(&self) -> Vec<(String, String)> {
        let bearer = |token: &Secret| ("Authorization".to_owned(), format!("Bearer {}", token.expose()));
        match self {
            Credential::None => Vec::new(),
            Credential::Bearer(token) | Credential::Google { token, .. } => vec![bearer(token)],
            Credential::Header(name, key) => vec![(name.clone(), key.expose().to_owned())],
        }
    }

    /// The secret in it, for the redactor.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Credential::None => None,
            Credential::Bearer(secret) | Credential::Header(_, secret) => Some(secret),
            Credential::Google { token, .. } => Some(token),
        }
    }
}

/// The header of a key of Azure.
pub const AZURE_KEY_HEADER: &str = "api-key";

/// True for a JSON web token, which is what Entra ID gives; keys of Azure hold letters and digits alone.
fn is_token(key: &Secret) -> bool {
    let text = key.expose();
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(auth: Auth) -> Option<Vec<(String, String)>> {
        Credential::from_key(&auth, Secret::new("k")).map(|credential| credential.headers())
    }

    #[test]
    fn each_way_of_showing_a_key() {
        let header = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(shown(Auth::Bearer), header("Authorization", "Bearer k"));
        assert_eq!(shown(Auth::Header("x-api-key".into())), header("x-api-key", "k"));
        assert_eq!(shown(Auth::GoogleAdc), header("Authorization", "Bearer k"));
        assert_eq!(shown(Auth::Entra), header("api-key", "k"));
        let token = Credential::from_key(&Auth::Entra, Secret::new("eyJ0.eyJh.c2ln")).unwrap();
        assert_eq!(Some(token.headers()), header("Authorization", "Bearer eyJ0.eyJh.c2ln"));
        assert_eq!((shown(Auth::None), shown(Auth::AwsChain)), (None, None));
        assert!(Credential::None.headers().is_empty());
    }

    #[test]
    fn printing_shows_no_key() {
        let credential = Credential::Google { token: Secret::new("canary"), project: None, user: true };
        assert!(!format!("{:?}", ProviderLogin::Ready(credential)).contains("canary"));
    }
}

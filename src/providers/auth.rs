//! How a request shows who is calling. Where keys come from is `settings::keys`; tokens of Google are fetched in
//! `providers::google`, before any clock starts.

use super::hosts::Auth;
use crate::domain::secret::Secret;
use std::path::PathBuf;

/// What is known about a host's login before anybody was asked for a token.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderLogin {
    /// Nothing more is needed.
    Ready(Credential),
    /// Google is to be asked for a token, with the credentials file that the environment names, if it names one.
    GoogleAdc(Option<PathBuf>),
    /// The AWS SDK does it.
    AwsChain,
}

/// What a request shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Credential {
    /// Nothing.
    None,
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// The key alone in a header of this name.
    Header(String, Secret),
    /// A token of Google.
    Google {
        /// The token.
        token: Secret,
        /// The project that belongs to the login, where no other is configured.
        project: Option<String>,
        /// The login is a person's, so the project that pays has to be named.
        user: bool,
    },
}

impl Credential {
    /// A key, shown as a host wants it; `None` for hosts that take no key of ours.
    pub fn from_key(auth: &Auth, key: Secret) -> Option<Self> {
        match auth {
            // What a file or command yields for Vertex is an access token.
            Auth::Bearer | Auth::GoogleAdc => Some(Credential::Bearer(key)),
            Auth::Header(name) => Some(Credential::Header(name.clone(), key)),
            Auth::AwsChain | Auth::None => None,
        }
    }

    /// The headers that show it.
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
        assert_eq!((shown(Auth::None), shown(Auth::AwsChain)), (None, None));
        assert!(Credential::None.headers().is_empty());
    }

    #[test]
    fn printing_shows_no_key() {
        let credential = Credential::Google { token: Secret::new("canary"), project: None, user: true };
        assert!(!format!("{:?}", ProviderLogin::Ready(credential)).contains("canary"));
    }
}

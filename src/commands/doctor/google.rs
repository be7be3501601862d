//! Checks the login for Vertex: credentials, project and location, and whether Google issues a token.

use super::deadline::bounded;
use crate::commands::context::Context;
use crate::commands::run::access;
use crate::domain::env_vars::{GOOGLE_API_KEY, GOOGLE_APPLICATION_CREDENTIALS};
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::sourced::Sourced;
use crate::domain::troubleshooting;
use crate::listings::reader::ListingReader;
use crate::providers::auth::{Credential, ProviderLogin};
use crate::providers::google::{GoogleError, GoogleLogin};
use crate::providers::hosts::Host;
use crate::providers::vertex::DEFAULT_LOCATION;
use std::path::PathBuf;
use std::sync::Arc;

const HERE: FindingSection = FindingSection::Google;

/// The facts about the Google login.
#[derive(Debug)]
pub struct GoogleCheck {
    /// The configured project; that of the login is [`GoogleToken::project`].
    pub project: Option<Sourced<String>>,
    pub location: Option<Sourced<String>>,
    pub login: LoginKind,
    /// The result of requesting a token; `None` if none was requested.
    pub token: Option<Result<GoogleToken, GoogleTokenError>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginKind {
    ApiKey,
    /// A token from `key_file` or `key_command`, or a key that cannot be used; the section of providers reports it.
    Own,
    /// The file that the environment names.
    File(PathBuf),
    /// A search in gcloud's file, the metadata server and gcloud itself.
    Search,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleToken {
    /// The project that belongs to the login.
    pub project: Option<String>,
    /// True if it is a person's login.
    pub user: bool,
}

#[derive(Debug)]
pub enum GoogleTokenError {
    Google(GoogleError),
    /// The request exceeded its deadline.
    Late(String),
}

/// Collects the facts and, unless `offline`, requests a token.
pub async fn look(host: Host, reader: ListingReader, context: Arc<Context>, offline: bool) -> GoogleCheck {
    let own = host.keys.file.is_some() || host.keys.command.is_some();
    let login = match (own, (!own).then(|| context.settings.login(&host))) {
        (false, Some(Ok(ProviderLogin::GoogleAdc(Some(path))))) => LoginKind::File(path),
        (false, Some(Ok(ProviderLogin::GoogleAdc(None)))) => LoginKind::Search,
        (false, Some(Ok(ProviderLogin::Ready(_)))) => LoginKind::ApiKey,
        _ => LoginKind::Own,
    };
    let file = match &login {
        LoginKind::File(path) => Some(Some(path.clone())),
        LoginKind::Search => Some(None),
        _ => None,
    };
    let token = match file.filter(|_| !offline) {
        None => None,
        Some(file) => {
            let search = access::google(file, &context);
            let asking = async move { GoogleLogin::open(&search).await?.credential().await };
            Some(match bounded("asking Google", asking).await {
                Ok(Ok(Credential::Google { project, user, .. })) => Ok(GoogleToken { project, user }),
                Ok(Ok(_)) => Ok(GoogleToken { project: None, user: false }),
                Ok(Err(GoogleError::Refused(words))) => {
                    Err(GoogleTokenError::Google(GoogleError::Refused(reader.redactor.redact(&words))))
                }
                Ok(Err(error)) => Err(GoogleTokenError::Google(error)),
                Err(late) => Err(GoogleTokenError::Late(late)),
            })
        }
    };
    GoogleCheck { project: host.project, location: host.region, login, token }
}

pub fn findings(check: &GoogleCheck) -> Vec<Finding> {
    let source = match &check.login {
        LoginKind::ApiKey => format!("an API key ({GOOGLE_API_KEY}): Gemini alone, no project"),
        LoginKind::Own => "a token from key_file or key_command".to_owned(),
        LoginKind::File(path) => format!("{} ({GOOGLE_APPLICATION_CREDENTIALS})", path.display()),
        LoginKind::Search => "gcloud's login, else the metadata server".to_owned(),
    };
    let mut found = vec![Finding::ok(HERE, "credentials", source)];
    found.extend(token(check));
    found.extend(project(check));
    found.push(match &check.location {
        Some(location) => Finding::ok(HERE, "location", format!("{} ({})", location.value, location.source)),
        None => Finding::ok(HERE, "location", format!("{DEFAULT_LOCATION} (default)")),
    });
    found
}

fn token(check: &GoogleCheck) -> Option<Finding> {
    match check.token.as_ref()? {
        Ok(token) => {
            let whose = if token.user { "a person's login" } else { "a service account" };
            Some(Finding::ok(HERE, "token", format!("Google gives one to {whose}")))
        }
        Err(GoogleTokenError::Late(late)) => Some(Finding::unknown(HERE, "token", late)),
        Err(GoogleTokenError::Google(GoogleError::Late)) => {
            Some(Finding::unknown(HERE, "token", GoogleError::Late.to_string()))
        }
        Err(GoogleTokenError::Google(error)) => {
            let fix = match error {
                GoogleError::NoLogin => {
                    "`gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS=FILE".to_owned()
                }
                GoogleError::Unreadable { path, .. } => {
                    format!("name a file that is there, or `unset {GOOGLE_APPLICATION_CREDENTIALS}`; `ls -l {}`", path.display())
                }
                GoogleError::WrongType { .. } | GoogleError::Broken { .. } => {
                    "name a whole credentials file, or unset the variable and `gcloud auth application-default login`".to_owned()
                }
                GoogleError::Refused(_) | GoogleError::Late => {
                    "a new key of the service account, or `gcloud auth application-default login`; look at this machine's clock, too".to_owned()
                }
            };
            Some(Finding::wrong(HERE, "token", error.to_string(), fix, troubleshooting::GOOGLE_LOGIN))
        }
    }
}

fn project(check: &GoogleCheck) -> Option<Finding> {
    let own = match &check.token {
        Some(Ok(token)) => token.project.as_deref(),
        _ => None,
    };
    match (&check.project, own) {
        (Some(project), _) => {
            Some(Finding::ok(HERE, "project", format!("{} ({})", project.value, project.source)))
        }
        (None, Some(own)) => Some(Finding::ok(HERE, "project", format!("{own} (the login's own)"))),
        (None, None) if matches!(check.token, Some(Ok(_))) => {
            let fix = "`export GOOGLE_CLOUD_PROJECT=PROJECT`, or project under [providers.vertex]";
            let sentence = "none is configured and the login has none of its own";
            Some(Finding::wrong(HERE, "project", sentence, fix, troubleshooting::GOOGLE_PROJECT))
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;

    fn check(token: Result<GoogleToken, GoogleTokenError>) -> GoogleCheck {
        GoogleCheck { project: None, location: None, login: LoginKind::Search, token: Some(token) }
    }

    #[test]
    fn what_is_missing_is_a_finding_and_silence_is_not() {
        let worst = |token| findings(&check(token)).iter().map(|one| one.severity).min().unwrap();
        assert_eq!(worst(Ok(GoogleToken { project: Some("p".into()), user: true })), Severity::Ok);
        assert_eq!(worst(Ok(GoogleToken { project: None, user: true })), Severity::Finding);
        assert_eq!(worst(Err(GoogleTokenError::Google(GoogleError::NoLogin))), Severity::Finding);
        assert_eq!(worst(Err(GoogleTokenError::Late("late".into()))), Severity::Unknown);
    }
}

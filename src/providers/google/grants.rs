//! Requests Google's tokens, with one request for each method: signed key, refreshed login, exchanged token,
//! impersonation, metadata.

use super::credentials_file::{AuthorizedUser, ExternalAccount, GoogleGrant, Impersonation};
use super::error::{GoogleError, SCOPE};
use super::gcloud;
use super::service_account::ServiceAccountKey;
use super::token_client::{RequestBody, TokenClient, TokenRequest};
use crate::domain::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// A token with a shorter remaining lifetime is not used.
const MARGIN: Duration = Duration::from_secs(20);

/// Lifetime of a token whose answer does not state one.
const UNSTATED_LIFETIME: Duration = Duration::from_secs(300);

/// The longest accepted lifetime: Google's longest is twelve hours.
const LONGEST_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// A token and its end, by the wall clock: a machine that slept must not use an expired token.
#[derive(Debug)]
pub(super) struct AccessToken {
    pub(super) secret: Secret,
    ends: SystemTime,
}

impl AccessToken {
    pub(super) fn new(secret: Secret, lifetime: Duration) -> Self {
        Self { secret, ends: SystemTime::now() + lifetime.min(LONGEST_LIFETIME) }
    }

    /// True if it stays valid for more than 20 s.
    pub(super) fn is_good(&self, now: SystemTime) -> bool {
        self.ends.duration_since(now).is_ok_and(|left| left > MARGIN)
    }
}

/// A token server's answer; the second spelling is that of IAM credentials.
#[derive(Deserialize)]
struct TokenReply {
    #[serde(alias = "accessToken")]
    access_token: String,
    expires_in: Option<u64>,
    #[serde(rename = "expireTime")]
    expire_time: Option<DateTime<Utc>>,
}

/// Fetches a token. Boxed, because impersonation of a service account needs a token first.
///
/// # Errors
/// [`GoogleError::Refused`], or [`GoogleError::NoLogin`] of gcloud.
pub(super) fn fetch<'a>(
    client: &'a TokenClient,
    grant: &'a GoogleGrant,
) -> Pin<Box<dyn Future<Output = Result<AccessToken, GoogleError>> + Send + 'a>> {
    Box::pin(async move {
        match grant {
            GoogleGrant::Key(key) => sign(client, key).await,
            GoogleGrant::Refresh(user) => refresh(client, user).await,
            GoogleGrant::Exchange(account) => exchange(client, account).await,
            GoogleGrant::Impersonate(target) => impersonate(client, target).await,
            GoogleGrant::Metadata { host } => {
                token(&client.ask(metadata(host, "instance/service-accounts/default/token")).await?)
            }
            GoogleGrant::Gcloud => gcloud::token().await,
        }
    })
}

async fn sign(client: &TokenClient, key: &ServiceAccountKey) -> Result<AccessToken, GoogleError> {
    let assertion = key.assertion(SystemTime::now());
    let assertion = assertion.ok_or_else(|| GoogleError::Refused("the key signs nothing".to_owned()))?;
    let grant_type = Secret::new("urn:ietf:params:oauth:grant-type:jwt-bearer");
    let form = RequestBody::Form(vec![("grant_type", grant_type), ("assertion", assertion)]);
    let request = TokenRequest { url: key.token_uri.clone(), body: Some(form), ..TokenRequest::default() };
    token(&client.ask(request).await?)
}

async fn refresh(client: &TokenClient, user: &AuthorizedUser) -> Result<AccessToken, GoogleError> {
    let form = RequestBody::Form(vec![
        ("grant_type", Secret::new("refresh_token")),
        ("client_id", Secret::new(&user.client_id)),
        ("client_secret", user.client_secret.clone()),
        ("refresh_token", user.refresh_token.clone()),
    ]);
    let request = TokenRequest { url: user.token_uri.clone(), body: Some(form), ..TokenRequest::default() };
    token(&client.ask(request).await?)
}

/// Token exchange (RFC 8693) in the form of Google's security token service.
async fn exchange(client: &TokenClient, account: &ExternalAccount) -> Result<AccessToken, GoogleError> {
    let subject = account.credential_source.read(client).await?;
    let text = |text: &str| Secret::new(text);
    let mut form = vec![
        ("grant_type", text("urn:ietf:params:oauth:grant-type:token-exchange")),
        ("requested_token_type", text("urn:ietf:params:oauth:token-type:access_token")),
        ("audience", text(&account.audience)),
        ("scope", text(SCOPE)),
        ("subject_token_type", text(&account.subject_token_type)),
        ("subject_token", subject),
    ];
    let mut headers = Vec::new();
    match (&account.client_id, &account.client_secret, &account.workforce_pool_user_project) {
        (Some(id), Some(secret), _) => {
            let pair = BASE64_STANDARD.encode(format!("{id}:{}", secret.expose()));
            headers.push(("authorization".to_owned(), Secret::new(format!("Basic {pair}"))));
        }
        (_, _, Some(project)) => form.push(("options", text(&json!({"userProject": project}).to_string()))),
        _ => {}
    }
    let body = Some(RequestBody::Form(form));
    token(&client.ask(TokenRequest { url: account.token_url.clone(), headers, body, direct: false }).await?)
}

async fn impersonate(client: &TokenClient, target: &Impersonation) -> Result<AccessToken, GoogleError> {
    let own = fetch(client, &target.source).await?.secret;
    let lifetime = format!("{}s", target.lifetime_seconds);
    let body = json!({"scope": [SCOPE], "lifetime": lifetime, "delegates": target.delegates});
    let headers = vec![("authorization".to_owned(), Secret::new(format!("Bearer {}", own.expose())))];
    let body = Some(RequestBody::Json(body));
    token(&client.ask(TokenRequest { url: target.url.clone(), headers, body, direct: false }).await?)
}

/// A request to the metadata server.
fn metadata(host: &str, path: &str) -> TokenRequest {
    let headers = vec![("metadata-flavor".to_owned(), Secret::new("Google"))];
    TokenRequest {
        url: format!("http://{host}/computeMetadata/v1/{path}"),
        headers,
        body: None,
        direct: true,
    }
}

/// The project of the machine.
pub(super) async fn metadata_project(client: &TokenClient, host: &str) -> Option<String> {
    let answer = client.ask(metadata(host, "project/project-id")).await.ok()?;
    let project = answer.trim().to_owned();
    (!project.is_empty() && project.len() <= 64).then_some(project)
}

/// The token in an answer.
fn token(answer: &str) -> Result<AccessToken, GoogleError> {
    let none = || GoogleError::Refused("the answer holds no token".to_owned());
    let reply: TokenReply = serde_json::from_str(answer).map_err(|_| none())?;
    let secret = Secret::key(reply.access_token).map_err(|error| GoogleError::Refused(error.to_string()))?;
    let until =
        |end: DateTime<Utc>| SystemTime::from(end).duration_since(SystemTime::now()).unwrap_or_default();
    let stated = reply.expires_in.map(Duration::from_secs).or(reply.expire_time.map(until));
    Ok(AccessToken::new(secret, stated.unwrap_or(UNSTATED_LIFETIME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_believed_within_reason() {
        let good = |answer: &str, later: u64| {
            token(answer).unwrap().is_good(SystemTime::now() + Duration::from_secs(later))
        };
        assert!(good(r#"{"access_token":"t","expires_in":3600}"#, 3500));
        assert!(!good(r#"{"access_token":"t","expires_in":3600}"#, 3590), "too little is left of it");
        assert!(!good(r#"{"access_token":"t","expires_in":18446744073709551615}"#, 13 * 3600));
        assert!(good(r#"{"accessToken":"t","expireTime":"2199-01-01T00:00:00Z"}"#, 3600));
        assert!(
            !good(r#"{"accessToken":"t","expireTime":"2020-01-01T00:00:00Z"}"#, 0),
            "a past end is no panic"
        );
        assert!(good(r#"{"access_token":"t"}"#, 200) && !good(r#"{"access_token":"t"}"#, 400));
    }

    #[test]
    fn what_is_no_token_is_not_repeated() {
        for answer in ["", "<html>canary", r#"{"access_token":["canary"]}"#, r#"{"access_token":"can ary"}"#]
        {
            let said = token(answer).unwrap_err().to_string();
            assert!(!said.contains("canary") && !said.contains("can ary"), "{said}");
        }
    }
}

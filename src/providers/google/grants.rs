//! Requests Google's tokens, with one request for each method: signed key, refreshed login, exchanged token,
//! impersonation, metadata.

use super::credentials_file::{AuthorizedUser, ExternalAccount, GoogleGrant, Impersonation};
use super::error::{GoogleError, SCOPE};
use super::gcloud;
use super::service_account::ServiceAccountKey;
use crate::domain::secret::Secret;
use crate::providers::access_token::{AccessToken, token};
use crate::providers::token_client::{RequestBody, TokenClient, TokenRequest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::pin::Pin;
use std::time::SystemTime;

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
                Ok(token(&client.ask(metadata(host, "instance/service-accounts/default/token")).await?)?)
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
    Ok(token(&client.ask(request).await?)?)
}

async fn refresh(client: &TokenClient, user: &AuthorizedUser) -> Result<AccessToken, GoogleError> {
    let form = RequestBody::Form(vec![
        ("grant_type", Secret::new("refresh_token")),
        ("client_id", Secret::new(&user.client_id)),
        ("client_secret", user.client_secret.clone()),
        ("refresh_token", user.refresh_token.clone()),
    ]);
    let request = TokenRequest { url: user.token_uri.clone(), body: Some(form), ..TokenRequest::default() };
    Ok(token(&client.ask(request).await?)?)
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
    Ok(token(
        &client.ask(TokenRequest { url: account.token_url.clone(), headers, body, direct: false }).await?,
    )?)
}

async fn impersonate(client: &TokenClient, target: &Impersonation) -> Result<AccessToken, GoogleError> {
    let own = fetch(client, &target.source).await?.secret;
    let lifetime = format!("{}s", target.lifetime_seconds);
    let body = json!({"scope": [SCOPE], "lifetime": lifetime, "delegates": target.delegates});
    let headers = vec![("authorization".to_owned(), Secret::new(format!("Bearer {}", own.expose())))];
    let body = Some(RequestBody::Json(body));
    Ok(token(&client.ask(TokenRequest { url: target.url.clone(), headers, body, direct: false }).await?)?)
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

//! Builds the request that the wire sends from host, generation request and login. Pure: no look-up, no
//! key is fetched, no clock runs.

use super::adapt::{self, Adaptation};
use super::auth::Credential;
use super::endpoint_path::{expanded, with_query};
use super::hosts::Host;
use super::model_rules::DialectRule;
use super::protocols::{Dialect, Quirks};
use super::vertex;
use crate::domain::GenerationRequest;
use crate::domain::failure::{FailureDetail, FailureKind, FailureStage};
use crate::wire::{Origin, WireRequest};
use bytes::Bytes;
use url::{Host as UrlHost, ParseError, Url};

/// The plan for requests to one model.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestPlan {
    /// The generation request, defaults and adaptations included.
    pub ask: GenerationRequest,
    pub dialect: Dialect,
    /// The host's, the model's and the learned quirks together.
    pub quirks: Quirks,
}

/// The reason why no request can be built. Only a change of configuration or
/// environment fixes it, not another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The host's address is not known.
    #[error("provider `{host}` has no base URL: set {variables}base_url under [providers.{host}]")]
    NoBaseUrl {
        host: String,
        /// The variables that can hold it, each before an `or`.
        variables: String,
    },
    /// The address cannot be parsed, or contains a forbidden part.
    #[error("the base URL of provider `{host}` is unusable: {reason}")]
    BadBaseUrl { host: String, reason: String },
    /// The request would send a key unencrypted.
    #[error(
        "the base URL of provider `{0}` is plain http to another machine: use https, or set \
         allow_plain_http = true under [providers.{0}]"
    )]
    PlainHttp(String),
    /// Vertex needs a project here.
    #[error(
        "Vertex needs a Google Cloud project for this model: set GOOGLE_CLOUD_PROJECT, or project under [providers.vertex]"
    )]
    NoProject,
    /// An invalid project or location.
    #[error("`{value}` cannot be a Google Cloud {what}")]
    BadPlace {
        /// `project` or `location`.
        what: &'static str,
        /// The value as given.
        value: String,
    },
    /// A header that HTTP cannot carry.
    #[error(
        "provider `{host}`: header `{name}` cannot be sent: it holds a character that HTTP does not allow"
    )]
    BadHeader { host: String, name: String },
}

impl From<PrepareError> for FailureDetail {
    fn from(error: PrepareError) -> Self {
        let kind = if error == PrepareError::NoProject { FailureKind::Auth } else { FailureKind::Unknown };
        FailureDetail::new(kind, FailureStage::Prepare, error.to_string())
    }
}

/// Plans requests to a model: the host's rules for its name, then all learned adaptations.
pub fn plan(host: &Host, mut ask: GenerationRequest, learned: &[Adaptation]) -> RequestPlan {
    let chosen = host.dialects.choose(&ask.model_id);
    let mut dialect = learned.iter().rev().find_map(|adaptation| adaptation.dialect()).unwrap_or(chosen);
    if ask.reasoning_effort.is_none() {
        ask.reasoning_effort = host.default_effort(&ask.model_id, dialect).map(str::to_owned);
    }
    let mut quirks = host.quirks(&ask.model_id, dialect);
    adapt::apply(learned, &mut ask, &mut quirks, &mut dialect);
    ask.max_output_tokens = ask.max_output_tokens.max(dialect.smallest_budget());
    RequestPlan { ask, dialect, quirks }
}

/// The path of a planned request below its base URL: the host's template in its own dialect, else the dialect's path;
/// with the host's query.
pub fn path(host: &Host, plan: &RequestPlan) -> String {
    let model = plan.ask.model_id.as_str();
    let own = host.path.as_ref().filter(|_| host.dialects == DialectRule::Fixed(plan.dialect));
    let path = own.map_or_else(|| plan.dialect.path(model), |template| expanded(&template.value, model));
    with_query(&path, &host.query)
}

/// Builds the generation request. `path` is the dialect's own path below a base URL, percent-encoded, with its query.
///
/// # Errors
/// [`PrepareError`] if host, project or headers are unusable.
pub fn request(
    host: &Host,
    plan: &RequestPlan,
    path: &str,
    body: Bytes,
    credential: &Credential,
) -> Result<WireRequest, PrepareError> {
    let (target, path) = endpoint(host, plan, path, credential)?;
    let headers = headers(host, credential)?;
    Ok(WireRequest { method: "POST", target, proxy: None, path, headers, body })
}

/// Builds the request for a page of a list of models. `path` holds its query.
///
/// # Errors
/// As [`request`].
pub fn list_request(
    host: &Host,
    base: &str,
    path: &str,
    credential: &Credential,
) -> Result<WireRequest, PrepareError> {
    let (target, path) = join(host, base, path)?;
    let mut headers = headers(host, credential)?;
    headers.retain(|(name, _)| name != "Content-Type");
    for (_, value) in headers.iter_mut().filter(|(name, _)| name == "Accept") {
        "application/json".clone_into(value);
    }
    Ok(WireRequest { method: "GET", target, proxy: None, path, headers, body: Bytes::new() })
}

/// The destination of a request: the machine, and path with query.
///
/// # Errors
/// As [`request`].
pub fn endpoint(
    host: &Host,
    plan: &RequestPlan,
    path: &str,
    credential: &Credential,
) -> Result<(Origin, String), PrepareError> {
    if host.dialects == DialectRule::Vertex {
        return vertex_endpoint(host, plan, path, credential);
    }
    let base = host.base_url.as_ref().ok_or_else(|| no_base_url(host))?;
    join(host, &base.value, path)
}

/// The error of a host without an address.
pub fn no_base_url(host: &Host) -> PrepareError {
    let variables: String = host.base_url_vars.iter().map(|var| format!("{}, or ", var.name)).collect();
    PrepareError::NoBaseUrl { host: host.name.clone(), variables }
}

fn vertex_endpoint(
    host: &Host,
    plan: &RequestPlan,
    path: &str,
    credential: &Credential,
) -> Result<(Origin, String), PrepareError> {
    let location = host.region_for(&plan.ask).unwrap_or(vertex::DEFAULT_LOCATION);
    let path = vertex::path(plan.dialect, &plan.ask.model_id, project(host, credential), location, path)?;
    let own = host.messages_base_url.as_ref().filter(|_| plan.dialect == Dialect::Messages);
    match own.or(host.base_url.as_ref()) {
        Some(base) => join(host, &vertex::versioned(&base.value), &path),
        None if vertex::is_name(location) => join(host, &vertex::base_url(location), &path),
        None => Err(PrepareError::BadPlace { what: "location", value: location.to_owned() }),
    }
}

/// The project that Vertex bills. An API key has none: its requests name no project.
fn project<'a>(host: &'a Host, credential: &'a Credential) -> Option<&'a str> {
    match credential {
        Credential::Header(..) => None,
        Credential::Google { project: own, .. } => {
            host.project.as_ref().map(|project| project.value.as_str()).or(own.as_deref())
        }
        _ => host.project.as_ref().map(|project| project.value.as_str()),
    }
}

/// Joins base URL and path for the wire. The path is appended as text, so that nothing in it can leave the base path.
fn join(host: &Host, base: &str, path: &str) -> Result<(Origin, String), PrepareError> {
    let url = checked(host, base)?;
    let tls = url.scheme() == "https";
    let name = match url.host() {
        Some(UrlHost::Ipv6(address)) => address.to_string(),
        Some(name) => name.to_string(),
        None => return Err(unusable(host, "it names no machine")),
    };
    let port = url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 });
    Ok((Origin { tls, host: name, port }, format!("{}{path}", url.path().trim_end_matches('/'))))
}

/// How a base URL begins.
const BEGINNING: &str = "it must begin with https://, or with http:// on this machine";

/// Parses a base URL and checks that requests may be sent to it.
///
/// # Errors
/// [`PrepareError`] if it is not a URL, is neither https nor loopback nor allowed, or holds a
/// user, a query or a fragment.
pub fn checked(host: &Host, base: &str) -> Result<Url, PrepareError> {
    let url = Url::parse(base).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => unusable(host, BEGINNING),
        error => unusable(host, &error.to_string()),
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable(host, "it holds a user or password: keys have their own settings"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unusable(host, "it has a query or a fragment"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if host.allow_plain_http || is_loopback(&url) => Ok(url),
        "http" => Err(PrepareError::PlainHttp(host.name.clone())),
        other => Err(unusable(host, &format!("its scheme is `{other}`: {BEGINNING}"))),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(UrlHost::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(UrlHost::Ipv4(address)) => address.is_loopback(),
        Some(UrlHost::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn unusable(host: &Host, reason: &str) -> PrepareError {
    PrepareError::BadBaseUrl { host: host.name.clone(), reason: reason.to_owned() }
}

/// All headers except those that the wire adds.
fn headers(host: &Host, credential: &Credential) -> Result<Vec<(String, String)>, PrepareError> {
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Accept".to_owned(), "text/event-stream".to_owned()),
        ("User-Agent".to_owned(), concat!("llmbench/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    headers.extend(host.headers.iter().map(|header| (header.name.clone(), header.value.clone())));
    if let (Credential::Google { user: true, .. }, Some(project)) = (credential, project(host, credential)) {
        headers.push(("x-goog-user-project".to_owned(), project.to_owned()));
    }
    headers.extend(credential.headers());
    match headers.iter().find(|(name, value)| !is_header(name, value)) {
        Some((name, _)) => Err(PrepareError::BadHeader { host: host.name.clone(), name: name.clone() }),
        None => Ok(headers),
    }
}

/// True if HTTP can carry a header: a token as its name, visible ASCII, spaces and tabs as its value.
pub fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let visible = |byte: u8| byte == b'\t' || (0x20..0x7f).contains(&byte);
    !name.is_empty() && name.bytes().all(token) && value.bytes().all(visible)
}

#[cfg(test)]
mod tests;

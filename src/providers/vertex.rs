//! Addresses of Vertex's models: hosts by location, paths by publisher. Pure; `providers::google`
//! handles tokens. <https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations>

use super::prepare::PrepareError;
use super::protocols::Dialect;

/// The location that Google's SDK uses for requests without one.
pub const DEFAULT_LOCATION: &str = "global";

/// The base URL of a location: one host for `global`, one for each of the multi-regions
/// `us` and `eu`, one per region.
pub fn base_url(location: &str) -> String {
    match location {
        "global" => "https://aiplatform.googleapis.com/v1".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com/v1"),
        region => format!("https://{region}-aiplatform.googleapis.com/v1"),
    }
}

/// Adds an API version to a base URL from outside if it is missing: vendors' SDKs disagree on
/// whether it is part of it.
pub fn versioned(base_url: &str) -> String {
    let bare = base_url.trim_end_matches('/');
    let last = bare.rsplit('/').next().unwrap_or(bare);
    let version = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|ch: char| ch.is_ascii_digit()));
    if version { bare.to_owned() } else { format!("{bare}/v1") }
}

/// True if a text can be a project or a location: it becomes part of a path, and the location part of a host name.
pub fn is_name(text: &str) -> bool {
    let fits = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '.' | ':' | '_');
    !text.is_empty() && text.len() <= 100 && text.chars().all(fits) && !text.starts_with('.')
}

/// The path below the base URL. `dialect_path` is the dialect's own path; without a project
/// (express mode) only Gemini has one.
///
/// # Errors
/// [`PrepareError`] if a project is missing, or project or location are invalid.
pub fn path(
    dialect: Dialect,
    model_id: &str,
    project: Option<&str>,
    location: &str,
    dialect_path: &str,
) -> Result<String, PrepareError> {
    let Some(project) = project else {
        return match dialect {
            Dialect::Gemini => Ok(format!("/publishers/google{dialect_path}")),
            _ => Err(PrepareError::NoProject),
        };
    };
    for (what, value) in [("project", project), ("location", location)] {
        if !is_name(value) {
            return Err(PrepareError::BadPlace { what, value: value.to_owned() });
        }
    }
    let place = format!("/projects/{project}/locations/{location}");
    Ok(match dialect {
        Dialect::Chat => format!("{place}/endpoints/openapi{dialect_path}"),
        Dialect::Messages => {
            format!("{place}/publishers/anthropic/models/{}:streamRawPredict", encoded(model_id))
        }
        _ => format!("{place}/publishers/google{dialect_path}"),
    })
}

/// Percent-encodes a path segment; `@` stays, as in Google's own ids (`claude-sonnet-4-5@20250929`).
fn encoded(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@');
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_by_location() {
        assert_eq!(base_url("global"), "https://aiplatform.googleapis.com/v1");
        assert_eq!(base_url("eu"), "https://aiplatform.eu.rep.googleapis.com/v1");
        assert_eq!(base_url("europe-west4"), "https://europe-west4-aiplatform.googleapis.com/v1");
    }

    #[test]
    fn versions_are_added_once() {
        assert_eq!(versioned("https://x"), "https://x/v1");
        assert_eq!(versioned("https://x/v1/"), "https://x/v1");
        assert_eq!(versioned("https://x/v1beta1"), "https://x/v1beta1");
        assert_eq!(versioned("https://x/vertex"), "https://x/vertex/v1");
    }

    #[test]
    fn paths_by_publisher() {
        let at = |dialect, model: &str, own: &str| path(dialect, model, Some("p"), "eu", own).unwrap();
        assert_eq!(
            at(Dialect::Gemini, "gemini-2.5-pro", "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
            "/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
        );
        assert_eq!(
            at(Dialect::Messages, "claude-sonnet-4-5@20250929", "/messages"),
            "/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict"
        );
        assert_eq!(
            at(Dialect::Chat, "meta/llama-maas", "/chat/completions"),
            "/projects/p/locations/eu/endpoints/openapi/chat/completions"
        );
        assert!(at(Dialect::Messages, "a/../b?c", "").contains("/models/a%2F..%2Fb%3Fc:"));
    }

    #[test]
    fn without_a_project_there_is_gemini_alone() {
        assert_eq!(
            path(Dialect::Gemini, "g", None, "global", "/models/g:x").unwrap(),
            "/publishers/google/models/g:x"
        );
        assert_eq!(
            path(Dialect::Messages, "claude-x", None, "global", "/messages"),
            Err(PrepareError::NoProject)
        );
    }

    #[test]
    fn names_cannot_leave_their_place() {
        for bad in ["", "a/b", "a?b", "..", "evil.com#", "a b"] {
            assert!(path(Dialect::Gemini, "g", Some(bad), "global", "/models/g:x").is_err(), "{bad}");
            assert!(path(Dialect::Gemini, "g", Some("p"), bad, "/models/g:x").is_err(), "{bad}");
        }
        assert!(is_name("example.com:my-project") && is_name("europe-west4"));
    }
}

//! The path and the query that a host puts around its models, as text of the configuration: a template with `{model}`,
//! and names with values. Pure.

use super::protocols::percent_encoded;
use crate::domain::sourced::{Source, Sourced};

/// Stands for the model's id in a template.
const MODEL: &str = "{model}";

/// A name and a value in the query of every request to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPair {
    pub name: String,
    pub value: Sourced<String>,
}

impl QueryPair {
    pub fn new(name: &str, value: &str, source: Source) -> Self {
        Self { name: name.to_owned(), value: Sourced::new(value.to_owned(), source) }
    }
}

/// Checks a template of a path below a base URL.
///
/// # Errors
/// The reason why no request can be sent to it.
pub fn check_path(template: &str) -> Result<(), String> {
    if !template.starts_with('/') {
        return Err("it must begin with /: it is appended to base_url".to_owned());
    }
    if let Some(odd) = template.chars().find(|ch| !ch.is_ascii_graphic() || "?#\\\"<>^`|".contains(*ch)) {
        return Err(match odd {
            '?' => "it holds a `?`: names and values of the query belong into query".to_owned(),
            odd => format!("it holds the character {odd:?}, which no path can hold"),
        });
    }
    if template.replace(MODEL, "").contains(['{', '}']) {
        return Err(format!("it holds a brace outside {MODEL}, the only part that is filled in"));
    }
    if template.split('/').any(|part| part == ".." || part == ".") {
        return Err("it holds a part of dots, which would leave base_url".to_owned());
    }
    Ok(())
}

/// Checks a name of the query.
///
/// # Errors
/// The reason why it cannot stand there.
pub fn check_query_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a name in it is empty".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    if ["key", "token", "secret", "password", "signature"].iter().any(|word| lower.contains(word)) {
        return Err(format!(
            "`{name}` looks like a key, and queries are written to logs: keys have key_env, key_file, key_command \
             and key_header"
        ));
    }
    Ok(())
}

/// The path of a template for a model, percent-encoded.
pub fn expanded(template: &str, model_id: &str) -> String {
    template.replace(MODEL, &percent_encoded(model_id))
}

/// A path with the pairs appended whose names its query does not have yet.
pub fn with_query(path: &str, pairs: &[QueryPair]) -> String {
    let mut whole = path.to_owned();
    for pair in pairs {
        let name = percent_encoded(&pair.name);
        let there = whole.split_once('?').is_some_and(|(_, query)| {
            query.split('&').any(|own| own.split('=').next() == Some(name.as_str()))
        });
        if !there {
            whole.push(if whole.contains('?') { '&' } else { '?' });
            whole.push_str(&format!("{name}={}", percent_encoded(&pair.value.value)));
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(name: &str, value: &str) -> QueryPair {
        QueryPair::new(name, value, Source::Default)
    }

    #[test]
    fn a_template_is_filled_in_and_gets_its_query() {
        let path = expanded("/deployments/{model}/chat/completions", "my gpt/4?");
        assert_eq!(path, "/deployments/my%20gpt%2F4%3F/chat/completions");
        let pairs = [pair("api-version", "2024-10-21"), pair("a b", "ä&=")];
        assert_eq!(with_query("/x", &pairs), "/x?api-version=2024-10-21&a%20b=%C3%A4%26%3D");
        assert_eq!(with_query("/x?alt=sse&api-version=1", &pairs[..1]), "/x?alt=sse&api-version=1");
        assert_eq!(with_query("/x?alt=sse", &pairs[..1]), "/x?alt=sse&api-version=2024-10-21");
        assert_eq!(with_query("/x", &[]), "/x");
    }

    #[test]
    fn mistakes_are_named() {
        for (template, said) in [
            ("", "begin with /"),
            ("deployments", "begin with /"),
            ("/a b", "' '"),
            ("/a?b=c", "belong into query"),
            ("/a#b", "'#'"),
            ("/{deployment}", "brace outside {model}"),
            ("/{model", "brace outside {model}"),
            ("/../admin", "part of dots"),
            ("/é", "'é'"),
        ] {
            let error = check_path(template).unwrap_err();
            assert!(error.contains(said), "{template}: {error}");
        }
        for fine in ["/deployments/{model}/chat/completions", "/", "/{model}:generate", "/a.b/c%20d"] {
            assert_eq!(check_path(fine), Ok(()), "{fine}");
        }
        assert_eq!(check_query_name("api-version"), Ok(()));
        for name in ["", "key", "subscription-key", "access_token", "X-Amz-Signature"] {
            assert!(check_query_name(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_model_leaves_its_place(model in ".{0,40}") {
            let path = with_query(&expanded("/a/{model}/b", &model), &[pair("v", "1")]);
            prop_assert!(path.starts_with("/a/") && path.ends_with("/b?v=1"), "{path}");
            prop_assert_eq!(path.matches('/').count(), 3);
            prop_assert_eq!(path.matches('?').count(), 1);
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

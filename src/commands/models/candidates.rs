//! The models to add, from arguments and a file.

use super::pins;
use crate::cli::models::ModelsAddArgs;
use crate::commands::exit::CommandError;
use crate::domain::ModelRef;
use crate::domain::canary;
use crate::domain::generation_request::QUIRKS;
use crate::domain::model::ROUTERS;
use crate::domain::name_rules::{LONGEST_NAME, check_name};
use crate::domain::nearest::nearest;
use crate::output::text::escape;
use crate::storage::catalog::endpoint_lanes::{PinnedEndpoint, pinned_endpoints, put_endpoints};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// A model that is to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCandidate {
    pub model: ModelRef,
    /// The display name, if given.
    pub display_name: Option<String>,
    pub metadata: Map<String, Value>,
}

/// A line of a file that is an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateLine {
    provider: String,
    model_id: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl ModelCandidate {
    /// A model without a name and quirks.
    pub fn new(model: ModelRef) -> Self {
        Self { model, display_name: None, metadata: Map::new() }
    }
}

/// The models that arguments and a file name, in their order. `providers` lists the known ones for errors.
///
/// # Errors
/// Status 2: a name without provider, a file that cannot be read.
pub fn named(args: &ModelsAddArgs, providers: &str) -> Result<Vec<ModelCandidate>, CommandError> {
    let mut found = Vec::new();
    for text in &args.models {
        found.push(candidate(text).map_err(|error| error.hint(providers))?);
    }
    if let Some(file) = &args.from_file {
        found.extend(in_file(&read(file)?, file)?);
    }
    Ok(found)
}

/// Removes repeated models, whose pinned endpoints are joined, and applies the flags, which concern all of them.
///
/// # Errors
/// Status 2: no model, a display name for more than one model, an unknown quirk, an endpoint for a model of no router.
pub fn settled(
    mut found: Vec<ModelCandidate>,
    args: &ModelsAddArgs,
) -> Result<Vec<ModelCandidate>, CommandError> {
    let metadata = metadata(&args.metadata, args.force)?;
    found = joined(found);
    if found.is_empty() {
        return Err(CommandError::usage("no model was named")
            .hint("llmbench models add PROVIDER:MODEL_ID… or --from-file FILE; at a terminal, and without --yes, it asks"));
    }
    if args.display_name.is_some() && found.len() > 1 {
        return Err(CommandError::usage("--display-name is for one model")
            .hint("give each its own in a file: {\"provider\": …, \"model_id\": …, \"display_name\": …}"));
    }
    for candidate in &mut found {
        pin(candidate, &args.endpoints)?;
        candidate.metadata.extend(metadata.clone());
        if args.canary {
            canary::ask(&mut candidate.metadata, true);
        }
        candidate.display_name = args.display_name.clone().or(candidate.display_name.take());
    }
    Ok(found)
}

/// Each model once, with the endpoints of all its mentions.
fn joined(found: Vec<ModelCandidate>) -> Vec<ModelCandidate> {
    let mut once: Vec<ModelCandidate> = Vec::new();
    for candidate in found {
        match once.iter_mut().find(|there| there.model == candidate.model) {
            Some(there) => {
                let endpoints =
                    pins::joined(&pinned_endpoints(&there.metadata), &pinned_endpoints(&candidate.metadata));
                put_endpoints(&mut there.metadata, &endpoints);
            }
            None => once.push(candidate),
        }
    }
    once
}

/// Pins a candidate to endpoints.
///
/// # Errors
/// Status 2 if its provider routes nothing.
fn pin(candidate: &mut ModelCandidate, tags: &[String]) -> Result<(), CommandError> {
    if tags.is_empty() {
        return Ok(());
    }
    if !candidate.model.is_routed() {
        return Err(CommandError::usage(format!(
            "--endpoint: {} is no router, and its models have no endpoints to choose from",
            candidate.model.provider
        ))
        .hint(format!(
            "routers are {}; --endpoint-tag of `models set` names a direct endpoint",
            ROUTERS.join(", ")
        )));
    }
    let new = tags.iter().map(|tag| Ok(endpoint(pins::checked_tag("--endpoint", tag)?)));
    let new = new.collect::<Result<Vec<PinnedEndpoint>, CommandError>>()?;
    let endpoints = pins::joined(&pinned_endpoints(&candidate.metadata), &new);
    put_endpoints(&mut candidate.metadata, &endpoints);
    Ok(())
}

fn endpoint(tag: String) -> PinnedEndpoint {
    PinnedEndpoint { tag, ..PinnedEndpoint::default() }
}

/// Parses a model, with the endpoint behind an `@` of a router's; its parts may hold nothing that would forge a line of
/// output.
///
/// # Errors
/// Status 2 if it is no `provider:model_id`, or a part of it could not be a name.
pub fn candidate(text: &str) -> Result<ModelCandidate, CommandError> {
    let model: ModelRef = text.parse().map_err(|error| CommandError::usage(format!("{error}")))?;
    let mut candidate = ModelCandidate::new(model.unpinned());
    sound(&candidate.model)?;
    if let Some(tag) = model.endpoint_tag() {
        let tag = pins::checked_tag("the endpoint", tag)?;
        put_endpoints(&mut candidate.metadata, &[endpoint(tag)]);
    }
    Ok(candidate)
}

/// Refuses names that a bridge would refuse too.
///
/// # Errors
/// Status 2 if the name is not valid.
pub fn sound(model: &ModelRef) -> Result<(), CommandError> {
    for (what, name) in [("provider", &model.provider), ("model id", &model.model_id)] {
        check_name(name).map_err(|why| {
            let shown: String = escape(&model.to_string()).chars().take(LONGEST_NAME).collect();
            CommandError::usage(format!("`{shown}`: its {what} {why}"))
        })?;
    }
    Ok(())
}

/// Parses `KEY=VALUE`; the value is JSON if possible, else text. Accepts keys that no request obeys only with `force`.
///
/// # Errors
/// Status 2, with the form, or with the known keys.
pub fn metadata(pairs: &[String], force: bool) -> Result<Map<String, Value>, CommandError> {
    let pair = |text: &String| {
        let wrong = || {
            CommandError::usage(format!("--metadata {}: write KEY=VALUE", text.escape_debug()))
                .hint("for example --metadata omit_temperature=true")
        };
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let plain = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
        if key.is_empty() || !key.chars().all(plain) {
            return Err(wrong());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        if !force {
            obeyed(key)?;
        }
        Ok((key.to_owned(), value))
    };
    pairs.iter().map(pair).collect()
}

/// Refuses a quirk that would change no request: most often it is mistyped.
fn obeyed(key: &str) -> Result<(), CommandError> {
    if QUIRKS.contains(&key) {
        return Ok(());
    }
    let meant = nearest(key, QUIRKS).map_or_else(String::new, |name| format!(": did you mean {name}?"));
    Err(CommandError::usage(format!("--metadata {key}: no request quirk has this name{meant}"))
        .hint(format!("there are {}; --force keeps another for a program that knows it", QUIRKS.join(", "))))
}

fn read(file: &Path) -> Result<String, CommandError> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| CommandError::usage(format!("--from-file {}: {error}", file.display())))
}

fn in_file(text: &str, file: &Path) -> Result<Vec<ModelCandidate>, CommandError> {
    let lines = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
    let meant = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let parsed = meant.map(|(place, line)| {
        let found = if line.starts_with('{') { object(line) } else { candidate(line) };
        found.map_err(|error| {
            CommandError::usage(format!("--from-file {} line {place}: {}", file.display(), error.message))
        })
    });
    parsed.collect()
}

fn object(line: &str) -> Result<ModelCandidate, CommandError> {
    let line: CandidateLine = serde_json::from_str(line).map_err(CommandError::usage)?;
    let named = candidate(&format!("{}:{}", line.provider, line.model_id))?;
    let endpoints = pins::joined(&pinned_endpoints(&line.metadata), &pinned_endpoints(&named.metadata));
    let mut metadata = line.metadata;
    put_endpoints(&mut metadata, &endpoints);
    Ok(ModelCandidate { model: named.model, display_name: line.display_name, metadata })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name_rules::is_hidden;
    use serde_json::json;

    #[test]
    fn a_file_holds_names_and_objects() {
        let text = "# new ones\n\ngroq:a\n {\"provider\": \"bedrock\", \"model_id\": \"us.x-v1:0\", \"display_name\": \"X\"}\r\n";
        let found = in_file(text, Path::new("f")).unwrap();
        assert_eq!(found[0].model, ModelRef::new("groq", "a"));
        assert_eq!(found[1].model, ModelRef::new("bedrock", "us.x-v1:0"));
        assert_eq!(found[1].display_name.as_deref(), Some("X"));
        for (wrong, place) in
            [("groq", "line 1"), ("groq:a\n{\"provider\": 1}", "line 2"), ("{\"a\":1}", "line 1")]
        {
            let error = in_file(wrong, Path::new("f")).unwrap_err();
            assert!(error.message.contains(place), "{}", error.message);
        }
    }

    #[test]
    fn values_are_json_or_text() {
        let pairs = ["omit_temperature=true", "reasoning_effort=low", "n=1"].map(str::to_owned);
        let found = Value::Object(metadata(&pairs, true).unwrap());
        assert_eq!(found, json!({"omit_temperature": true, "reasoning_effort": "low", "n": 1}));
        for wrong in ["x", "=1", "a.b=1", "$set=1"] {
            assert!(metadata(&[wrong.to_owned()], true).is_err(), "{wrong}");
        }
        let error = metadata(&["omit_temprature=true".to_owned()], false).unwrap_err();
        assert!(error.message.ends_with("did you mean omit_temperature?"), "{}", error.message);
    }

    #[test]
    fn no_name_forges_a_line() {
        for wrong in ["a\nb", "\u{1b}[2J", "a\u{202e}b", "a\u{200b}", "../a", "__proto__", &"x".repeat(257)] {
            let error = candidate(&format!("groq:{wrong}")).unwrap_err();
            assert!(error.message.contains("its model id must"), "{}", error.message);
            assert!(!error.message.contains(is_hidden) && error.message.len() < 400, "{}", error.message);
        }
        assert!(candidate("..:a").unwrap_err().message.contains("its provider must not hold"));
    }
}

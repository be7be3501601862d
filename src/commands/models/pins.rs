//! Endpoints to which a router's models are pinned: their lanes for a call, their facts from the router, and the changes
//! of a catalog entry. Pinning means one entry with a list of endpoints, each measured as a lane of its own.

use super::candidates::ModelCandidate;
use crate::commands::catalog::sync;
use crate::commands::context::{Context, store_error};
use crate::commands::exit::CommandError;
use crate::domain::ModelRef;
use crate::domain::listing::ListedEndpoint;
use crate::domain::listing::listed_id;
use crate::domain::model::is_endpoint_tag;
use crate::output::print;
use crate::output::text::escape;
use crate::storage::catalog::endpoint_lanes::{PinnedEndpoint, lane, pinned_endpoints, put_endpoints};
use crate::storage::{Store, WorkItem};

/// Checks a tag, which becomes part of requests and rows.
///
/// # Errors
/// Status 2 with `what` and the form of a tag.
pub fn checked_tag(what: &str, tag: &str) -> Result<String, CommandError> {
    if is_endpoint_tag(tag) {
        return Ok(tag.to_owned());
    }
    let shown: String = escape(tag).chars().take(100).collect();
    Err(CommandError::usage(format!(
        "{what} `{shown}`: a tag is letters, digits, - _ . and /, as deepinfra/fp4"
    )))
}

/// What is called to try a candidate: the model, or each endpoint to which it is pinned.
pub fn lanes(candidate: &ModelCandidate) -> Vec<ModelCandidate> {
    let item = WorkItem {
        model: candidate.model.clone(),
        display_name: String::new(),
        metadata: candidate.metadata.clone(),
    };
    let endpoints = pinned_endpoints(&candidate.metadata);
    if endpoints.is_empty() {
        return vec![candidate.clone()];
    }
    let of_endpoint = |endpoint| {
        let WorkItem { model, metadata, .. } = lane(&item, endpoint);
        ModelCandidate { model, metadata, ..candidate.clone() }
    };
    endpoints.iter().map(of_endpoint).collect()
}

/// Completes the endpoints of candidates by what the router lists: from the store, else asked now if calls are allowed.
/// An endpoint that is not listed is told and kept, because a call decides.
///
/// # Errors
/// The store's.
pub async fn complete(
    candidates: &mut [ModelCandidate],
    context: &Context,
    store: &dyn Store,
    may_call: bool,
) -> Result<(), CommandError> {
    for candidate in candidates {
        let mut endpoints = pinned_endpoints(&candidate.metadata);
        if endpoints.is_empty() {
            continue;
        }
        let id = listed_id(&candidate.model.provider, &candidate.model.model_id);
        let stored = store.endpoints(Some(id)).await;
        let stored = stored.map_err(|error| store_error("reading the endpoints", error))?;
        let mut listed: Vec<ListedEndpoint> = stored.into_iter().map(|row| row.listed).collect();
        let is_known = |tag: &str| listed.iter().any(|known| known.tag == tag);
        if may_call && !endpoints.iter().all(|endpoint| is_known(&endpoint.tag)) {
            match sync::endpoints(&candidate.model, context).await {
                Ok(found) => listed = found,
                Err(why) => print::note(&format!("{}: its endpoints cannot be read: {why}", candidate.model)),
            }
        }
        for endpoint in &mut endpoints {
            tell_unlisted(&candidate.model, &endpoint.tag, &listed);
            fill(endpoint, &listed);
        }
        put_endpoints(&mut candidate.metadata, &endpoints);
    }
    Ok(())
}

fn tell_unlisted(model: &ModelRef, tag: &str, listed: &[ListedEndpoint]) {
    if listed.is_empty() || listed.iter().any(|known| known.tag == tag) {
        return;
    }
    let mut tags: Vec<&str> = listed.iter().map(|known| known.tag.as_str()).collect();
    tags.sort_unstable();
    print::note(&format!("{model}: no endpoint {tag} is listed; there are {}", tags.join(", ")));
}

fn fill(endpoint: &mut PinnedEndpoint, listed: &[ListedEndpoint]) {
    let Some(known) = listed.iter().find(|known| known.tag == endpoint.tag) else { return };
    endpoint.quantization = endpoint.quantization.take().or_else(|| known.quantization.clone());
    endpoint.provider_name = endpoint.provider_name.take().or_else(|| Some(known.provider_name.clone()));
}

/// The endpoints of both, each tag once. What is known of a tag stays, because rows are grouped by it, and gaps are filled.
pub fn joined(before: &[PinnedEndpoint], new: &[PinnedEndpoint]) -> Vec<PinnedEndpoint> {
    let mut all = before.to_vec();
    for endpoint in new {
        match all.iter_mut().find(|known| known.tag == endpoint.tag) {
            Some(known) => {
                known.quantization = known.quantization.take().or_else(|| endpoint.quantization.clone());
                known.provider_name = known.provider_name.take().or_else(|| endpoint.provider_name.clone());
            }
            None => all.push(endpoint.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn endpoint(tag: &str, quantization: Option<&str>) -> PinnedEndpoint {
        PinnedEndpoint { tag: tag.into(), quantization: quantization.map(Into::into), provider_name: None }
    }

    #[test]
    fn a_candidate_is_called_at_each_of_its_endpoints() {
        let mut candidate = ModelCandidate::new("openrouter:a/b".parse().unwrap());
        assert_eq!(lanes(&candidate), [candidate.clone()]);
        put_endpoints(&mut candidate.metadata, &[endpoint("x/fp8", Some("fp8")), endpoint("y", None)]);
        let called = lanes(&candidate);
        let names: Vec<String> = called.iter().map(|one| one.model.to_string()).collect();
        assert_eq!(names, ["openrouter:a/b@x/fp8", "openrouter:a/b@y"]);
        assert_eq!(Value::Object(called[0].metadata.clone()), json!({"quantization": "fp8"}));
    }

    #[test]
    fn what_the_operator_said_stays() {
        let listed = [ListedEndpoint {
            tag: "x".into(),
            provider_name: "X".into(),
            quantization: Some("fp4".into()),
            ..ListedEndpoint::default()
        }];
        let mut said = endpoint("x", Some("fp8"));
        fill(&mut said, &listed);
        assert_eq!((said.quantization.as_deref(), said.provider_name.as_deref()), (Some("fp8"), Some("X")));
        let all = joined(
            &[endpoint("x", None), endpoint("y", Some("int4"))],
            &[endpoint("x", Some("fp8")), endpoint("y", Some("fp4"))],
        );
        assert_eq!(all, [endpoint("x", Some("fp8")), endpoint("y", Some("int4"))]);
    }
}

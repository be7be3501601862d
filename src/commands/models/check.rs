//! Checks of a candidate before any call. Pure: the table of hosts and the catalog in, findings out.

use super::candidates::ModelCandidate;
use crate::commands::unknown_names::near_among;
use crate::domain::ModelRef;
use crate::domain::sourced::Sourced;
use crate::providers::bedrock_ids;
use crate::providers::hosts::{Auth, Host, Hosts, UnknownHost};
use crate::providers::suitability::{self, Hint};
use crate::storage::catalog::endpoint_lanes::pinned_endpoints;
use crate::storage::catalog::{CatalogEntry, PROBING};
use std::collections::HashSet;

/// The result of a candidate's checks.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedCandidate {
    pub candidate: ModelCandidate,
    /// Its entry, if it has one: on probation, or measured and to be pinned to further endpoints.
    pub entry: Option<CatalogEntry>,
    pub verdict: CandidateVerdict,
    /// Remarks for the user about it.
    pub notes: Vec<String>,
    /// Ids of inference profiles that are more likely to work.
    pub profiles: Vec<String>,
}

/// The decision about a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateVerdict {
    /// The model is added.
    Goes,
    /// It is measured already: there is nothing to do.
    There,
    /// It is refused for this reason.
    Refused(String),
}

/// The data that candidates are checked against.
pub struct CandidateContext<'a> {
    /// Hosts that can be called.
    pub hosts: &'a Hosts,
    pub entries: &'a [CatalogEntry],
    /// The stored lists of the candidates' providers.
    pub listed: &'a HashSet<ModelRef>,
    /// True if a real call decides afterwards.
    pub called: bool,
}

/// Checks one candidate.
///
/// # Errors
/// [`UnknownHost`] if there is no provider of that name.
pub fn check(
    candidate: ModelCandidate,
    against: &CandidateContext<'_>,
) -> Result<CheckedCandidate, UnknownHost> {
    let entries = against.entries;
    let host = against.hosts.find(&candidate.model.provider)?;
    let id = candidate.model.model_id.clone();
    let mut notes = Vec::new();
    let mut profiles = Vec::new();
    if host.keys.auth == Auth::AwsChain {
        profiles = bedrock_ids::suggestions(region(host), &id);
        match bare(&candidate.model, &mut profiles, against) {
            Some(why) => notes.push(format!("{why}; {}", bedrock_ids::spoken(&profiles))),
            None => profiles.clear(),
        }
    }
    notes.extend(suitability::hint(&id).map(spoken));
    let entry = entries.iter().find(|entry| entry.sound && entry.model == candidate.model).cloned();
    let twin = twin(&candidate.model, entries);
    if entry.is_none() && twin.is_none() && profiles.is_empty() {
        let near = near_among(&candidate.model, against.listed.iter().cloned());
        notes.extend(near.map(|near| format!("its provider lists no such model; {near}")));
    }
    let verdict = match (&entry, twin) {
        (Some(entry), _) if entry.is_enabled() && !pins_more(&candidate, entry) => CandidateVerdict::There,
        (Some(entry), _) if entry.is_enabled() => CandidateVerdict::Goes,
        (_, Some(twin)) if twin.is_enabled() => CandidateVerdict::Refused(format!(
            "`{}` is enabled already and differs in case alone",
            twin.model
        )),
        (Some(entry), _) if entry.text("status").as_deref() != Some(PROBING) => {
            CandidateVerdict::Refused(format!("{}: llmbench models enable {}", off(entry), entry.model))
        }
        (_, Some(twin)) => {
            notes
                .push(format!("`{}` is in the catalog too, disabled, and differs in case alone", twin.model));
            CandidateVerdict::Goes
        }
        _ => CandidateVerdict::Goes,
    };
    Ok(CheckedCandidate { candidate, entry, verdict, notes, profiles })
}

/// True if a candidate is pinned to an endpoint to which its entry is not.
fn pins_more(candidate: &ModelCandidate, entry: &CatalogEntry) -> bool {
    let there = entry.pinned_endpoints();
    pinned_endpoints(&candidate.metadata).iter().any(|new| there.iter().all(|old| old.tag != new.tag))
}

fn region(host: &Host) -> Option<&str> {
    host.region.as_ref().map(|Sourced { value, .. }| value.as_str())
}

/// The reason why a bare Bedrock id may not answer, if there is one; reduces `profiles`, the ids to try instead, to the
/// listed ones, if any of them is.
fn bare(
    model: &ModelRef,
    profiles: &mut Vec<String>,
    against: &CandidateContext<'_>,
) -> Option<&'static str> {
    let is_listed = |id: &str| against.listed.contains(&ModelRef::new(&model.provider, id));
    let is_bare = !profiles.is_empty() && model.model_id.contains('.');
    // Models that can be called through a profile alone are not listed by their own id.
    if !is_bare || is_listed(&model.model_id) {
        return None;
    }
    if profiles.iter().any(|id| is_listed(id)) {
        profiles.retain(|id| is_listed(id));
        return Some("Bedrock lists it through a profile alone");
    }
    if bedrock_ids::likely_needs_profile(&model.model_id) {
        return Some("Bedrock serves newer models through a profile alone");
    }
    (!against.called)
        .then_some("Bedrock serves many models through a profile alone, and nobody calls this one now")
}

/// An entry whose name differs in case alone, an enabled one first.
fn twin<'a>(model: &ModelRef, entries: &'a [CatalogEntry]) -> Option<&'a CatalogEntry> {
    let lower = model.to_string().to_lowercase();
    let twins = entries.iter().filter(|entry| {
        entry.sound && entry.model != *model && entry.model.to_string().to_lowercase() == lower
    });
    twins.max_by_key(|entry| entry.is_enabled())
}

fn spoken(hint: Hint) -> String {
    match hint {
        Hint::OtherKind(kind) => {
            format!("the name looks like {kind}, which cannot be measured; a real call decides")
        }
        Hint::Guard => "a guard model: it answers in one or two tokens, so its rates say little".to_owned(),
        Hint::Compound => "a compound system: its answers can be a thousand tokens and more".to_owned(),
    }
}

fn off(entry: &CatalogEntry) -> String {
    let reason = entry.text("disabled_reason").map_or_else(String::new, |reason| format!(" ({reason})"));
    let state = if entry.flag("deprecated") { "deprecated" } else { "disabled" };
    format!("it is in the catalog and {state}{reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::builtin_hosts;
    use serde_json::{Value, json};

    fn checked(name: &str, catalog: &[Value]) -> CheckedCandidate {
        let entries: Vec<CatalogEntry> =
            catalog.iter().map(|fields| CatalogEntry::new(fields.as_object().unwrap().clone())).collect();
        looked_at(name, &entries, &[], true).unwrap()
    }

    fn looked_at(
        name: &str,
        entries: &[CatalogEntry],
        listed: &[&str],
        called: bool,
    ) -> Result<CheckedCandidate, UnknownHost> {
        let hosts = Hosts::new(builtin_hosts::built_in());
        let listed = listed.iter().map(|name| name.parse().unwrap()).collect();
        let against = CandidateContext { hosts: &hosts, entries, listed: &listed, called };
        check(ModelCandidate::new(name.parse().unwrap()), &against)
    }

    #[test]
    fn bedrock_ids_get_their_profile_offered() {
        let bare = checked("bedrock:anthropic.claude-opus-4-7", &[]);
        assert_eq!(bare.verdict, CandidateVerdict::Goes);
        assert_eq!(bare.profiles, ["global.anthropic.claude-opus-4-7"]);
        assert!(bare.notes[0].contains("global.anthropic.claude-opus-4-7"), "{:?}", bare.notes);
        assert!(checked("bedrock:us.anthropic.claude-opus-4-7", &[]).notes.is_empty());
        assert!(checked("anthropic:anthropic.x", &[]).notes.is_empty());
    }

    #[test]
    fn what_bedrock_lists_counts_more_than_what_ids_look_like() {
        let profiles = |id: &str, listed: &[&str], called: bool| {
            let found = looked_at(&format!("bedrock:{id}"), &[], listed, called).unwrap();
            assert_eq!(found.notes.is_empty(), found.profiles.is_empty(), "{found:?}");
            found.profiles
        };
        let nova = "amazon.nova-pro-v1:0";
        assert_eq!(profiles(nova, &[], false), ["global.amazon.nova-pro-v1:0"]);
        assert!(profiles(nova, &[], true).is_empty(), "a real call decides");
        let there = ["bedrock:global.amazon.nova-pro-v1:0"];
        assert_eq!(profiles(nova, &there, true), ["global.amazon.nova-pro-v1:0"]);
        for id in ["anthropic.claude-x", nova] {
            assert!(profiles(id, &[&format!("bedrock:{id}")], false).is_empty(), "listed by its own id");
        }
        for id in ["us.amazon.nova-pro-v1:0", "arn:aws:bedrock:x", "imported"] {
            assert!(profiles(id, &[], false).is_empty(), "{id}");
        }
    }

    #[test]
    fn names_are_warned_of_and_allowed() {
        for name in ["openai:text-embedding-3-small", "groq:llama-guard-4", "groq:groq/compound"] {
            let found = checked(name, &[]);
            assert_eq!((found.verdict, found.notes.len()), (CandidateVerdict::Goes, 1), "{name}");
        }
    }

    #[test]
    fn what_is_there_already() {
        let row = |id: &str, enabled: bool, status: Value| {
            json!({"provider": "groq", "model_id": id, "enabled": enabled, "status": status,
                "disabled_reason": "broken"})
        };
        assert_eq!(checked("groq:m", &[row("m", true, Value::Null)]).verdict, CandidateVerdict::There);
        let CandidateVerdict::Refused(why) = checked("groq:m", &[row("m", false, Value::Null)]).verdict
        else {
            panic!()
        };
        assert!(why.contains("broken") && why.contains("models enable groq:m"), "{why}");
        let staged = checked("groq:m", &[row("m", false, json!("probing"))]);
        assert!(staged.verdict == CandidateVerdict::Goes && staged.entry.is_some());
        let CandidateVerdict::Refused(why) = checked("groq:m", &[row("M", true, Value::Null)]).verdict else {
            panic!()
        };
        assert!(why.contains("groq:M"), "{why}");
        let beside = checked("groq:m", &[row("M", false, Value::Null)]);
        assert_eq!((beside.verdict, beside.notes.len()), (CandidateVerdict::Goes, 1));
    }

    #[test]
    fn nobody_of_that_name() {
        let error = looked_at("grok:m", &[], &[], true).unwrap_err();
        assert!(error.to_string().contains("did you mean groq?"));
    }
}

//! The providers' model lists: addresses, paging, and parsing of pages. Pure; `listings` sends the requests. One file
//! for each shape of answer.
//!
//! An entry counts as a model unless its provider itself says that it writes no text (a type, a modality, a kind).
//! Names decide nothing; a later call does.

mod anthropic;
mod bedrock;
mod cohere;
mod databricks;
mod deepinfra;
mod facts;
mod fireworks;
mod google;
mod openai;
mod openrouter;
mod types;

pub use types::{ListingEndpoint, ListingEntry, ListingFormat, ListingPage};
use types::{page, token};

use super::hosts::{Auth, Host};
use super::model_rules::DialectRule;
use super::prepare::no_base_url;
use super::protocols::{Dialect, error_body};
use crate::domain::listing::listed_id;
use crate::domain::listing::{ListedEndpoint, ListedModel};
use crate::domain::model::ROUTERS;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The addresses of a host's list.
///
/// # Errors
/// A sentence, if the host has no base URL.
pub fn parts(host: &Host) -> Result<Vec<ListingEndpoint>, String> {
    if host.keys.auth == Auth::AwsChain {
        return Ok(bedrock::parts());
    }
    if host.dialects == DialectRule::Vertex {
        return Ok(google::vertex_parts(host));
    }
    let base = host.base_url.as_ref().map(|base| base.value.clone());
    let base = base.ok_or_else(|| no_base_url(host).to_string())?;
    let path: Cow<'static, str> =
        host.models_path.as_ref().map_or("/models".into(), |path| path.value.clone().into());
    let part = |shape| ListingEndpoint::new(shape, &base, Cow::clone(&path), "");
    if host.models_path.is_some() {
        return Ok(vec![part(of_dialect(host.dialects))]);
    }
    let main = match (host.name.as_str(), host.dialects) {
        ("azure", _) if base.ends_with("/openai") => {
            ListingEndpoint { path: AZURE_DEPLOYMENTS.into(), ..part(ListingFormat::Plain) }
        }
        ("cohere", _) => cohere::part(&base).unwrap_or_else(|| part(ListingFormat::Plain)),
        ("databricks", _) => databricks::part(&base).unwrap_or_else(|| part(ListingFormat::Plain)),
        ("fireworks", _) => fireworks::part(&base).unwrap_or_else(|| part(ListingFormat::Plain)),
        ("together", _) if base == TOGETHER_INFERENCE => {
            ListingEndpoint { base: TOGETHER_LIST.to_owned(), ..part(ListingFormat::Plain) }
        }
        ("openrouter", _) => part(ListingFormat::OpenRouter),
        ("deepinfra", _) => part(ListingFormat::DeepInfra),
        (_, dialects) => part(of_dialect(dialects)),
    };
    Ok(std::iter::once(main).chain(supplement(host, &base)).collect())
}

/// The part that states the quantization, of providers whose list does not: Cerebras' public models and DeepInfra's
/// older list, both read without a key.
fn supplement(host: &Host, base: &str) -> Option<ListingEndpoint> {
    let (above, path, shape) = match host.name.as_str() {
        "cerebras" => (base.strip_suffix("/v1")?, "/public/v1/models", ListingFormat::Plain),
        "deepinfra" => (base.strip_suffix("/v1/openai")?, "/models/list", ListingFormat::DeepInfraFacts),
        _ => return None,
    };
    Some(ListingEndpoint { supplements: true, ..ListingEndpoint::new(shape, above, path, "quantizations") })
}

/// The shape of a list that a server of this dialect has.
fn of_dialect(dialects: DialectRule) -> ListingFormat {
    match dialects {
        DialectRule::Fixed(Dialect::Messages) => ListingFormat::Anthropic,
        DialectRule::Fixed(Dialect::Gemini) => ListingFormat::Gemini,
        _ => ListingFormat::Plain,
    }
}

/// Azure's deployments, whose names are the ids to call; versions from 2023-05-15 on list the models behind them alone.
const AZURE_DEPLOYMENTS: &str = "/deployments?api-version=2023-03-15-preview";

/// Together's addresses for generation and for its list, from its SDK (3.1).
const TOGETHER_INFERENCE: &str = "https://api-inference.together.ai/v1";
const TOGETHER_LIST: &str = "https://api.together.ai/v1";

/// An address that answers only to a valid key, for hosts whose list is public. Costs no token.
/// <https://openrouter.ai/docs/api-reference/limits>, <https://deepinfra.com/docs/api-reference>
pub fn key_proof(host: &Host) -> Option<ListingEndpoint> {
    let base = &host.base_url.as_ref()?.value;
    let (base, path) = match host.name.as_str() {
        "openrouter" => (base.as_str(), "/key"),
        "deepinfra" => (base.strip_suffix("/openai")?, "/me"),
        _ => return None,
    };
    Some(ListingEndpoint::new(ListingFormat::Plain, base, path, ""))
}

/// True if a host's list is public, so that reading it does not test the key.
pub fn is_public(host: &Host) -> bool {
    matches!(
        host.name.as_str(),
        "openrouter" | "deepinfra" | "sambanova" | "novita" | "nvidia" | "huggingface"
    )
}

impl ListingEndpoint {
    /// Path and query of a page. `cursor` is the previous page's `next`.
    pub fn page_path(&self, cursor: Option<&str>) -> String {
        let query = match self.shape {
            ListingFormat::Plain
            | ListingFormat::DeepInfra
            | ListingFormat::DeepInfraFacts
            | ListingFormat::FoundationModels
            | ListingFormat::ServingEndpoints => String::new(),
            ListingFormat::Cohere => cohere::query(cursor),
            ListingFormat::Anthropic => anthropic::query(cursor),
            ListingFormat::Gemini => google::gemini_query(cursor),
            ListingFormat::Publisher(_) => google::publisher_query(cursor),
            ListingFormat::InferenceProfiles => bedrock::profiles_query(cursor),
            ListingFormat::Fireworks => fireworks::query(cursor),
            ListingFormat::OpenRouter => openrouter::query(cursor),
        };
        let publisher = match self.shape {
            ListingFormat::Publisher(name) => format!("/publishers/{name}"),
            _ => String::new(),
        };
        format!("{publisher}{}{query}", self.path)
    }

    /// Parses the page requested with `cursor`.
    ///
    /// # Errors
    /// A sentence that describes the bytes, if they are not a page of this shape.
    pub fn page(&self, cursor: Option<&str>, body: &[u8]) -> Result<ListingPage, String> {
        let document = document(body)?;
        let page = match self.shape {
            ListingFormat::Plain => openai::page(&document),
            ListingFormat::DeepInfra => deepinfra::page(&document),
            ListingFormat::DeepInfraFacts => deepinfra::facts_page(&document),
            ListingFormat::Anthropic => anthropic::page(&document),
            ListingFormat::Gemini => google::gemini_page(&document),
            ListingFormat::Publisher(name) => google::publisher_page(&document, name),
            ListingFormat::FoundationModels => bedrock::models_page(&document),
            ListingFormat::InferenceProfiles => bedrock::profiles_page(&document),
            ListingFormat::Fireworks => fireworks::page(&document),
            ListingFormat::OpenRouter => openrouter::page(&document, cursor),
            ListingFormat::Cohere => cohere::page(&document),
            ListingFormat::ServingEndpoints => databricks::page(&document),
        }?;
        if page.next.is_some() && page.next.as_deref() == cursor {
            return Err("its next page is the page itself".to_owned());
        }
        if self.supplements {
            let entries = page.entries.into_iter();
            let entries = entries.map(|entry| ListingEntry { callable: false, ..entry }).collect();
            return Ok(ListingPage { raw_count: 0, entries, ..page });
        }
        Ok(page)
    }

    /// Parses the endpoints of a router's model.
    ///
    /// # Errors
    /// As [`ListingEndpoint::page`].
    pub fn endpoints(body: &[u8]) -> Result<Vec<ListedEndpoint>, String> {
        openrouter::endpoints(&document(body)?)
    }
}

/// The address of the endpoints of one of a router's models.
pub fn endpoints_part(host: &Host, model_id: &str) -> Option<ListingEndpoint> {
    let base = host.base_url.as_ref().filter(|_| ROUTERS.contains(&host.name.as_str()))?;
    openrouter::endpoints_part(&base.value, listed_id(&host.name, model_id))
}

/// The models among the entries of all parts, each id once; the first of two wins. Entries of other parts that cannot be
/// called state facts that the first one leaves out.
pub fn settle(mut entries: Vec<ListingEntry>) -> Vec<ListedModel> {
    bedrock::join(&mut entries);
    let stated: HashMap<String, String> = entries
        .iter()
        .filter_map(|entry| Some((entry.model.model_id.clone(), entry.model.facts.quantization.clone()?)))
        .collect();
    let mut seen = HashSet::new();
    let kept = entries.into_iter().filter(|entry| entry.writes_text && entry.callable);
    let kept = kept.filter(|entry| seen.insert(entry.model.model_id.clone()));
    kept.map(|mut entry| {
        let quantization = &mut entry.model.facts.quantization;
        *quantization = quantization.take().or_else(|| stated.get(&entry.model.model_id).cloned());
        entry.model
    })
    .collect()
}

fn document(body: &[u8]) -> Result<Value, String> {
    let parsed: Result<Value, _> = serde_json::from_slice(body);
    match parsed {
        Ok(document) if document.get("error").is_some_and(|error| !error.is_null()) => {
            let said = error_body(body).map(|error| error.message).unwrap_or_default();
            Err(format!("it answers with an error: {}", said.chars().take(300).collect::<String>()))
        }
        Ok(document) => Ok(document),
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Err("it answers nothing".to_owned()),
        Err(_) if body.trim_ascii_start().starts_with(b"<") => {
            Err("it answers with a web page instead of JSON: is the base URL right?".to_owned())
        }
        Err(error) => Err(format!("its answer is no JSON ({error})")),
    }
}

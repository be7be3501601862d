//! The files of a site. [`SiteFolder`] puts them where the site is, all at once; [`write()`] says which files there are.

mod folder;
mod manifest;
mod plugs;
#[cfg(test)]
mod tests;

pub use folder::{SiteError, SiteFolder, SiteSummary};
pub use plugs::SiteAddress;

use super::contents::facts::ReportFacts;
use super::contents::model_detail::ModelDetail;
use super::contents::paths::slug;
use super::contents::{ReportContents, by_model};
use super::page::methodology::MethodTexts;
use super::page::{PageLinks, index, methodology, model, provider};
use serde::Serialize;

/// Writes every file of the site into its folder, in an order that is always the same.
///
/// # Errors
/// A file that cannot be written; the site before is still there.
pub fn write(
    folder: &mut SiteFolder,
    facts: &ReportFacts,
    contents: &ReportContents,
    texts: &MethodTexts,
    address: &SiteAddress,
) -> Result<(), SiteError> {
    folder.add("index.html", index::page(contents, texts, PageLinks::Site { depth: 0 }).as_bytes())?;
    folder.add("methodology.html", methodology::page(texts).as_bytes())?;
    folder.add("data/index.json", &json(contents))?;
    folder.add("feed.atom", plugs::feed(facts, contents, address).as_bytes())?;
    folder.add("api/openapi.json", &json(&plugs::description(address)))?;
    for name in contents.providers() {
        let (detail, path) = (contents.provider(name), slug(name));
        folder.add(&format!("providers/{path}.html"), provider::page(&detail).as_bytes())?;
        folder.add(&format!("data/providers/{path}.json"), &json(&detail))?;
    }
    let (mut changes, series) = (contents.changes_by_model(), by_model(&facts.series));
    for standing in &contents.models {
        let changes = changes.remove(&standing.name).unwrap_or_default();
        let failures = facts.failures.get(&standing.name.unpinned()).cloned().unwrap_or_default();
        let of_model = series.get(&standing.name).map(Vec::as_slice).unwrap_or_default();
        let detail = ModelDetail::of(contents, standing, of_model, changes, failures);
        let path = &standing.path;
        let page = model::page(&detail, &contents.circumstances);
        folder.add(&format!("models/{path}.html"), page.as_bytes())?;
        folder.add(&format!("data/models/{path}.json"), &json(&detail))?;
        for (name, badge) in plugs::badges(standing) {
            folder.add(&format!("badges/{path}/{name}.svg"), badge.as_bytes())?;
        }
    }
    Ok(())
}

/// A data file. Numbers are finite and names are texts, so it can be written.
fn json(data: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(data).unwrap_or_default();
    text.push(b'\n');
    text
}

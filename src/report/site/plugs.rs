//! What other programs take from a site: the feed of changes and of new and gone models, badges, and the description of its
//! files.

use crate::domain::ModelRef;
use crate::domain::series_block::{SLOTS_OF_DAY, slot_end, slot_of, slot_start};
use crate::report::badges::Badge;
use crate::report::contents::facts::ReportFacts;
use crate::report::contents::paths::model_path;
use crate::report::contents::{ReportContents, ReportedModel, by_model};
use crate::report::feed::{AtomFeed, FeedEntry};
use crate::report::openapi::{DataFile, NamedSchema, PathPart, openapi_document};
use crate::report::page::PageLinks;
use maud::Render;
use serde_json::Value;
use url::Url;

/// Days without a row after which a model is told as gone.
const GONE_DAYS: i64 = 7;

/// Where the site will be, if that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteAddress(Option<String>);

impl SiteAddress {
    /// Takes a web address.
    ///
    /// # Errors
    /// A sentence if it is none.
    pub fn parse(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else { return Ok(Self(None)) };
        let wrong =
            || format!("`{}` is no web address: write https://bench.example.org", text.escape_debug());
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
        let is_public = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if is_web && is_public { Ok(Self(Some(url.to_string()))) } else { Err(wrong()) }
    }

    fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The feed. A model is new where its first row is not among the first of all, and gone after some days without one.
pub fn feed(facts: &ReportFacts, contents: &ReportContents, address: &SiteAddress) -> String {
    let page =
        |model: &ModelRef| PageLinks::Site { depth: 0 }.to(&format!("models/{}.html", model_path(model)));
    let mut entries: Vec<FeedEntry> = contents
        .changes
        .iter()
        .map(|one| FeedEntry::change(&one.change, page(&one.change.series.model)))
        .collect();
    let (from, to) = (slot_of(facts.from.timestamp_millis()), slot_of(facts.as_of.timestamp_millis()));
    let begun = facts.series.iter().map(|one| one.first_slot).min().unwrap_or(from).max(from);
    for (model, series) in by_model(&facts.series) {
        let first = series.iter().map(|one| one.first_slot).min().unwrap_or(from);
        let last = series.iter().map(|one| one.last_slot).max().unwrap_or(to);
        // In the first day of a report, or of all measurements, everything may be new.
        if first >= begun + SLOTS_OF_DAY {
            entries.push(FeedEntry::new_model(model, slot_start(first), page(model)));
        }
        if last + GONE_DAYS * SLOTS_OF_DAY < to {
            entries.push(FeedEntry::gone_model(model, slot_end(last), page(model)));
        }
    }
    let feed = AtomFeed {
        title: "How fast models answer: what changed".to_owned(),
        base: address.as_deref().map(str::to_owned),
        as_of: facts.as_of,
        entries,
    };
    feed.render()
}

/// The badges of a model by file name.
pub fn badges(model: &ReportedModel) -> [(&'static str, String); 3] {
    let name = model.name.to_string();
    let badges = [
        ("ttft", Badge::ttft(&name, model.ttft.median)),
        ("tokens_per_second", Badge::tokens_per_second(&name, model.tokens_per_second.median)),
        ("availability", Badge::availability(&name, model.attempts - model.failures, model.attempts)),
    ];
    badges.map(|(file, badge)| (file, badge.render().into_string()))
}

const INDEX: NamedSchema =
    NamedSchema { name: "Index", text: include_str!("../../../docs/schema/report.schema.json") };

const MODEL: NamedSchema =
    NamedSchema { name: "Model", text: include_str!("../../../docs/schema/report_model.schema.json") };

const PROVIDER: NamedSchema =
    NamedSchema { name: "Provider", text: include_str!("../../../docs/schema/report_provider.schema.json") };

/// The files of a site for programs.
pub const FILES: [DataFile; 5] = [
    DataFile {
        path: "data/index.json",
        operation: "getIndex",
        summary: "All models with their figures, changes, calibrations, and what is in no figure.",
        media_type: "application/json",
        schema: Some(INDEX),
    },
    DataFile {
        path: "data/models/{provider}/{model}.json",
        operation: "getModel",
        summary: "A model: its figures, days, week, routes, failures, changes, and the medians of 3 hours of all that.",
        media_type: "application/json",
        schema: Some(MODEL),
    },
    DataFile {
        path: "data/providers/{provider}.json",
        operation: "getProvider",
        summary: "The models of a provider, and their changes.",
        media_type: "application/json",
        schema: Some(PROVIDER),
    },
    DataFile {
        path: "feed.atom",
        operation: "getFeed",
        summary: "Changes, new and gone models, the newest first.",
        media_type: "application/atom+xml",
        schema: None,
    },
    DataFile {
        path: "badges/{provider}/{model}/{badge}.svg",
        operation: "getBadge",
        summary: "A figure of a model as a badge.",
        media_type: "image/svg+xml",
        schema: None,
    },
];

const PARTS: [PathPart; 3] = [
    PathPart { name: "provider", description: "The first part of `path` of a model in data/index.json." },
    PathPart { name: "model", description: "The second part of `path` of a model in data/index.json." },
    PathPart { name: "badge", description: "ttft, tokens_per_second or availability." },
];

/// The description of these files. It lies in a folder of the site, above which their paths begin.
pub fn description(address: &SiteAddress) -> Value {
    openapi_document(Some(address.as_deref().unwrap_or("..")), &FILES, &PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::contents::tests::{facts, history};

    #[test]
    fn a_store_that_is_younger_than_the_report_makes_nobody_new() {
        let mut facts = facts(vec![history("p:m", 9, 0.4), history("p:other", 9, 0.9)], 9);
        facts.from -= chrono::TimeDelta::days(30);
        let told = |facts: &ReportFacts| feed(facts, &ReportContents::of(facts), &SiteAddress::default());
        assert!(!told(&facts).contains("is measured"), "{}", told(&facts));
        facts.series[1].first_slot += 2 * SLOTS_OF_DAY;
        assert!(told(&facts).contains("other is measured"), "{}", told(&facts));
    }

    #[test]
    fn paths_of_files_begin_at_the_site_also_where_its_address_is_not_known() {
        let server = |address: SiteAddress| description(&address)["servers"][0]["url"].clone();
        assert_eq!(server(SiteAddress::default()), "..");
        assert_eq!(server(SiteAddress::parse(Some("https://x.example/b/")).unwrap()), "https://x.example/b");
    }

    #[test]
    fn an_address_is_one_of_the_web_without_a_password() {
        let parse = |text| SiteAddress::parse(Some(text)).map(|address| address.0.unwrap());
        assert_eq!(parse("https://bench.example.org/x").unwrap(), "https://bench.example.org/x");
        for wrong in [
            "bench",
            "ftp://x.example",
            "https://a:b@x.example",
            "https://x.example/?q",
            "javascript:alert(1)",
        ] {
            assert!(parse(wrong).unwrap_err().contains("no web address"), "{wrong}");
        }
        assert_eq!(SiteAddress::parse(None), Ok(SiteAddress(None)));
    }
}

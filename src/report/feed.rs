//! The feed of a site, as Atom: changes, new models, gone models. The same entries give the same bytes, and an entry keeps
//! its id wherever the site moves.

use super::xml::xml_text;
use crate::domain::ModelRef;
use crate::domain::series_change::SeriesChange;
use crate::domain::timestamp::time;
use crate::output::change_letter::level_words;
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use sha2::{Digest, Sha256};

/// More entries than this are left out, the oldest first.
const MOST_ENTRIES: usize = 200;

/// A feed before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomFeed {
    pub title: String,
    /// The address of the site, where it is known; without it, links are relative.
    pub base: Option<String>,
    /// Said where there is no entry yet: when the site was made.
    pub as_of: DateTime<Utc>,
    pub entries: Vec<FeedEntry>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEntry {
    /// What makes it this one and no other; its id is derived from it.
    pub key: String,
    pub title: String,
    pub summary: String,
    pub published: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    /// The page about it, relative to the site.
    pub page: Option<String>,
    /// `change`, `new` or `gone`.
    pub category: &'static str,
}

impl FeedEntry {
    /// A change of a series, updated when it went back.
    pub fn change(change: &SeriesChange, page: Option<String>) -> Self {
        let series = &change.series;
        let between = format!(
            "Between {} and {}.",
            day_and_hour(change.began.earliest),
            day_and_hour(change.began.latest)
        );
        let seen = series.runner.as_ref().map(|runner| format!(" Seen by {runner}."));
        let ended = change.ended.as_ref().map(|ended| format!(" It went back {}.", day_and_hour(ended.at)));
        let summary = format!(
            "{between} Cause: {}.{}{}",
            cause(change),
            seen.unwrap_or_default(),
            ended.unwrap_or_default()
        );
        Self {
            key: format!("change {}", change.id),
            title: format!("{}: {}", series.model, level_words(&change.level)),
            summary,
            published: change.noticed_at,
            updated: change
                .ended
                .as_ref()
                .map_or(change.noticed_at, |ended| ended.latest.max(change.noticed_at)),
            page,
            category: "change",
        }
    }

    pub fn new_model(model: &ModelRef, at: DateTime<Utc>, page: Option<String>) -> Self {
        let title = format!("{model} is measured");
        let summary = format!("First measured {}.", day_and_hour(at));
        Self {
            key: format!("new {model} {}", time(at)),
            title,
            summary,
            published: at,
            updated: at,
            page,
            category: "new",
        }
    }

    pub fn gone_model(model: &ModelRef, at: DateTime<Utc>, page: Option<String>) -> Self {
        let title = format!("{model} is no longer measured");
        let summary = format!("Last measured {}.", day_and_hour(at));
        Self {
            key: format!("gone {model} {}", time(at)),
            title,
            summary,
            published: at,
            updated: at,
            page,
            category: "gone",
        }
    }

    fn render(&self, base: &str) -> Markup {
        html! {
            entry {
                id { (identifier(&self.key)) }
                title { (xml_text(&self.title)) }
                @if let Some(page) = &self.page { link rel="alternate" type="text/html" href={ (base) (page) } {} }
                category term=(self.category) {}
                published { (time(self.published)) }
                updated { (time(self.updated)) }
                summary { (xml_text(&self.summary)) }
            }
        }
    }
}

impl AtomFeed {
    /// The whole file: newest entries first.
    pub fn render(&self) -> String {
        let mut entries: Vec<&FeedEntry> = self.entries.iter().collect();
        entries.sort_by(|a, b| b.updated.cmp(&a.updated).then_with(|| a.key.cmp(&b.key)));
        entries.truncate(MOST_ENTRIES);
        let updated = entries.first().map_or(self.as_of, |entry| entry.updated);
        let base =
            self.base.as_ref().map_or_else(String::new, |base| format!("{}/", base.trim_end_matches('/')));
        let feed = html! {
            feed xmlns="http://www.w3.org/2005/Atom" {
                id { (self.id()) }
                title { (xml_text(&self.title)) }
                updated { (time(updated)) }
                author { name { "llmbench" } }
                link rel="self" type="application/atom+xml" href={ (base) "feed.atom" } {}
                link rel="alternate" type="text/html" href={ (base) "index.html" } {}
                @for entry in entries { (entry.render(&base)) }
            }
        };
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{}\n", feed.0)
    }

    fn id(&self) -> String {
        identifier(&format!("feed {}", self.base.as_ref().unwrap_or(&self.title)))
    }
}

/// A UUID of version 8, made from a key: an id that needs no address of a site.
fn identifier(key: &str) -> String {
    let digest = Sha256::digest(format!("llmbench {key}").as_bytes());
    let mut bytes: [u8; 16] = std::array::from_fn(|place| digest[place]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let [a, b, c, d, e] = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex);
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
}

fn cause(change: &SeriesChange) -> &str {
    match change.cause_line.as_str() {
        "" => "nothing is known of it",
        line => line.trim_end_matches('.'),
    }
}

fn day_and_hour(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::interval::Interval;
    use crate::domain::series_change::{
        ChangeCause, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries, WatchedFigure,
    };
    use crate::report::markup_check::{ReadElement, elements};
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn at(hours: i64) -> DateTime<Utc> {
        "2026-11-23T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
    }

    fn change(name: &str) -> SeriesChange {
        let series = MeasuredSeries {
            model: ModelRef::new("acme", name),
            runner: Some("eu-1".to_owned()),
            profile: None,
            connection: None,
        };
        let ratio = Interval { low: 1.13, high: 1.24 };
        SeriesChange {
            id: "3f2a".to_owned(),
            series,
            level: ChangedLevel::Figure { figure: WatchedFigure::Ttft, before: 0.4, after: 0.472, ratio },
            began: EstimatedTime { at: at(0), earliest: at(-6), latest: at(6) },
            noticed_at: at(30),
            ended: None,
            scope: ChangeScope::Model,
            cause: ChangeCause::NothingElse,
            cause_line: "nothing else that is stored moved".to_owned(),
            acknowledged: None,
            returned: None,
            confirmed: None,
        }
    }

    fn feed(entries: Vec<FeedEntry>) -> AtomFeed {
        AtomFeed { title: "Speed of models".to_owned(), base: None, as_of: at(100), entries }
    }

    /// What the specification asks of a feed and of its entries: each element once, and links that say what they are.
    fn check(text: &str) -> Vec<ReadElement> {
        let found = elements(text);
        for (place, element) in
            found.iter().enumerate().filter(|(_, element)| ["feed", "entry"].contains(&element.name.as_str()))
        {
            for name in ["id", "title", "updated"] {
                let children =
                    found.iter().filter(|child| child.parents.last() == Some(&place) && child.name == name);
                let texts: Vec<&str> = children.map(|child| child.text.as_str()).collect();
                assert!(
                    matches!(texts.as_slice(), [text] if !text.is_empty()),
                    "{} {name}: {texts:?}",
                    element.name
                );
            }
        }
        found
    }

    #[test]
    fn a_change_a_new_and_a_gone_model() {
        let model = ModelRef::new("acme", "fast-1");
        let page = || Some("models/acme/fast-1.html".to_owned());
        let entries = vec![
            FeedEntry::new_model(&model, at(-400), page()),
            FeedEntry::change(&change("fast-1"), page()),
            FeedEntry::gone_model(&model, at(90), None),
        ];
        let text = feed(entries).render();
        let found = check(&text);
        assert_eq!(found.iter().filter(|element| element.name == "entry").count(), 3);
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../tests/snapshots" }, {
            insta::assert_snapshot!("feed", text.replace("><", ">\n<"));
        });
    }

    #[test]
    fn a_change_keeps_its_id_when_it_goes_back() {
        let open = FeedEntry::change(&change("fast-1"), None);
        let ended = SeriesChange {
            ended: Some(EstimatedTime { at: at(60), earliest: at(50), latest: at(70) }),
            ..change("fast-1")
        };
        let ended = FeedEntry::change(&ended, None);
        assert_eq!(identifier(&open.key), identifier(&ended.key));
        assert!(ended.updated > open.updated && ended.published == open.published);
        assert!(ended.summary.ends_with("It went back 2026-11-26 00:00 UTC."), "{}", ended.summary);
    }

    #[test]
    fn links_lead_to_the_site_where_its_address_is_known() {
        let entry = FeedEntry::change(&change("fast-1"), Some("models/a.html".to_owned()));
        let site = AtomFeed { base: Some("https://speed.example/llm/".to_owned()), ..feed(vec![entry]) };
        let found = check(&site.render());
        let links: Vec<&str> =
            found.iter().filter_map(|element| element.attributes.get("href")).map(String::as_str).collect();
        let base = "https://speed.example/llm/";
        assert_eq!(
            links,
            [format!("{base}feed.atom"), format!("{base}index.html"), format!("{base}models/a.html")]
        );
    }

    #[test]
    fn old_entries_are_left_out_and_none_at_all_is_a_feed() {
        check(&feed(Vec::new()).render());
        let many = (0..300).map(|hours| FeedEntry::new_model(&ModelRef::new("acme", "a"), at(hours), None));
        let text = feed(many.collect()).render();
        let found = check(&text);
        assert_eq!(found.iter().filter(|element| element.name == "entry").count(), MOST_ENTRIES);
        assert!(text.contains(&time(at(299))) && !text.contains(&time(at(99))));
    }

    proptest! {
        #[test]
        fn any_name_gives_a_feed(name in ".{1,60}", cause in ".{0,60}") {
            let change = SeriesChange { cause_line: cause, ..change(&name) };
            check(&feed(vec![FeedEntry::change(&change, Some("a.html".to_owned()))]).render());
        }
    }
}

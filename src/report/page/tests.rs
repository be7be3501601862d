//! Pages of facts: what stands on them, and that they are good HTML.

use super::methodology::MethodTexts;
use super::{PageLinks, index, methodology, model, provider};
use crate::domain::series_change::WatchedFigure;
use crate::output::units;
use crate::report::contents::facts::ReportFacts;
use crate::report::contents::model_detail::ModelDetail;
use crate::report::contents::tests::{change, facts, history};
use crate::report::contents::{ReportContents, by_model};
use serde_json::Value;
use std::collections::BTreeSet;

const TEXTS: MethodTexts =
    MethodTexts { ranking: "Of places.\n\n  llmbench x", changes: "Of changes.", calibration: "Of clocks." };

/// Every page of these facts: the file, the index, the method, models and providers.
fn pages(facts: &ReportFacts) -> Vec<String> {
    let contents = ReportContents::of(facts);
    let mut pages = vec![
        index::page(&contents, &TEXTS, PageLinks::Nowhere),
        index::page(&contents, &TEXTS, PageLinks::Site { depth: 0 }),
        methodology::page(&TEXTS),
    ];
    pages.extend(contents.providers().into_iter().map(|name| provider::page(&contents.provider(name))));
    pages.extend(details(facts, &contents).into_iter().map(|(page, _)| page));
    pages
}

/// The page of each model, and its data.
fn details(facts: &ReportFacts, contents: &ReportContents) -> Vec<(String, Value)> {
    let (series, mut changes) = (by_model(&facts.series), contents.changes_by_model());
    let of = |standing| {
        let standing: &crate::report::contents::ReportedModel = standing;
        let changes = changes.remove(&standing.name).unwrap_or_default();
        let failures = facts.failures.get(&standing.name).cloned().unwrap_or_default();
        let detail = ModelDetail::of(contents, standing, &series[&standing.name], changes, failures);
        (model::page(&detail, &contents.circumstances), serde_json::to_value(&detail).unwrap())
    };
    contents.models.iter().map(of).collect()
}

const ODD: &str = "p:<script>alert(1)</script>\"'&\u{202e}evil\u{1b}🦀";

fn filled() -> ReportFacts {
    let long = format!("p:{}", "long-name-".repeat(8));
    let some =
        vec![history("p:m", 9, 0.4), history("q:n", 9, 0.9), history(ODD, 9, 0.5), history(&long, 9, 1.4)];
    let mut facts = facts(some, 9);
    facts.changes = facts.series.iter().map(change).collect();
    facts.changes.iter_mut().enumerate().for_each(|(place, one)| one.id = format!("c{place}"));
    let kinds = [("timeout".to_owned(), 7), ("<b>".to_owned(), 1)].into();
    facts.failures.insert(facts.series[0].series.model.clone(), kinds);
    facts
}

#[test]
fn pictures_of_what_is_not_compared_say_so() {
    let mut warm = history("p:warm", 9, 0.1);
    warm.series.connection = Some("warm".to_owned());
    let facts = facts(vec![history("p:m", 9, 0.4), history("p:n", 9, 0.5), warm], 9);
    let contents = ReportContents::of(&facts);
    for (page, data) in details(&facts, &contents) {
        let is_other = data["standing"]["model"] == "warm";
        assert_eq!(page.contains("The pictures show answers"), is_other, "{page}");
    }
}

/// The tags of a page with their attributes.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).filter_map(|part| part.split('>').next()).collect()
}

#[test]
fn pages_are_whole_by_themselves_and_nothing_from_outside_is_markup() {
    for page in pages(&filled()) {
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">") && page.ends_with("</html>"));
        assert!(!page.contains("<script>alert") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
        assert!(!page.contains("<b>:") && !page.contains("ann@office"));
        for tag in tags(&page) {
            let loads = ["src=", "@import", "<iframe"].iter().any(|word| tag.contains(word));
            assert!(!loads, "{tag}");
            if tag.starts_with("link") {
                assert!(tag.contains("data:,") || tag.contains("feed.atom"), "{tag}");
            }
        }
    }
}

#[test]
fn pages_can_be_read_by_machines_that_read_aloud() {
    for page in pages(&filled()) {
        let (mut level, mut ids) = (0, BTreeSet::new());
        for tag in tags(&page) {
            if let Some(found) = tag.strip_prefix('h').and_then(|rest| rest.chars().next()?.to_digit(10)) {
                assert!(found <= level + 1, "heading {found} after {level}: {page}");
                level = found;
            }
            assert!(!tag.starts_with("th") || tag.starts_with("thead") || tag.contains("scope="), "{tag}");
            let id = tag.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next());
            assert!(id.is_none_or(|id| ids.insert(id.to_owned())), "{id:?} twice");
        }
        assert_eq!(page.matches("<h1>").count(), 1);
        assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
        assert_eq!(
            page.matches("<figure>").count(),
            page.matches("<summary>The numbers of this picture").count()
        );
        assert!(page.contains("Skip to the content") && page.contains("<title>"));
    }
}

#[test]
fn a_page_of_nothing_says_so() {
    let page = &pages(&facts(Vec::new(), 1))[0];
    assert!(
        page.contains("Nothing was measured in this time") && page.contains("No host has told"),
        "{page}"
    );
}

/// Every number of a data file as a page may write it.
fn written(data: &Value, found: &mut BTreeSet<String>) {
    match data {
        Value::Number(number) => {
            let value = number.as_f64().unwrap();
            found.extend([units::seconds(value, true), units::rate(value), units::share(value)]);
            found.extend(number.as_u64().map(units::grouped));
        }
        Value::Array(items) => items.iter().for_each(|item| written(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| written(item, found)),
        _ => {}
    }
}

/// The numbers with units in a page's text.
fn numbers(page: &str) -> Vec<String> {
    let body = page.split("<main").nth(1).unwrap();
    let mut text = String::new();
    let mut inside = true;
    // Pictures have their own axes; the tables beside them are what is checked.
    let without_pictures = body.split("<svg").map(|part| part.split("</svg>").last().unwrap());
    for ch in without_pictures.collect::<String>().chars() {
        match ch {
            '<' => (inside, _) = (false, text.push(' ')),
            '>' => inside = true,
            ch if inside => text.push(ch),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split([' ', ',', ';', '(', ')']).filter(|word| !word.is_empty()).collect();
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let unit = |word: &str| ["ms", "s", "µs", "tok/s", "%"].contains(&word.trim_end_matches('.'));
    let pairs = words.windows(2).filter(|pair| is_number(pair[0]) && unit(pair[1]));
    pairs.map(|pair| format!("{} {}", pair[0], pair[1].trim_end_matches('.'))).collect()
}

#[test]
fn every_number_on_a_page_is_in_the_file_beside_it() {
    let mut facts = filled();
    // A sentence about a change rounds ratios in its own way.
    facts.changes.clear();
    let contents = ReportContents::of(&facts);
    let mut checked = vec![(
        index::page(&contents, &TEXTS, PageLinks::Site { depth: 0 }),
        serde_json::to_value(&contents).unwrap(),
    )];
    checked.extend(details(&facts, &contents));
    for name in contents.providers() {
        let detail = contents.provider(name);
        checked.push((provider::page(&detail), serde_json::to_value(&detail).unwrap()));
    }
    for (page, data) in checked {
        // The confidence of intervals.
        let mut known = BTreeSet::from(["95 %".to_owned(), "99 %".to_owned()]);
        written(&data, &mut known);
        let found = numbers(&page);
        assert!(found.len() > 20, "{found:?}");
        for number in found {
            assert!(known.contains(&number), "{number} is not in {data:#}");
        }
    }
}

#[test]
fn an_index_of_five_hundred_models_is_below_a_megabyte() {
    let many = (0..500).map(|number| {
        history(&format!("p{}:a-model-of-this-name-{number}", number % 20), 4, 0.3 + 0.01 * f64::from(number))
    });
    let facts = facts(many.collect(), 4);
    let contents = ReportContents::of(&facts);
    for links in [PageLinks::Nowhere, PageLinks::Site { depth: 0 }] {
        let page = index::page(&contents, &TEXTS, links);
        assert!(page.len() < 1_000_000, "{} bytes", page.len());
        assert_eq!(page.matches("data-find=").count(), 500);
        assert!(page.contains("Find models"));
    }
    assert_eq!(super::cells::value(WatchedFigure::Ttft, 0.412), "412 ms");
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    assert_eq!(pages(&filled()), pages(&filled()));
}

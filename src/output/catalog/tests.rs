//! Snapshots of the output at 80 and 140 columns, and checks of the documents against their schema.

use super::*;
use crate::domain::ModelRef;
use crate::domain::listing::{
    CatalogRow, ListedModel, Listing, ListingChangeCounts, MeasuredModel, ReadRow, ReadStatus,
};
use crate::listings::SyncedListing;
use crate::listings::diff::{ABSENT_READS, DiffInput, inventory};
use crate::listings::findings::findings;
use crate::output::schema_check::violations;
use crate::output::terminal::{Terminal, TerminalEnv};
use crate::output::text;
use chrono::{FixedOffset, TimeDelta};

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-20T00:00:00Z").unwrap().to_utc() + TimeDelta::hours(hour)
}

fn seen(columns: usize, unicode: bool) -> ReportView {
    let wishes = TerminalEnv { columns: Some(columns), no_colour: true, force_colour: false, unicode };
    let zone = FixedOffset::east_opt(2 * 3600).unwrap();
    crate::output::ReportView { terminal: Terminal::new(wishes, true, true, None), verbose: false, zone }
}

fn row(provider: &str, model_id: &str, first: i64, last: i64) -> CatalogRow {
    CatalogRow {
        provider: provider.to_owned(),
        model_id: model_id.to_owned(),
        name: format!("{model_id} by name"),
        first_seen_at: Some(at(first)),
        last_seen_at: Some(at(last)),
        facts: ModelFacts {
            context_length: Some(131_072),
            input_price: Some(0.59),
            output_price: Some(0.79),
            ..ModelFacts::default()
        },
        changes: Vec::new(),
    }
}

fn rows() -> Vec<CatalogRow> {
    let mut ends = row("bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", 0, 73);
    ends.facts = ModelFacts {
        lifecycle: Some("LEGACY".into()),
        ends_on: Some("2026-12-24".into()),
        ..ModelFacts::default()
    };
    let change =
        |fact: &str, from: Value, to: Value| FactChange { at: at(73), fact: fact.to_owned(), from, to };
    ends.changes = vec![
        change("lifecycle", "ACTIVE".into(), "LEGACY".into()),
        change("ends_on", Value::Null, "2026-12-24".into()),
    ];
    let mut dearer = row("groq", "llama-3.3-70b-versatile", 0, 73);
    dearer.changes = vec![
        change("input_price", 0.49.into(), 0.59.into()),
        change("context_length", 8192.into(), 131_072.into()),
    ];
    let hostile = row(
        "groq",
        "new\nmodel\u{1b}[2J-with-a-name-that-goes-on-and-on-and-on-until-nobody-reads-it",
        73,
        73,
    );
    let mut all = vec![ends, row("groq", "gone-model", 0, 1), dearer, hostile];
    all.extend((0..12).map(|number| row("openrouter", &format!("maker/model-{number:02}:free"), 73, 73)));
    all
}

fn reads() -> Vec<ReadRow> {
    let read = |provider: &str, hour: i64, error: Option<&str>| ReadRow {
        provider: provider.to_owned(),
        started_at: at(hour) - TimeDelta::minutes(1),
        finished_at: at(hour),
        complete: error.is_none(),
        error: error.map(str::to_owned),
    };
    let mut all =
        vec![read("openai", 0, Some("HTTP 401: Incorrect API key provided: is OPENAI_API_KEY right?"))];
    for provider in ["bedrock", "groq", "openrouter"] {
        all.extend([0, 50, 60, 73].map(|hour| read(provider, hour, None)));
    }
    all
}

fn measured() -> Vec<MeasuredModel> {
    let model = |provider: &str, id: &str, measured| MeasuredModel {
        model: ModelRef::new(provider, id),
        display_name: id.to_owned(),
        measured,
    };
    vec![
        model("bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", true),
        model("groq", "gone-model", true),
        model("groq", "llama-3.3-70b-versatile", true),
        model("groq", "never-listed", true),
        model("openrouter", "maker/model-00:free", false),
    ]
}

fn with<R>(look: impl FnOnce(&DiffInput<'_>) -> R) -> R {
    let (rows, reads, measured) = (rows(), reads(), measured());
    let question = DiffInput {
        rows: &rows,
        reads: &reads,
        measured: &measured,
        since: at(49),
        absent_reads: ABSENT_READS,
    };
    look(&question)
}

fn found() -> crate::listings::diff::ListingDiff {
    with(crate::listings::diff::diff)
}

fn synced() -> Vec<SyncedListing> {
    let one = |provider: &str, status, count: usize, error: Option<&str>, kept| {
        let model = |number: usize| ListedModel {
            model_id: number.to_string(),
            name: number.to_string(),
            facts: ModelFacts::default(),
            raw: Value::Null,
            endpoints: None,
        };
        let listing = Listing {
            provider: provider.to_owned(),
            started_at: at(73),
            finished_at: at(73) + TimeDelta::milliseconds(412),
            status,
            error: error.map(str::to_owned),
            raw_count: count as u64 + 7,
            models: (0..count).map(model).collect(),
        };
        SyncedListing { listing, kept, notes: Vec::new() }
    };
    vec![
        one("openai", ReadStatus::Failed, 0, Some("HTTP 401: no"), Ok(ListingChangeCounts::default())),
        one(
            "anthropic",
            ReadStatus::Partial,
            20,
            Some("page 2: HTTP 500: oops"),
            Ok(ListingChangeCounts { new: 1, changed: 0 }),
        ),
        one("openrouter", ReadStatus::Completed, 1234, None, Ok(ListingChangeCounts { new: 12, changed: 3 })),
        one("groq", ReadStatus::Completed, 23, None, Err("its list could not be stored: full".to_owned())),
    ]
}

fn assert_picture(name: &str, picture: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, picture));
}

/// Every output of this module at one width, each with the name of its snapshot.
fn pictures(view: &ReportView) -> Vec<(&'static str, String)> {
    let diff = found();
    let same = crate::listings::diff::ListingDiff { providers: diff.providers.clone(), ..Default::default() };
    vec![
        ("sync", sync::table(&synced(), view)),
        ("diff", diff::text(&diff, at(49), false, view)),
        ("diff_wide", diff::text(&diff, at(49), true, view)),
        ("diff_same", diff::text(&same, at(49), false, view)),
        ("list", list::table(&with(inventory), view)),
        ("counts", list::counts(&diff.providers, view)),
    ]
}

#[test]
fn what_people_see() {
    for columns in [80, 140] {
        for (name, picture) in pictures(&seen(columns, true)) {
            assert_picture(&format!("catalog_{name}_{columns}"), &picture);
        }
    }
}

#[test]
fn nothing_is_wider_than_the_terminal_and_ascii_is_enough() {
    for columns in 12..160 {
        for (name, picture) in pictures(&seen(columns, false)) {
            let wide = picture.lines().find(|line| text::width(line) > columns);
            assert_eq!(wide, None, "{name} at {columns} columns");
            assert!(picture.is_ascii() && !picture.contains('\x1b'), "{name}");
        }
    }
}

#[test]
fn documents_are_what_their_schema_says() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/catalog.schema.json")).unwrap();
    let diff = found();
    for document in [
        json::sync(&synced(), &["groq".to_owned()]),
        json::diff(&diff, at(49), 3),
        json::list(&with(inventory)),
        json::counts(&diff.providers),
        notice::letter(&findings(&diff)).document,
    ] {
        let name = document["schema"].as_str().unwrap();
        let definition = name.trim_start_matches("llmbench.catalog-").trim_end_matches("/1");
        // Each definition is checked on its own, so that a violation names its place.
        let mut own = schema["$defs"][definition].clone();
        own["$defs"] = schema["$defs"].clone();
        assert_eq!(violations(&own, &document), Vec::<String>::new());
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
    }
}

#[test]
fn csv_is_disarmed_and_ids_are_one_a_line() {
    let mut listed_states = with(inventory);
    listed_states[0].row.model_id = "=cmd()".to_owned();
    let csv = list::csv(&listed_states).unwrap();
    assert!(csv.lines().nth(1).unwrap().starts_with("bedrock,'=cmd(),"), "{csv}");
    let ids = list::ids(&listed_states);
    assert_eq!(ids.lines().count(), listed_states.len() - 1);
    assert!(!ids.contains('\x1b'));
}

#[test]
fn a_provider_ends_in_a_note() {
    let notes: Vec<String> = synced().iter().map(sync::note).collect();
    assert_eq!(notes[1], "partial, 20 models, 1 new, page 2: HTTP 500: oops");
    assert_eq!(notes[3], "completed, 23 models, its list could not be stored: full");
}

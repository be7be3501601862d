//! Recorded answers of every provider's list, page after page: what is asked, and which models come of it. Then garbage.

use llmbench::domain::sourced::{Source, Sourced};
use llmbench::providers::builtin_hosts;
use llmbench::providers::hosts::{Host, Hosts};
use llmbench::providers::listing::{ListingEndpoint, parts, settle};
use llmbench::providers::protocols::Dialect;
use proptest::prelude::*;
use std::fmt::Write;
use std::fs;
use std::path::Path;

fn built_in(name: &str) -> Host {
    addressed(Hosts::new(builtin_hosts::built_in()).find(name).unwrap().clone())
}

/// A customer's own address where a provider has none of its own.
fn addressed(mut host: Host) -> Host {
    let own = match host.name.as_str() {
        "azure" => "https://resource.openai.azure.com/openai",
        "databricks" => "https://workspace.cloud.databricks.com/serving-endpoints",
        _ => return host,
    };
    host.base_url = Some(Sourced::new(own.to_owned(), Source::Default));
    host
}

fn own(dialect: Dialect) -> Host {
    let mut host = Host::new("own", "Own", dialect);
    host.base_url = Some(Sourced::new("http://127.0.0.1:8000/v1".to_owned(), Source::Default));
    host
}

fn cassette(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes/listing").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Plays recorded pages to the parts of a host, in their order, and tells what is asked and what comes of it.
fn play(host: &Host, pages: &[(&str, &[&str])]) -> String {
    let mut told = String::new();
    let mut entries = Vec::new();
    let mut raw_count = 0;
    for part in parts(host).unwrap() {
        let Some((_, files)) = pages.iter().find(|(label, _)| *label == part.label) else { continue };
        let mut cursor = None;
        for file in *files {
            writeln!(told, "GET {}{}", part.base, part.page_path(cursor.as_deref())).unwrap();
            let page = part.page(cursor.as_deref(), &cassette(file)).unwrap();
            raw_count += page.raw_count;
            entries.extend(page.entries);
            cursor = page.next;
        }
        assert_eq!(cursor, None, "{} names a page more than was recorded", part.label);
    }
    let models = settle(entries);
    writeln!(told, "{} of {raw_count} entries:", models.len()).unwrap();
    for model in models {
        let facts: Vec<String> = model
            .facts
            .named()
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        writeln!(told, "{} | {} | {}", model.model_id, model.name, facts.join(" ")).unwrap();
        assert!(model.raw.is_object());
    }
    told
}

macro_rules! picture {
    ($name:literal, $told:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!($name, $told) });
    };
}

#[test]
fn one_page_of_openais_shape() {
    for name in ["openai", "groq", "together", "cerebras", "deepinfra"] {
        let file = format!("{name}.json");
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, play(&built_in(name), &[("", &[&file])]));
        });
    }
    for name in ["azure", "mistral", "xai", "sambanova", "novita", "huggingface", "databricks"] {
        let file = format!("{name}.json");
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, play(&built_in(name), &[("", &[&file])]));
        });
    }
    picture!("vllm", play(&own(Dialect::Chat), &[("", &["vllm.json"])]));
}

#[test]
fn pages_that_name_the_next() {
    picture!("anthropic", play(&built_in("anthropic"), &[("", &["anthropic_1.json", "anthropic_2.json"])]));
    picture!("fireworks", play(&built_in("fireworks"), &[("", &["fireworks_1.json", "fireworks_2.json"])]));
    picture!("cohere", play(&built_in("cohere"), &[("", &["cohere_1.json", "cohere_2.json"])]));
    picture!("gemini", play(&own(Dialect::Gemini), &[("", &["gemini_1.json", "gemini_2.json"])]));
}

#[test]
fn pages_by_offset() {
    picture!(
        "openrouter",
        play(&built_in("openrouter"), &[("", &["openrouter_1.json", "openrouter_2.json"])])
    );
}

#[test]
fn bedrocks_models_and_the_profiles_by_which_they_are_called() {
    let profiles: &[&str] = &["bedrock_profiles_1.json", "bedrock_profiles_2.json"];
    let pages = [("foundation models", &["bedrock_models.json"][..]), ("inference profiles", profiles)];
    picture!("bedrock", play(&built_in("bedrock"), &pages));
}

#[test]
fn vertex_publishers() {
    let google: &[&str] = &["vertex_google_1.json", "vertex_google_2.json"];
    let pages = [
        ("google global", google),
        ("google us-central1", &["vertex_google_2.json"][..]),
        ("anthropic global", &["vertex_anthropic.json"][..]),
        ("meta us-central1", &["vertex_meta.json"][..]),
        ("xai global", &["vertex_nothing.json"][..]),
    ];
    picture!("vertex", play(&built_in("vertex"), &pages));
}

/// Every part of every shape, as hosts have them.
fn all_parts() -> Vec<ListingEndpoint> {
    let hosts = builtin_hosts::built_in().into_iter().filter(|host| host.name != "sim").map(addressed);
    let own = [own(Dialect::Gemini), own(Dialect::Chat)];
    hosts.chain(own).flat_map(|host| parts(&host).unwrap()).collect()
}

#[test]
fn what_is_no_list_is_named() {
    for part in all_parts() {
        for (body, word) in [
            (&b""[..], "answers nothing"),
            (b" \n<!DOCTYPE html><html>", "web page"),
            (b"{\"data\":[{\"id\":\"a\"}", "no JSON"),
            (b"{\"error\":{\"message\":\"no such key\"}}", "no such key"),
            (b"{\"data\":\"none\"}", "no list"),
            (b"\"text\"", "no list"),
        ] {
            let said = part.page(None, body).unwrap_err();
            assert!(said.contains(word), "{:?}: {said}", part.shape);
        }
    }
}

#[test]
fn a_page_that_leads_nowhere_is_an_error() {
    let part = |name: &str| parts(&built_in(name)).unwrap().remove(0);
    let said = part("anthropic").page(None, br#"{"data":[],"has_more":true}"#).unwrap_err();
    assert!(said.contains("does not name the next"), "{said}");
    let said = part("openrouter").page(Some("500"), br#"{"data":[],"total_count":900}"#).unwrap_err();
    assert!(said.contains("lists 900 models, and the page at 500 is empty"), "{said}");
    let said = part("fireworks").page(Some("x"), br#"{"models":[],"nextPageToken":"x"}"#).unwrap_err();
    assert!(said.contains("its next page is the page itself"), "{said}");
}

#[test]
fn a_monstrous_entry_is_kept_without_its_bulk() {
    let part = parts(&built_in("groq")).unwrap().remove(0);
    let bulk = serde_json::json!({"data": [{"id": "a", "bulk": "x".repeat(300_000)}, {"id": "b"}]});
    let models = settle(part.page(None, bulk.to_string().as_bytes()).unwrap().entries);
    assert!(models[0].raw["omitted_bytes"].as_u64().unwrap() > 300_000);
    assert_eq!(models[1].raw, serde_json::json!({"id": "b"}));
    let deep = format!("{{\"data\":[{{\"id\":\"a\",\"x\":{}{}}}]}}", "[".repeat(100), "]".repeat(100));
    let models = settle(part.page(None, deep.as_bytes()).unwrap().entries);
    assert!(models[0].raw["omitted_bytes"].is_u64());
}

proptest! {
    #[test]
    fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), cursor in prop::option::of("\\PC{0,20}")) {
        for part in all_parts() {
            let _ = part.page_path(cursor.as_deref());
            let _ = part.page(cursor.as_deref(), &body);
        }
    }

    /// A recorded page with one piece of it replaced by another: whatever is still JSON is a page or an error, and every
    /// model of it has an id.
    #[test]
    fn broken_records_never_panic(
        file in prop::sample::select(vec![
            "openai.json", "together.json", "deepinfra.json", "anthropic_1.json", "vertex_google_1.json", "gemini_1.json",
            "bedrock_models.json", "bedrock_profiles_1.json", "fireworks_1.json", "openrouter_1.json",
        ]),
        at in any::<prop::sample::Index>(),
        length in 0..12_usize,
        piece in "(null|0|-1|1e400|\"\"|\\[\\]|\\{\\}|true|,|\"id\":|[a-z]{0,3})",
    ) {
        let mut body = cassette(file);
        let start = at.index(body.len());
        let end = (start + length).min(body.len());
        body.splice(start..end, piece.bytes());
        for part in all_parts() {
            if let Ok(page) = part.page(None, &body) {
                for model in settle(page.entries) {
                    prop_assert!(!model.model_id.is_empty() && !model.name.is_empty());
                }
            }
        }
    }
}

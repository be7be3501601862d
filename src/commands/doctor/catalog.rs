//! Checks the catalog for entries that keep models from being measured well. Pure.

use super::store::{StoreCheck, StoreInspection};
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::name_rules::is_hidden;
use crate::domain::{ModelRef, troubleshooting};
use crate::output::advice::quoted;
use crate::output::text;
use crate::providers::bedrock_ids;
use crate::providers::hosts::{Auth, Hosts};
use crate::storage::catalog::{CatalogEntry, Figures, PROBING};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};

const HERE: FindingSection = FindingSection::Catalog;

/// The time that a model may be on probation before a person should decide.
const PROBATION: TimeDelta = TimeDelta::hours(1);

/// The most models that a sentence names.
const NAMED: usize = 5;

/// The findings about the catalog in the store.
pub fn findings(check: &StoreCheck, hosts: &Hosts, region: Option<&str>, now: DateTime<Utc>) -> Vec<Finding> {
    match check {
        StoreCheck::NotYet(_) => vec![Finding::note(HERE, "models", "none yet: the store is not there")],
        StoreCheck::Bridge(_) => {
            vec![Finding::note(HERE, "models", "not here: the catalog is behind the bridge")]
        }
        StoreCheck::Nowhere | StoreCheck::Closed(_) | StoreCheck::Late(_) => {
            vec![Finding::unknown(HERE, "models", "could not be looked at: the store is not open, see store")]
        }
        StoreCheck::Open(seen) => of_open(seen, hosts, region, now),
    }
}

fn of_open(seen: &StoreInspection, hosts: &Hosts, region: Option<&str>, now: DateTime<Utc>) -> Vec<Finding> {
    let entries = match &seen.entries {
        Ok(entries) => entries,
        Err(why) => return vec![Finding::unknown(HERE, "models", format!("could not be read: {why}"))],
    };
    let nothing = HashMap::new();
    let figures = seen.figures.as_ref().unwrap_or(&nothing);
    let look = CatalogCheck { entries, figures, hosts, region, now };
    let mut found: Vec<Finding> = [
        look.case_twins(),
        look.without_name(),
        look.odd_names(),
        look.unknown_providers(),
        look.without_prefix(),
        look.probing(),
    ]
    .into_iter()
    .flatten()
    .collect();
    match &seen.figures {
        Ok(_) => found.extend(look.only_fails().into_iter().chain(look.only_suspect())),
        Err(why) => {
            found.push(Finding::unknown(
                HERE,
                "enabled models that only fail",
                format!("could not be looked at: {why}"),
            ));
        }
    }
    let enabled = look.enabled().count();
    let sentence = format!("{} entries, {enabled} of them enabled", entries.len());
    found.push(Finding::ok(HERE, "models", sentence));
    found
}

/// The catalog and related facts.
struct CatalogCheck<'a> {
    entries: &'a [CatalogEntry],
    figures: &'a HashMap<ModelRef, Figures>,
    hosts: &'a Hosts,
    region: Option<&'a str>,
    now: DateTime<Utc>,
}

impl<'a> CatalogCheck<'a> {
    fn enabled(&self) -> impl Iterator<Item = &'a CatalogEntry> {
        self.entries.iter().filter(|entry| entry.sound && entry.is_enabled())
    }

    /// Models whose names differ only in case: both would be measured, or one shadows the other in
    /// readers that ignore case.
    fn case_twins(&self) -> Option<Finding> {
        let mut groups: BTreeMap<String, Vec<&CatalogEntry>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.sound) {
            groups.entry(entry.model.to_string().to_lowercase()).or_default().push(entry);
        }
        let twins: Vec<Vec<&CatalogEntry>> = groups.into_values().filter(|group| group.len() > 1).collect();
        let enabled =
            |group: &&Vec<&CatalogEntry>| group.iter().filter(|entry| entry.is_enabled()).count() > 1;
        let both: Vec<&Vec<&CatalogEntry>> = twins.iter().filter(enabled).collect();
        let spoken = |group: &Vec<&CatalogEntry>| {
            group.iter().map(|entry| shown(entry)).collect::<Vec<_>>().join(" = ")
        };
        if let Some(first) = both.first().and_then(|group| group.last()) {
            let names: Vec<String> = both.iter().map(|group| spoken(group)).collect();
            let sentence = format!("enabled twice, differing in case alone: {}", some(&names));
            let fix = disable(&first.model.to_string(), "it differs in case alone from another");
            return Some(Finding::wrong(HERE, "case duplicates", sentence, fix, troubleshooting::CASE_TWINS));
        }
        let names: Vec<String> = twins.iter().map(spoken).collect();
        let sentence = format!("in the catalog twice, of which at most one is enabled: {}", some(&names));
        (!names.is_empty())
            .then(|| Finding::note(HERE, "case duplicates", sentence).heading(troubleshooting::CASE_TWINS))
    }

    fn without_name(&self) -> Option<Finding> {
        let models: Vec<&CatalogEntry> =
            self.enabled().filter(|entry| entry.text("display_name").is_none()).collect();
        let first = quoted(&models.first()?.model.to_string());
        let fix = format!("`llmbench models set {first} --display-name 'A name for people'`");
        let what = "have none, so people read the raw id";
        wrong("display names", what, models.into_iter(), &fix, troubleshooting::NO_NAME)
    }

    fn odd_names(&self) -> Option<Finding> {
        let odd = |entry: &&CatalogEntry| {
            let name = entry.text("display_name").unwrap_or_default();
            [&entry.model.provider, &entry.model.model_id, &name]
                .iter()
                .any(|text| text.chars().any(is_hidden))
        };
        let models = self.entries.iter().filter(odd);
        let what = "hold control characters or invisible ones";
        let fix = "`llmbench models list --all --json` shows them escaped; disable the entry and add the right name";
        wrong("odd names", what, models, fix, troubleshooting::ODD_NAME)
    }

    fn unknown_providers(&self) -> Option<Finding> {
        let models = self.enabled().filter(|entry| self.hosts.find(&entry.model.provider).is_err());
        let fix = "add the provider to the configuration file (dialect and base_url), or disable its models";
        let what = "are enabled and of a provider that nobody knows";
        wrong("unknown providers", what, models, fix, troubleshooting::UNKNOWN_PROVIDER)
    }

    /// A model that answered in the last day needs no prefix, whatever its name looks like.
    fn without_prefix(&self) -> Option<Finding> {
        let aws = |entry: &&CatalogEntry| {
            let host = self.hosts.find(&entry.model.provider);
            host.is_ok_and(|host| host.keys.auth == Auth::AwsChain)
        };
        let answered = |entry: &&CatalogEntry| {
            self.figures.get(&entry.model).is_some_and(|figures| figures.successes_24h > 0)
        };
        let bare = |entry: &&CatalogEntry| bedrock_ids::likely_needs_profile(&entry.model.model_id);
        let models: Vec<&CatalogEntry> =
            self.enabled().filter(aws).filter(bare).filter(|entry| !answered(entry)).collect();
        let first = models.first()?;
        let profile = bedrock_ids::suggestions(self.region, &first.model.model_id).into_iter().next()?;
        let fix = format!(
            "`llmbench models add {}`, then {}",
            quoted(&format!("{}:{profile}", first.model.provider)),
            disable(&first.model.to_string(), "it needs an inference profile")
        );
        let what = "have no inference-profile prefix, which newer models need";
        wrong("Bedrock ids", what, models.into_iter(), &fix, troubleshooting::ON_DEMAND)
    }

    fn probing(&self) -> Option<Finding> {
        let old = |entry: &&CatalogEntry| {
            entry.text("status").as_deref() == Some(PROBING)
                && entry.instant("created_at").is_none_or(|at| self.now - at > PROBATION)
        };
        let models: Vec<&CatalogEntry> =
            self.entries.iter().filter(|entry| entry.sound).filter(old).collect();
        let first = quoted(&models.first()?.model.to_string());
        let fix = format!("`llmbench models add {first}` asks it once more");
        wrong(
            "probing",
            "were staged and never decided about",
            models.into_iter(),
            &fix,
            troubleshooting::PROBING,
        )
    }

    fn only_fails(&self) -> Option<Finding> {
        let fails = |entry: &&CatalogEntry| self.figures.get(&entry.model).is_some_and(Figures::only_fails);
        let models: Vec<&CatalogEntry> = self.enabled().filter(fails).collect();
        let first = quoted(&models.first()?.model.to_string());
        let fix = format!(
            "`llmbench errors show {first}` says why; `llmbench errors summary --only-failing` lists all"
        );
        let what = "are enabled and only failed in the last 24 hours";
        wrong("models that only fail", what, models.into_iter(), &fix, troubleshooting::ONLY_FAILS)
    }

    fn only_suspect(&self) -> Option<Finding> {
        let doubtful =
            |entry: &&CatalogEntry| self.figures.get(&entry.model).is_some_and(Figures::only_suspect);
        let models: Vec<&CatalogEntry> = self.enabled().filter(doubtful).collect();
        let first = quoted(&models.first()?.model.to_string());
        let fix =
            format!("`llmbench results list --probe --model {first}` lists them; `results show` says why");
        let what = "are enabled, and each of their samples was too doubtful to be published";
        wrong("only suspect samples", what, models.into_iter(), &fix, troubleshooting::SUSPECT)
    }
}

/// A finding about models; `None` without models.
fn wrong<'a>(
    subject: &str,
    what: &str,
    models: impl Iterator<Item = &'a CatalogEntry>,
    fix: &str,
    heading: &'static str,
) -> Option<Finding> {
    let names: Vec<String> = models.map(shown).collect();
    let sentence = format!("{} {what}: {}", names.len(), some(&names));
    (!names.is_empty()).then(|| Finding::wrong(HERE, subject, sentence, fix, heading))
}

/// A model's name on one line, whatever it contains.
fn shown(entry: &CatalogEntry) -> String {
    text::escape(&entry.model.to_string())
}

fn disable(name: &str, why: &str) -> String {
    format!("`llmbench models disable {} --reason '{why}'`", quoted(name))
}

/// The first few of many names.
fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names[..names.len().min(NAMED)].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::builtin_hosts;
    use serde_json::{Value, json};

    fn entry(provider: &str, id: &str, more: Value) -> CatalogEntry {
        let mut fields = json!({"provider": provider, "model_id": id, "enabled": true, "display_name": "N"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        CatalogEntry::new(fields.as_object().unwrap().clone())
    }

    fn subjects(entries: Vec<CatalogEntry>, figures: &[(&str, u64, u64)]) -> Vec<String> {
        let figures = figures.iter().map(|(name, successes_24h, failures_24h)| {
            let figures =
                Figures { successes_24h: *successes_24h, failures_24h: *failures_24h, ..Figures::default() };
            (name.parse().unwrap(), figures)
        });
        let seen = StoreInspection {
            described: String::new(),
            is_file: true,
            facts: Err(String::new()),
            indexes: Err(String::new()),
            rights: Err(String::new()),
            census: Err(String::new()),
            cached: Err(String::new()),
            entries: Ok(entries),
            figures: Ok(figures.collect()),
        };
        let hosts = Hosts::new(builtin_hosts::built_in());
        let found = findings(&StoreCheck::Open(Box::new(seen)), &hosts, Some("eu-west-1"), Utc::now());
        let wrong = found.into_iter().filter(Finding::is_open);
        wrong.map(|one| format!("{}: {} -> {}", one.subject, one.sentence, one.fix.unwrap())).collect()
    }

    #[test]
    fn a_sound_catalog_has_nothing_to_say() {
        assert_eq!(subjects(vec![entry("groq", "m", json!({}))], &[("groq:m", 1, 0)]), Vec::<String>::new());
        let staged = entry(
            "groq",
            "s",
            json!({"status": "probing", "enabled": false, "created_at": Utc::now().to_rfc3339()}),
        );
        assert_eq!(subjects(vec![staged], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_model_whose_samples_are_all_suspect_is_named() {
        let entries = [entry("groq", "doubted", json!({})), entry("groq", "never", json!({}))];
        let doubted = Figures { last_attempt_at: Some(Utc::now()), ..Figures::default() };
        let figures = HashMap::from([("groq:doubted".parse().unwrap(), doubted)]);
        let hosts = Hosts::new(builtin_hosts::built_in());
        let look = CatalogCheck {
            entries: &entries,
            figures: &figures,
            hosts: &hosts,
            region: None,
            now: Utc::now(),
        };
        let found = look.only_suspect().unwrap();
        assert!(found.sentence.starts_with("1 are enabled, and each of their samples was"), "{found:?}");
        assert!(found.fix.unwrap().contains("--probe --model groq:doubted`"));
    }

    #[test]
    fn each_flaw_is_named_with_what_to_do() {
        let found = subjects(
            vec![
                entry("groq", "m", json!({})),
                entry("groq", "M", json!({})),
                entry("groq", "plain", json!({"display_name": null})),
                entry("groq", "two\nlines", json!({})),
                entry("grok", "x", json!({})),
                entry("bedrock", "anthropic.claude-opus-4-7", json!({})),
                entry("bedrock", "meta.llama2", json!({})),
                entry("groq", "old", json!({"status": "probing", "enabled": false})),
                entry("groq", "dead", json!({})),
            ],
            &[("bedrock:meta.llama2", 3, 0), ("groq:dead", 0, 2)],
        );
        let starts = [
            "case duplicates: enabled twice, differing in case alone: groq:m = groq:M -> `llmbench models disable groq:M",
            "display names: 1 have none, so people read the raw id: groq:plain -> \
             `llmbench models set groq:plain --display-name 'A name for people'`",
            "odd names: 1 hold control characters",
            "unknown providers: 1 are enabled and of a provider that nobody knows: grok:x",
            "Bedrock ids: 1 have no inference-profile prefix, which newer models need: bedrock:anthropic.claude-opus-4-7 -> \
             `llmbench models add bedrock:eu.anthropic.claude-opus-4-7`",
            "probing: 1 were staged and never decided about: groq:old -> `llmbench models add groq:old`",
            "models that only fail: 1 are enabled and only failed in the last 24 hours: groq:dead",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (one, start) in found.iter().zip(starts) {
            assert!(one.starts_with(start), "{one}\n{start}");
        }
    }
}

//! `doctor --switch`: what will differ once this program takes the place of the Python containers whose environment and
//! database it sees, each with the setting that keeps the old way. Looks and changes nothing.

use super::deadline::bounded;
use crate::commands::bridge;
use crate::commands::context::Context;
use crate::domain::daemon_config::DaemonConfig;
use crate::domain::env_vars::{BENCHMARK_EXCLUDED_PROVIDERS, FRESH_MINUTES};
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::{GenerationRequest, ModelRef, troubleshooting};
use crate::providers::hosts::Hosts;
use crate::providers::regions::python_region;
use crate::storage::catalog::CatalogEntry;
use crate::storage::claims::{ForeignJob, JobState, JobStatus};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const HERE: FindingSection = FindingSection::Switch;

/// Names in one sentence.
const NAMED: usize = 8;

/// Seconds from one measurement of a model to the next if the Python scheduler's variables are unset.
const PYTHON_CADENCE: u32 = 2700;

/// What the Python containers left in the database.
#[derive(Debug, Default)]
struct SwitchFacts {
    /// Models that are measured, and their request metadata.
    enabled: Vec<(ModelRef, Map<String, Value>)>,
    jobs: Vec<JobState>,
    foreign: Vec<ForeignJob>,
}

/// All findings about the switch. None of them is a fault: each says what changes.
pub async fn findings(context: &Context) -> Vec<Finding> {
    let mut found = of_environment(context);
    match bridge::named(context) {
        Ok(Some(_)) => {
            let sentence =
                "this host posts to a bridge: catalog and jobs are looked at where the database is";
            found.push(Finding::note(HERE, "database", sentence).fix("`llmbench doctor --switch` there"));
            return found;
        }
        Err(error) => {
            found.push(Finding::unknown(HERE, "database", error.message));
            return found;
        }
        Ok(None) => {}
    }
    match bounded("looking at the database", facts(context)).await {
        Ok(Ok(facts)) => found.extend(of_database(&facts, context)),
        Ok(Err(why)) | Err(why) => found.push(Finding::unknown(HERE, "database", why)),
    }
    found
}

async fn facts(context: &Context) -> Result<SwitchFacts, String> {
    let store = context.open_store().await.map_err(|error| error.message)?;
    let failed = |error: crate::storage::StoreError| error.to_string();
    let entries = store.entries(None).await.map_err(failed)?;
    let measured = |entry: &CatalogEntry| entry.is_enabled() && !entry.flag("deprecated");
    let metadata = |entry: &CatalogEntry| {
        entry.fields.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    Ok(SwitchFacts {
        enabled: entries
            .iter()
            .filter(|entry| measured(entry))
            .map(|entry| (entry.model.clone(), metadata(entry)))
            .collect(),
        jobs: store.jobs(None).await.map_err(failed)?,
        foreign: store.foreign_jobs().await.map_err(failed)?,
    })
}

fn of_environment(context: &Context) -> Vec<Finding> {
    let told = context.settings.python.notes().into_iter();
    let mut found: Vec<Finding> = told
        .map(|note| {
            let finding = Finding::note(HERE, note.subject, note.sentence).fix(note.fix);
            finding.heading(troubleshooting::PYTHON_VARIABLES)
        })
        .collect();
    if Path::new(".env").is_file() {
        let sentence = "the file .env in this directory is not read; the Python runner reads it";
        let fix = "`docker run --env-file .env`, env_file in compose, or `set -a; . ./.env`";
        found.push(Finding::note(HERE, ".env", sentence).fix(fix));
    }
    found
}

fn of_database(facts: &SwitchFacts, context: &Context) -> Vec<Finding> {
    let (config, hosts) = (&context.settings.daemon_config, &context.settings.hosts);
    let mut found = vec![cadence(facts, config, hosts, context.settings.env().get(FRESH_MINUTES))];
    found.extend(nobody(facts, config, hosts));
    found.extend(again(facts, config));
    found.extend(regions(facts, config, hosts));
    found.extend(queue(facts));
    let rollups = "failures are grouped anew: a fingerprint has the stage and the wording of this program, \
                   so that error_rollups get a second row for each known error; the old rows stay";
    let fix = "`llmbench errors summary --by kind` groups both by error_kind";
    found.push(Finding::note(HERE, "error_rollups", rollups).fix(fix));
    let beats = "the heartbeat is `llmbench` (and `daemon:…` of each daemon); `scheduler` stays the Python scheduler's, and \
                 ages once that is gone";
    let fix = "point monitors at `llmbench`, or at `llmbench status --check`";
    found.push(Finding::note(HERE, "heartbeat", beats).fix(fix));
    found
}

/// The cadence, and the calls of a day.
fn cadence(facts: &SwitchFacts, config: &DaemonConfig, hosts: &Hosts, fresh: Option<&str>) -> Finding {
    let calls = |cadence: u32| 86_400.0 / f64::from(cadence.max(1));
    let covered: Vec<&ModelRef> = facts
        .enabled
        .iter()
        .map(|(model, _)| model)
        .filter(|model| config.covers(&model.provider) && hosts.find(&model.provider).is_ok())
        .collect();
    let ours: f64 = covered
        .iter()
        .flat_map(|model| config.profiles.iter().map(|profile| calls(config.cadence(model, profile))))
        .fold(0.0, |sum, calls| sum + calls);
    let minutes = fresh.and_then(|text| text.parse::<f64>().ok());
    let python = minutes.map_or(PYTHON_CADENCE, |minutes| (minutes * 90.0).round() as u32);
    let theirs = covered.len() as f64 * calls(python);
    let same = if config.cadence_seconds == python { ", as the Python scheduler does" } else { "" };
    let sentence = format!(
        "a model is measured every {} s{same}: {ours:.0} calls a day for {} models and {} profiles; the Python scheduler makes \
         {theirs:.0}",
        config.cadence_seconds,
        covered.len(),
        config.profiles.len()
    );
    let fix = match fresh {
        Some(_) => {
            "cadence under [daemon] sets another; FRESH_MINUTES means one and a half times as long".to_owned()
        }
        None => format!("{FRESH_MINUTES}=30 keeps the Python scheduler's {PYTHON_CADENCE} s"),
    };
    Finding::note(HERE, "cadence", sentence).fix(fix)
}

/// Enabled models of providers that nothing here measures.
fn nobody(facts: &SwitchFacts, config: &DaemonConfig, hosts: &Hosts) -> Vec<Finding> {
    let mut found = Vec::new();
    let counted = |fits: &dyn Fn(&str) -> bool| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (model, _) in facts.enabled.iter().filter(|(model, _)| fits(&model.provider)) {
            *counts.entry(model.provider.as_str()).or_default() += 1;
        }
        counts.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>()
    };
    let unknown = counted(&|name| hosts.find(name).is_err());
    if !unknown.is_empty() {
        let sentence =
            format!("no such provider here, so their models are not measured: {}", unknown.join(", "));
        let fix =
            "[providers.NAME] in the configuration file adds one, or `llmbench models disable 'NAME:*'`";
        found.push(Finding::note(HERE, "providers", sentence).fix(fix));
    }
    let excluded = counted(&|name| hosts.find(name).is_ok() && !config.covers(name));
    if !excluded.is_empty() {
        let sentence = format!("left to other hosts: {}", excluded.join(", "));
        let fix = format!(
            "{BENCHMARK_EXCLUDED_PROVIDERS}, BENCHMARK_PROVIDERS, or only and exclude under [daemon]"
        );
        found.push(Finding::note(HERE, "excluded providers", sentence).fix(fix));
    }
    found
}

/// Models that the Python scheduler does not ask any more.
fn again(facts: &SwitchFacts, config: &DaemonConfig) -> Option<Finding> {
    let enabled: BTreeSet<&ModelRef> = facts.enabled.iter().map(|(model, _)| model).collect();
    let dead = |job: &&JobState| {
        job.status == JobStatus::DeadLetter
            && job.slot_at.is_none()
            && config.covers(&job.series.model.provider)
            && enabled.contains(&job.series.model)
    };
    let models: Vec<String> = facts
        .jobs
        .iter()
        .filter(dead)
        .map(|job| format!("{} ({})", job.series.model, job.error_kind.as_deref().unwrap_or("unknown")))
        .collect();
    if models.is_empty() {
        return None;
    }
    let sentence = format!(
        "{} dead letters are asked once more, then ever more rarely, up to once a day: {}",
        models.len(),
        listed(&models)
    );
    let fix = "`llmbench models disable PROVIDER:MODEL --reason …` ends it for one";
    Some(Finding::note(HERE, "dead letters", sentence).fix(fix))
}

/// Models that another region answers from tomorrow on.
fn regions(facts: &SwitchFacts, config: &DaemonConfig, hosts: &Hosts) -> Vec<Finding> {
    let mut moved = Vec::new();
    let mut regional = 0_usize;
    for (model, metadata) in facts.enabled.iter().filter(|(model, _)| config.covers(&model.provider)) {
        let Some(before) = python_region(&model.provider, &model.model_id) else { continue };
        let ask = GenerationRequest {
            model_id: model.model_id.clone(),
            prompt: String::new(),
            max_output_tokens: 1,
            temperature: None,
            reasoning_effort: None,
            metadata: metadata.clone(),
            deterministic: false,
        };
        regional += 1;
        let host = hosts.find(&model.provider).ok();
        let now = host.and_then(|host| host.region_for(&ask)).unwrap_or("the AWS profile's");
        if now != before {
            moved.push(format!("{model} from {before} to {now}"));
        }
    }
    if regional == 0 {
        return Vec::new();
    }
    if moved.is_empty() {
        return vec![Finding::ok(HERE, "regions", format!("{regional} models stay in their region"))];
    }
    let sentence = format!("{} models move, and their TTFT with them: {}", moved.len(), listed(&moved));
    let fix = "`llmbench models set PROVIDER:MODEL --metadata region=REGION` keeps one where it was";
    vec![Finding::note(HERE, "regions", sentence).fix(fix)]
}

/// Jobs that wait in the queue.
fn queue(facts: &SwitchFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    if !facts.foreign.is_empty() {
        let named = |job: &ForeignJob| format!("{} ({}, {})", job.id, job.kind, job.model);
        let names: Vec<String> = facts.foreign.iter().map(named).collect();
        let sentence =
            format!("no daemon here works on {} jobs in the queue: {}", names.len(), listed(&names));
        let fix = "`llmbench run --model PROVIDER:MODEL` measures one now; let the Python scheduler finish them first";
        found.push(Finding::note(HERE, "queued jobs", sentence).fix(fix));
    }
    let theirs =
        facts.jobs.iter().filter(|job| job.slot_at.is_none() && job.status == JobStatus::Queued).count();
    if theirs > 0 {
        let sentence = format!("{theirs} scheduled jobs wait; they go on as turns of their models");
        found.push(Finding::ok(HERE, "scheduled jobs", sentence));
    }
    found
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}

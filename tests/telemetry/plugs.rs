//! The rules and the dashboard of deploy/: every name and label in them is one that a running daemon or bridge has, and
//! promtool finds nothing wrong.

use super::page::parsed;
use crate::daemon::told::{address, get};
use crate::daemon::world::{QUICK, World, until};
use crate::ingest::served::{Served, result};
use crate::support::markdown::{document, section};
use crate::support::promtool::promtool;
use crate::support::samples::calibration;
use chrono::{TimeDelta, Utc};
use clap::Parser;
use llmbench::cli::Cli;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus")
}

/// The labels of every documented family, by its name.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut families = BTreeMap::new();
    for file in ["docs/telemetry.md", "docs/bridge.md"] {
        let text = document(file);
        for row in section(&text, "## Figures").lines().filter(|line| line.starts_with("| `llmbench_")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let labels = cells[3].split(", ").filter(|label| !label.is_empty()).map(str::to_owned);
            families.insert(cells[1].trim_matches('`').to_owned(), labels.collect());
        }
    }
    families
}

/// What a daemon with a budget and a calibration answers, once it has stored, failed and counted.
fn page_of_a_daemon() -> String {
    let configuration = "[daemon]\ncadence = 1\ntick = 1.0\n[daemon.providers.alpha]\nruns_per_day = 9000\n\
        tokens_per_day = 900000\ninput_price = 1.0\noutput_price = 2.0\n";
    let world = World::new(&[&format!("alpha:{QUICK}"), "beta:unknown-model"], configuration);
    let state = world.home.path().join("state/llmbench");
    fs::create_dir_all(&state).unwrap();
    let made = calibration("1", "h", Utc::now() - TimeDelta::hours(1), true);
    fs::write(state.join("calibration.json"), Value::Object(made.document).to_string()).unwrap();
    let daemon = world.logged(&["--listen", "127.0.0.1:0"]);
    let address = address(&daemon);
    let page = || get(&address, "/metrics").1;
    until("everything has samples", || {
        let page = page();
        ["rows_stored_total{", "failures_total{", "models{", "freshness_seconds{", "budget_left{"]
            .iter()
            .chain(&[
                "cost_dollars_total{",
                "calibration_ttft_error_seconds{",
                "ttft_seconds_bucket{",
                "tokens_per_second_bucket{",
            ])
            .all(|sample| page.contains(&format!("llmbench_{sample}")))
    });
    page()
}

async fn page_of_a_bridge() -> String {
    let served = Served::on_sqlite(&["--metrics-listen", "127.0.0.1:0"]).await;
    assert_eq!(served.post("/ingest", &result()).status, 200);
    let address = served.metrics.unwrap().to_string();
    let page = || get(&address, "/metrics").1;
    until("runners were counted", || page().contains("llmbench_ingest_runners{"));
    page()
}

/// The name of the family that a sample belongs to.
fn family(sample: &str, known: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.strip_suffix(end));
    [Some(sample), part].into_iter().flatten().find(|name| known.contains_key(*name)).map(str::to_owned)
}

/// The label names of a sample that Prometheus read, without that of a bucket.
fn labels(sample: &Value) -> BTreeSet<String> {
    let all = sample[3].as_object().unwrap().keys().cloned();
    all.filter(|label| label != "le").collect()
}

#[tokio::test]
async fn what_is_documented_is_what_daemons_and_bridges_answer() {
    let known = documented();
    let daemon = tokio::task::spawn_blocking(page_of_a_daemon).await.unwrap();
    for page in [daemon, page_of_a_bridge().await] {
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(known.contains_key(name), "{name} is in no table of figures");
        }
        // The client of Python strips `_total`, and then a gauge and a counter of one name are twins; Prometheus strips nothing.
        let counters = "# HELP llmbench_ingest_connections_total";
        let parts = page
            .split_once(counters)
            .map(|(before, after)| [before.to_owned(), format!("{counters}{after}")]);
        let parts = parts.map_or_else(|| vec![page.clone()], |parts| parts.to_vec());
        for sample in parts.iter().flat_map(|part| parsed(part)) {
            let name = sample[2].as_str().unwrap();
            let family = family(name, &known).unwrap_or_else(|| panic!("{name} is in no table"));
            assert_eq!(labels(&sample), known[&family], "{sample}");
        }
    }
}

/// The metrics that an expression names, each with the labels of its matchers; and the labels that it groups or joins by.
fn named(expression: &str) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let word = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
    let names = |list: &str| -> Vec<String> {
        let names = list.split(',').map(|part| part.split(['=', '!']).next().unwrap().trim().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    };
    let (mut metrics, mut grouped) = (Vec::new(), Vec::new());
    let mut rest = expression;
    while let Some(start) = rest.find(word) {
        let end = rest[start..].find(|ch| !word(ch)).map_or(rest.len(), |length| start + length);
        let (name, after) = (&rest[start..end], &rest[end..]);
        rest = after;
        let behind = |open: &str, close: char| {
            let inside = after.trim_start().strip_prefix(open)?;
            inside.split(close).next()
        };
        if name.starts_with("llmbench_") || name == "up" {
            let matchers = after.strip_prefix('{').and_then(|inside| inside.split('}').next());
            metrics.push((name.to_owned(), names(matchers.unwrap_or_default())));
        } else if ["by", "on", "without", "ignoring"].contains(&name) {
            grouped.extend(behind("(", ')').map(names).unwrap_or_default());
        }
        // What stands in quotes is a value.
        if let Some(matchers) = after.strip_prefix('{') {
            rest = matchers.split_once('}').map_or("", |(_, rest)| rest);
        }
    }
    (metrics, grouped)
}

/// Fails where an expression, or a text that shows its labels, names what no process has.
fn is_had(expression: &str, shown: &[String]) {
    let known = documented();
    let (metrics, grouped) = named(expression);
    assert!(!metrics.is_empty(), "no metric in {expression}");
    let mut there: BTreeSet<String> = ["instance", "job", "le"].map(str::to_owned).into();
    for (name, matched) in metrics {
        let own: BTreeSet<String> = match name.as_str() {
            "up" => BTreeSet::new(),
            name => known[&family(name, &known).unwrap_or_else(|| panic!("{name}: {expression}"))].clone(),
        };
        there.extend(own);
        for label in matched {
            assert!(there.contains(&label), "{name} has no label {label}: {expression}");
        }
    }
    for label in grouped.iter().chain(shown) {
        assert!(there.contains(label), "nothing has a label {label}: {expression}");
    }
}

/// What stands between two marks, each time.
fn between(text: &str, open: &str, close: &str) -> Vec<String> {
    let parts = text.split(open).skip(1).filter_map(|part| part.split_once(close));
    parts.map(|(inside, _)| inside.trim().to_owned()).collect()
}

/// One alert of the rules: the fields of its lines, those of an expression of several lines joined.
struct Alert {
    name: String,
    expression: String,
    text: String,
}

impl Alert {
    fn field(&self, name: &str) -> String {
        let line = self.text.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{} has no {name}", self.name)).trim_matches('"').to_owned()
    }
}

fn alerts() -> Vec<Alert> {
    let rules = fs::read_to_string(folder().join("rules.yml")).unwrap();
    let alert = |text: &str| {
        let (name, text) = text.split_once('\n').unwrap();
        let body = text.split_once("expr:").unwrap().1;
        let expression = body
            .lines()
            .take_while(|line| !["for:", "labels:"].iter().any(|field| line.trim_start().starts_with(field)));
        Alert {
            name: name.to_owned(),
            expression: expression.collect::<Vec<_>>().join(" ").replace('|', " "),
            text: text.to_owned(),
        }
    };
    rules.split("- alert: ").skip(1).map(alert).collect()
}

#[test]
fn rules_name_what_processes_have_and_say_what_to_do() {
    let troubleshooting = document("TROUBLESHOOTING.md");
    let alerts = alerts();
    assert!(alerts.len() >= 20);
    for alert in &alerts {
        let shown = between(&alert.text, "$labels.", " ");
        let shown: Vec<String> =
            shown.iter().map(|label| label.trim_end_matches([' ', '}']).to_owned()).collect();
        is_had(&alert.expression, &shown);
        let heading = format!("\n### {}\n", alert.field("heading"));
        assert!(troubleshooting.contains(&heading), "{}: no heading {heading}", alert.name);
        let command = alert.field("command");
        let parsed = Cli::try_parse_from(command.split(' '));
        assert!(parsed.is_ok(), "{}: {command}: {}", alert.name, parsed.unwrap_err());
        assert!(
            ["critical", "warning", "info"]
                .iter()
                .any(|word| alert.text.contains(&format!("severity: {word}")))
        );
    }
}

#[test]
fn promtool_accepts_the_rules_and_every_alert_fires_in_its_test() {
    promtool(&folder(), &["check", "config", "prometheus.yml"]);
    promtool(&folder(), &["test", "rules", "rules_test.yml"]);
    let tests = fs::read_to_string(folder().join("rules_test.yml")).unwrap();
    for Alert { name, .. } in alerts() {
        let fires = tests.split(&format!("alertname: {name}\n")).skip(1).any(|test| {
            let expected = test.lines().find(|line| line.trim_start().starts_with("exp_alerts:"));
            expected.is_some_and(|line| line.trim() == "exp_alerts:")
        });
        assert!(fires, "{name} never fires in rules_test.yml");
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&document("deploy/grafana/llmbench.json")).unwrap()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").collect()
}

/// Expression and legend of every query.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let text = |target: &Value, name: &str| target[name].as_str().unwrap().to_owned();
    let targets = panels(dashboard).into_iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| (text(target, "expr"), text(target, "legendFormat"))).collect()
}

#[test]
fn the_dashboard_asks_for_what_processes_have() {
    let dashboard = dashboard();
    for (expression, legend) in queries(&dashboard) {
        is_had(&expression, &between(&legend, "{{", "}}"));
    }
    for variable in &dashboard["templating"]["list"].as_array().unwrap()[1..] {
        let definition = variable["definition"].as_str().unwrap();
        let (metric, label) = definition.strip_prefix("label_values(").unwrap().split_once(", ").unwrap();
        is_had(metric, &[label.trim_end_matches(')').to_owned()]);
    }
    // Its expressions as rules, since promtool reads no dashboards.
    let rules: Vec<String> = queries(&dashboard)
        .iter()
        .enumerate()
        .map(|(place, (expression, _))| format!("  - record: q{place}\n    expr: '{expression}'\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), format!("groups:\n- name: g\n  rules:\n{}", rules.concat()))
        .unwrap();
    let said = promtool(folder.path(), &["check", "rules", "rules.yml"]);
    assert!(said.contains(&format!("{} rules found", rules.len())), "{said}");
}

#[test]
fn every_panel_is_named_explained_and_has_a_unit_and_room() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "llmbench");
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let all = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(
            !title.is_empty() && panel["description"].as_str().is_some_and(|text| text.len() > 10),
            "{title}"
        );
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        for from in std::iter::once(panel).chain(panel["targets"].as_array().unwrap()) {
            assert_eq!(from["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    let mut taken = BTreeSet::new();
    for panel in all {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for cell in
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{} overlaps another panel", panel["title"]);
        }
    }
}

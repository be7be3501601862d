//! Formats a run's report as Markdown for the page of a CI job: gates, figures, failures. Text from elsewhere cannot become
//! markup: it stands in `<code>` with every character that Markdown or HTML could read replaced by its reference.

use super::advice::told;
use super::gates::{compared, verdict};
use super::run_report::{deviations, parameters};
use super::side_by_side::{Sort, sorted};
use super::{pairs, text, units};
use crate::domain::interval::Interval;
use crate::measure::gate::{GateResult, GateVerdict};
use crate::measure::metrics::{METRICS, Metric, MetricSection};
use crate::measure::report::{ModelReport, Report};
use crate::measure::stats::median_interval;
use chrono::{FixedOffset, Offset, Utc};

/// The longest message that is shown, in columns.
const LONGEST_MESSAGE: usize = 300;

/// The title of a table's column, and whether its cells are numbers.
type MarkdownColumn = (&'static str, bool);

/// The whole summary, ending in a line break; `undecided_fails` says whether a gate that is not decided is a fault.
pub fn summary(report: &Report, checked: &[GateResult], undecided_fails: bool, sort: Sort) -> String {
    let models = sorted(&report.models, sort);
    let parts = [
        format!("## {}", title(report, checked)),
        parameters(report, utc(), true).iter().map(|words| quoted(words)).collect::<Vec<_>>().join(", ")
            + ".",
        deviations(report, true).map(|words| format!("{}.", quoted(&words))).unwrap_or_default(),
        section("Gates", gates(checked, undecided_fails)),
        section("Figures", figures(&models)),
        notes(&models).join("\n\n"),
        section("Cold and warm, in pairs", paired(&models)),
        section("Failures", failures(&models)),
    ];
    let shown: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    shown.join("\n\n") + "\n"
}

fn utc() -> FixedOffset {
    Utc.fix()
}

fn title(report: &Report, checked: &[GateResult]) -> String {
    let tripped = checked.iter().filter(|one| one.verdict.trips()).count() as u64;
    let mut words = vec![units::counted(report.models.len() as u64, "model")];
    let open = checked.iter().filter(|one| one.verdict == GateVerdict::Undecided).count() as u64;
    let all = units::counted(checked.len() as u64, "check");
    match (checked.is_empty(), tripped) {
        (true, _) => {}
        (false, 0) if open == 0 => words.push(format!("{all} passed")),
        (false, tripped) => words.push(format!("{tripped} of {all} tripped")),
    }
    if open > 0 {
        words.push(format!("{open} not decided"));
    }
    if report.failed() > 0 {
        words.push(units::counted(report.failed(), "failure"));
    }
    format!("llmbench: {}", words.join(", "))
}

fn section(title: &str, table: Option<String>) -> String {
    table.map_or_else(String::new, |table| format!("### {title}\n\n{table}"))
}

/// A table; `None` without rows. Cells must be safe already.
fn table(headings: &[MarkdownColumn], rows: Vec<Vec<String>>) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let titles: Vec<String> = headings.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rules: Vec<String> =
        headings.iter().map(|(_, number)| if *number { "--:" } else { "---" }.to_owned()).collect();
    let lines = [line(&titles), line(&rules)].into_iter().chain(rows.iter().map(|row| line(row)));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

fn gates(checked: &[GateResult], undecided_fails: bool) -> Option<String> {
    let row = |one: &GateResult| {
        let said = quoted(&verdict(one, true));
        let said = if one.verdict.fails(undecided_fails) { format!("**{said}**") } else { said };
        let said = match compared(one, true, utc()) {
            Some(what) => format!("{said}: {}", quoted(&what)),
            None => said,
        };
        vec![said, code(&one.gate.to_string()), code(&one.model.to_string())]
    };
    table(&[("result", false), ("trips if", false), ("model", false)], checked.iter().map(row).collect())
}

/// One row for each model: counts, then the medians of all main metrics, TTFT with its interval and its tail.
fn figures(models: &[&ModelReport]) -> Option<String> {
    let main = || METRICS.iter().filter(|metric| metric.section == MetricSection::Figures);
    let mut headings = vec![("model", false), ("ok", true), ("failed", true)];
    for metric in main().filter(|metric| models.iter().any(|model| samples(model, metric).is_some())) {
        headings.push((metric.title, true));
        if metric.key == "ttft" {
            headings.extend([("95 % interval", true), ("p90", true), ("p99", true)]);
        }
    }
    let row = |model: &&ModelReport| {
        let mut cells =
            vec![code(&model.model.to_string()), model.successes.to_string(), model.failed().to_string()];
        for metric in main().filter(|metric| headings.iter().any(|(title, _)| *title == metric.title)) {
            cells.extend(cells_of(model, metric));
        }
        cells
    };
    table(&headings, models.iter().map(row).collect())
}

fn samples<'a>(model: &'a ModelReport, metric: &Metric) -> Option<&'a [f64]> {
    model.figure(metric.key).map(|figure| figure.sorted.as_slice()).filter(|sorted| !sorted.is_empty())
}

fn cells_of(model: &ModelReport, metric: &Metric) -> Vec<String> {
    let said = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| units::phrase(metric.unit, value, true))
    };
    let summary = model.figure(metric.key).and_then(|figure| figure.summary);
    let mut cells = vec![said(summary.map(|summary| summary.p50))];
    if metric.key == "ttft" {
        let interval = samples(model, metric).and_then(|sorted| median_interval(sorted, 0.95));
        let between = |Interval { low, high }| format!("{} to {}", said(Some(low)), said(Some(high)));
        cells.push(interval.map_or_else(|| "–".to_owned(), between));
        cells.push(said(summary.map(|summary| summary.p90)));
        cells.push(said(summary.map(|summary| summary.p99)));
    }
    cells
}

/// What a reader of the figures should know.
fn notes(models: &[&ModelReport]) -> Vec<String> {
    let mut notes = vec![
        "Medians of successes; TTFT is the time to the first visible token. Failures are in no figure."
            .to_owned(),
    ];
    for model in models.iter().filter(|model| model.suspects > 0) {
        let samples = units::counted(model.suspects, "sample");
        let are = if model.figures_are_suspect {
            "in the figures, since there are no others"
        } else {
            "in no figure"
        };
        notes.push(format!("{}: {samples} suspect, {are}.", code(&model.model.to_string())));
    }
    notes
}

fn paired(models: &[&ModelReport]) -> Option<String> {
    let row = |model: &&ModelReport| {
        let cells = pairs::cells(model.pairs.as_ref()?, true);
        let name = code(&model.model.to_string());
        Some(std::iter::once(name).chain(cells).collect())
    };
    let headings = [
        ("model", false),
        ("pairs", true),
        ("TTFT cold", true),
        ("TTFT warm", true),
        ("cold − warm", true),
        ("95 % interval", true),
    ];
    table(&headings, models.iter().filter_map(row).collect())
}

fn failures(models: &[&ModelReport]) -> Option<String> {
    let rows = models.iter().flat_map(|model| {
        model.failures.iter().map(|(kind, group)| {
            let sample = group.typical();
            let status = sample.and_then(|sample| sample.http_status).map(|status| format!("HTTP {status}"));
            let message = sample
                .map(|sample| code(&text::cut(&text::one_line(&sample.message), LONGEST_MESSAGE, true)));
            let said: Vec<String> = status.into_iter().chain(message).collect();
            vec![
                code(&model.model.to_string()),
                code(kind.as_str()),
                group.count.to_string(),
                said.join(" "),
                quoted(&told(*kind)),
            ]
        })
    });
    let headings =
        [("model", false), ("kind", false), ("count", true), ("what was said", false), ("what to do", false)];
    table(&headings, rows.collect())
}

/// Foreign text as code: names, messages, conditions.
fn code(foreign: &str) -> String {
    format!("<code>{}</code>", quoted(foreign))
}

/// Text that reads as it is in a table's cell and in a paragraph. A character reference is never markup.
fn quoted(foreign: &str) -> String {
    let safe = text::one_line(foreign);
    let chars: Vec<char> = safe.chars().collect();
    let beside = |place: Option<usize>| {
        place.and_then(|place| chars.get(place)).is_some_and(|ch| ch.is_alphanumeric())
    };
    let mut out = String::with_capacity(safe.len());
    for (place, ch) in chars.iter().enumerate() {
        let plain = match ch {
            // Inside of a word it emphasizes nothing.
            '_' => beside(place.checked_sub(1)) && beside(Some(place + 1)),
            // Not where it could make a link.
            ':' => chars.get(place + 1) != Some(&'/'),
            '.' => !out.to_ascii_lowercase().ends_with("www"),
            ' ' | '-' | ',' | '/' | '(' | ')' | '%' | '=' | '+' | ';' | '\'' | '?' => true,
            ch => ch.is_alphanumeric() || !ch.is_ascii(),
        };
        match ch {
            _ if plain => out.push(*ch),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            ch => out.push_str(&format!("&#{};", u32::from(*ch))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::gate::check_all;
    use crate::measure::gate::history::GateHistory;
    use crate::measure::testing;
    use crate::output::snapshots::assert_picture;
    use proptest::prelude::*;

    fn sample() -> String {
        let gates = ["ttft_p95>2s", "error_rate>50%", "ttfrt_p50>1s"].map(|text| text.parse().unwrap());
        let report = testing::report();
        summary(&report, &check_all(&gates, &report, &GateHistory::default()), true, Sort::Ttft)
    }

    #[test]
    fn a_summary_for_a_job() {
        assert_picture("markdown", &sample());
    }

    #[test]
    fn what_stands_in_a_name_or_a_message_is_no_markup() {
        for (foreign, expected) in [
            ("a|b", "a&#124;b"),
            ("`x` **y** _z_", "&#96;x&#96; &#42;&#42;y&#42;&#42; &#95;z&#95;"),
            ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
            ("&lt;", "&amp;lt;"),
            ("[a](https://b)", "&#91;a&#93;(https&#58;//b)"),
            ("see www.example.com", "see www&#46;example.com"),
            ("@all #1 $x$ ~~y~~ \\|", "&#64;all &#35;1 &#36;x&#36; &#126;&#126;y&#126;&#126; &#92;&#124;"),
            ("two\nlines\u{202e}", "two lines&#92;u&#123;202e&#125;"),
            ("bedrock:amazon.nova-pro-v1:0, gpt_oss", "bedrock:amazon.nova-pro-v1:0, gpt_oss"),
            ("größe 模型 🦀", "größe 模型 🦀"),
        ] {
            assert_eq!(quoted(foreign), expected);
        }
    }

    proptest! {
        #[test]
        fn no_foreign_text_breaks_out_of_its_cell(foreign in any::<String>()) {
            let cell = quoted(&foreign);
            prop_assert!(!cell.chars().any(|ch| "|`*<>[]\\\n\r~$@\"".contains(ch)), "{cell}");
        }
    }
}

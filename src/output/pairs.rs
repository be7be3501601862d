//! Formats what pairs of a cold and a warm request say: TTFT over either connection, and the difference with its interval.

use super::json::summary;
use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{text, units};
use crate::domain::interval::Interval;
use crate::domain::timestamp::time;
use crate::domain::{ModelRef, Window};
use crate::measure::paired::PairReport;
use crate::measure::report::MetricSamples;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const ABOUT: &str = "Medians over complete pairs. COLD - WARM is the median of the differences within pairs, not the \
    difference of the medians.";

const OTHERS: &str = "All figures above are those of the cold requests.";
const TOO_FEW: &str = "Fewer than 6 pairs have no interval.";

/// What pairs are of: one question to one model, at a router's one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PairSeries {
    pub model: ModelRef,
    /// The id of the profile that asked.
    pub profile: Option<String>,
}

/// A model with its pairs.
struct PairLine<'a> {
    model: &'a ModelRef,
    profile: Option<&'a str>,
    pairs: &'a PairReport,
}

/// The list, a line a model, and under it what the columns are and what is in no figure; at most as wide as the terminal,
/// empty without pairs.
pub fn lines<'a>(
    models: impl IntoIterator<Item = (&'a ModelRef, &'a PairReport)>,
    view: &ReportView,
) -> Vec<String> {
    let line = |(model, pairs)| PairLine { model, profile: None, pairs };
    let lines: Vec<PairLine<'_>> = models.into_iter().map(line).collect();
    let table = names_whole(&lines, view);
    laid_out(&lines, table, &format!("{ABOUT} {OTHERS}"), view)
}

/// The table of a report, which has no flag for long names: where they have no room beside their figures, each stands above
/// its own.
fn names_whole(lines: &[PairLine<'_>], view: &ReportView) -> Vec<String> {
    let (width, unicode) = (view.terminal.width, view.terminal.unicode);
    let beside = named(lines, unicode).lines(None, unicode);
    if beside.iter().all(|line| text::width(line) <= width) {
        return beside;
    }
    let indent = |line: String| text::cut(&format!("  {line}"), width, unicode);
    let mut figures = figures(ListReport::new(lines), unicode).lines(Some(width.saturating_sub(2)), unicode);
    let mut table = vec![indent(figures.remove(0))];
    for (line, figures) in lines.iter().zip(figures) {
        table.extend(text::wrap(&text::escape(&line.model.to_string()), width, 0));
        table.push(indent(figures));
    }
    table
}

/// The list of stored pairs, ending in a line break.
pub fn list(series: &BTreeMap<PairSeries, PairReport>, view: &ReportView) -> String {
    let lines: Vec<PairLine<'_>> = series
        .iter()
        .map(|(series, pairs)| PairLine { model: &series.model, profile: series.profile.as_deref(), pairs })
        .collect();
    let table = named(&lines, view.terminal.unicode).lines(view.limit(), view.terminal.unicode);
    laid_out(&lines, table, ABOUT, view).join("\n") + "\n"
}

/// Names and figures.
fn named<'a>(lines: &'a [PairLine<'a>], unicode: bool) -> ListReport<'a, PairLine<'a>> {
    let mut list = ListReport::new(lines).column(Column::new("MODEL").free(), |line| line.model.to_string());
    if lines.iter().any(|line| line.profile.is_some()) {
        list = list.column(Column::new("PROFILE").rank(1), |line| line.profile.unwrap_or("-").to_owned());
    }
    figures(list, unicode)
}

fn figures<'a>(list: ListReport<'a, PairLine<'a>>, unicode: bool) -> ListReport<'a, PairLine<'a>> {
    list.column(Column::number("PAIRS"), |line| line.pairs.difference.sorted.len().to_string())
        .column(Column::number("TTFT COLD").rank(2), move |line| median(&line.pairs.cold, unicode))
        .column(Column::number("TTFT WARM").rank(2), move |line| median(&line.pairs.warm, unicode))
        .column(Column::number("COLD - WARM"), move |line| median(&line.pairs.difference, unicode))
        .column(Column::number("95 % INTERVAL").rank(1), move |line| interval(line.pairs.interval, unicode))
}

/// The table with its header set off, and under it what the columns are and what is in no figure.
fn laid_out(lines: &[PairLine<'_>], mut shown: Vec<String>, about: &str, view: &ReportView) -> Vec<String> {
    if lines.is_empty() {
        return Vec::new();
    }
    if let Some(header) = shown.first_mut() {
        *header = view.paint().heading(header);
    }
    let wrapped = |words: &str| text::wrap(words, view.terminal.width, 0);
    shown.extend(wrapped(about).iter().map(|line| view.paint().quiet(line)));
    if lines.iter().any(|line| line.pairs.interval.is_none()) {
        shown.extend(wrapped(TOO_FEW).iter().map(|line| view.paint().quiet(line)));
    }
    let of_all = |count: fn(&PairReport) -> u64| lines.iter().map(|line| count(line.pairs)).sum::<u64>();
    let (incomplete, suspect) = (of_all(|pairs| pairs.incomplete), of_all(|pairs| pairs.suspect));
    if incomplete + suspect > 0 {
        let words = format!("in no figure here: {incomplete} incomplete and {suspect} suspect pairs");
        shown.extend(wrapped(&words).iter().map(|line| view.paint().doubtful(line)));
    }
    shown
}

/// Count, TTFT cold and warm, their difference and its interval.
pub(super) fn cells(pairs: &PairReport, unicode: bool) -> [String; 5] {
    [
        pairs.difference.sorted.len().to_string(),
        median(&pairs.cold, unicode),
        median(&pairs.warm, unicode),
        median(&pairs.difference, unicode),
        interval(pairs.interval, unicode),
    ]
}

fn median(samples: &MetricSamples, unicode: bool) -> String {
    samples.summary.map_or_else(|| "-".to_owned(), |summary| units::seconds(summary.p50, unicode))
}

fn interval(interval: Option<Interval>, unicode: bool) -> String {
    let seconds = |value| units::seconds(value, unicode);
    interval.map_or_else(
        || "-".to_owned(),
        |Interval { low, high }| format!("{} to {}", seconds(low), seconds(high)),
    )
}

/// The pairs of a model for programs.
pub fn document(pairs: &PairReport) -> Value {
    let mut difference = summary(pairs.difference.summary.as_ref());
    difference.insert("p50_interval_95".to_owned(), json!(pairs.interval));
    json!({
        "n": pairs.difference.sorted.len(),
        "cold_first": pairs.cold_first,
        "incomplete": pairs.incomplete,
        "suspect": pairs.suspect,
        "ttft_cold": summary(pairs.cold.summary.as_ref()),
        "ttft_warm": summary(pairs.warm.summary.as_ref()),
        "ttft_difference": difference,
    })
}

pub const SCHEMA: &str = "llmbench.results.pairs/1";

/// Stored pairs for programs, by model, endpoint and profile.
pub fn list_document(series: &BTreeMap<PairSeries, PairReport>, window: &Window) -> Value {
    let one = |(series, pairs): (&PairSeries, &PairReport)| {
        let (mut fields, whole) = (Map::new(), series.model.unpinned());
        fields.insert("provider".to_owned(), whole.provider.into());
        fields.insert("model".to_owned(), whole.model_id.into());
        fields.insert("endpoint".to_owned(), series.model.endpoint_tag().into());
        fields.insert("profile".to_owned(), series.profile.clone().into());
        if let Value::Object(pairs) = document(pairs) {
            fields.extend(pairs);
        }
        Value::Object(fields)
    };
    json!({
        "schema": SCHEMA,
        "from": window.from.map(time),
        "to": window.to.map(time),
        "models": series.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::paired::{HalfTtft, PairTally};
    use crate::output::snapshots::{assert_picture, view};

    fn pairs(n: u32) -> PairReport {
        let mut tally = PairTally::default();
        for place in 0..n {
            let shared = 0.2 + 0.01 * f64::from(place * place % 17);
            let cold = shared + 0.08 + 0.002 * f64::from(place % 5);
            tally.add(HalfTtft::Sound(cold), HalfTtft::Sound(shared), place % 3 == 0);
        }
        tally.add(HalfTtft::Sound(0.3), HalfTtft::Missing, true);
        tally.report()
    }

    #[test]
    fn pairs_at_every_width() {
        let models = [
            (ModelRef::new("groq", "llama-3.3-70b-versatile"), pairs(20)),
            (ModelRef::new("cerebras", "evil\x1b[2Jname"), pairs(5)),
            (ModelRef::new("openai", "gone"), pairs(0)),
        ];
        for columns in [40, 80, 140] {
            let lines =
                lines(models.iter().map(|(model, pairs)| (model, pairs)), &view(columns, false, false));
            assert!(lines.iter().all(|line| text::width(line) <= columns), "{lines:?}");
            assert_picture(&format!("pairs_{columns}"), &lines.join("\n"));
        }
        assert!(lines([], &view(80, false, false)).is_empty());
    }

    #[test]
    fn too_few_pairs_have_no_interval_and_none_no_figures() {
        let few = document(&pairs(5));
        assert_eq!((&few["n"], &few["incomplete"], &few["cold_first"]), (&json!(5), &json!(1), &json!(2)));
        assert!(few["ttft_difference"]["p50"].is_number());
        assert_eq!(few["ttft_difference"]["p50_interval_95"], Value::Null);
        let none = document(&pairs(0));
        assert_eq!((&none["ttft_cold"]["n"], &none["ttft_cold"]["p50"]), (&json!(0), &Value::Null));
        let enough = document(&pairs(20));
        let bound = |name: &str| enough["ttft_difference"]["p50_interval_95"][name].as_f64().unwrap();
        assert!(0.08 <= bound("low") && bound("low") <= bound("high") && bound("high") <= 0.088 + 1e-9);
    }
}

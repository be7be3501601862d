//! The table of figures: one block per model, one line per metric, the same columns throughout. Columns are dropped
//! until the table fits; nothing ever wraps.

use super::color::Paint;
use super::view::ReportView;
use super::{text, units};
use crate::domain::CachedInput;
use crate::measure::metrics::{METRICS, MetricSection, Unit};
use crate::measure::report::{ModelReport, RunLabels, WordCounts};
use crate::measure::stats::{self, SummaryStats};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatisticColumn {
    N,
    Mean,
    Min,
    P50,
    P90,
    P95,
    P99,
    Max,
}

/// A choice of columns, with long or short titles.
struct Layout {
    long: bool,
    gap: u16,
    columns: &'static [StatisticColumn],
}

/// From the widest to the narrowest; the first that fits is used.
const LAYOUTS: [Layout; 5] = {
    use StatisticColumn::{Max, Mean, Min, N, P50, P90, P95, P99};
    [
        Layout { long: true, gap: 3, columns: &[N, Mean, Min, P50, P90, P95, P99, Max] },
        Layout { long: true, gap: 3, columns: &[N, P50, P90, P99] },
        Layout { long: false, gap: 1, columns: &[N, P50, P90, P99] },
        Layout { long: false, gap: 1, columns: &[P50, P90, P99] },
        Layout { long: false, gap: 1, columns: &[P50] },
    ]
};

/// Narrower terminals get no wide table even if it would just fit: four columns read better than eight.
const WIDE_TABLE: usize = 100;

struct FigureRow {
    title: String,
    short: String,
    unit: Unit,
    summary: Option<SummaryStats>,
}

/// A line of a block: words across the table, or a row of figures.
enum TableLine {
    Words(String),
    Figures(FigureRow),
}

/// The whole table, at most as wide as the terminal.
pub fn lines(models: &[ModelReport], view: &ReportView) -> Vec<String> {
    let blocks: Vec<TableLine> = models.iter().flat_map(|model| block(model, view)).collect();
    let rows: Vec<&FigureRow> = blocks.iter().filter_map(TableLine::row).collect();
    let mut figures = if rows.is_empty() { Vec::new() } else { fit(&rows, view) }.into_iter();
    let mut lines: Vec<String> = figures.next().into_iter().collect();
    for line in blocks {
        match line {
            TableLine::Words(words) => lines.push(words),
            TableLine::Figures(_) => lines.extend(figures.next()),
        }
    }
    lines
}

impl TableLine {
    fn row(&self) -> Option<&FigureRow> {
        match self {
            TableLine::Figures(row) => Some(row),
            TableLine::Words(_) => None,
        }
    }
}

/// The header and the rows, in the richest layout that fits.
fn fit(rows: &[&FigureRow], view: &ReportView) -> Vec<String> {
    let width = view.terminal.width;
    let layouts = LAYOUTS.iter().skip(usize::from(width < WIDE_TABLE));
    let mut rendered = Vec::new();
    for layout in layouts {
        rendered = render(rows, layout, view.terminal.unicode);
        if rendered.iter().all(|line| text::width(line) <= width) {
            break;
        }
    }
    rendered.iter().map(|line| text::cut(line, width, view.terminal.unicode)).collect()
}

fn render(rows: &[&FigureRow], layout: &Layout, unicode: bool) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let names = layout.columns.iter().map(|column| column.name().to_owned());
    table.set_header(std::iter::once(String::new()).chain(names));
    for row in rows {
        let indent = if layout.long { "  " } else { " " };
        let title = format!("{indent}{}", if layout.long { &row.title } else { &row.short });
        let cells = layout.columns.iter().map(|column| column.cell(row, unicode));
        table.add_row(std::iter::once(title).chain(cells));
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 0 } else { layout.gap }, 0));
        if place > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

impl StatisticColumn {
    fn name(self) -> &'static str {
        match self {
            StatisticColumn::N => "n",
            StatisticColumn::Mean => "mean",
            StatisticColumn::Min => "min",
            StatisticColumn::P50 => "p50",
            StatisticColumn::P90 => "p90",
            StatisticColumn::P95 => "p95",
            StatisticColumn::P99 => "p99",
            StatisticColumn::Max => "max",
        }
    }

    /// A dash if there are no samples; never a zero.
    fn cell(self, row: &FigureRow, unicode: bool) -> String {
        let Some(summary) = row.summary else {
            return if self == StatisticColumn::N { "0" } else { "-" }.to_owned();
        };
        let value = match self {
            StatisticColumn::N => return summary.n.to_string(),
            StatisticColumn::Mean => summary.mean,
            StatisticColumn::Min => summary.min,
            StatisticColumn::P50 => summary.p50,
            StatisticColumn::P90 => summary.p90,
            StatisticColumn::P95 => summary.p95,
            StatisticColumn::P99 => summary.p99,
            StatisticColumn::Max => summary.max,
        };
        units::cell(row.unit, value, unicode)
    }
}

fn block(model: &ModelReport, view: &ReportView) -> Vec<TableLine> {
    let mut block = heading(model, view);
    if model.successes > 0 {
        block.extend(section(model, MetricSection::Figures).map(TableLine::Figures));
        if view.verbose {
            block.extend(details(model, view));
        }
    }
    block
}

fn heading(model: &ModelReport, view: &ReportView) -> Vec<TableLine> {
    let name = text::escape(&model.model.to_string());
    let paint = view.paint();
    let named = text::wrap(&name, view.terminal.width, 0).into_iter().map(|line| paint.heading(&line));
    let counted = text::wrap(&counts(model), view.terminal.width, 2);
    let counted = counted.into_iter().map(|line| paint_counts(paint, model, &line));
    named
        .chain(counted)
        .map(TableLine::Words)
        .chain(why_suspect(model, view))
        .chain(cached(model, view))
        .collect()
}

/// The reasons for which figures are doubtful, shown without `-v` too.
fn why_suspect(model: &ModelReport, view: &ReportView) -> Vec<TableLine> {
    let reasons = &model.labels.suspect_reason;
    if reasons.is_empty() {
        return Vec::new();
    }
    quiet(&listed("suspect because", reasons), view).collect()
}

/// A notice about cached prompts: a prefix cache answers a repeated prompt faster than a new one, so the two must
/// not be compared unawares.
fn cached(model: &ModelReport, view: &ReportView) -> Vec<TableLine> {
    let CachedInput { runs, tokens, of_input_tokens } = model.cached_input;
    if runs == 0 {
        return Vec::new();
    }
    let said = format!(
        "a prefix cache answered {tokens} of {of_input_tokens} prompt tokens, in {runs} of {} runs: TTFT is not that of a \
         new prompt (--cache-bust asks for one)",
        model.successes
    );
    text::wrap(&said, view.terminal.width, 2)
        .into_iter()
        .map(|line| TableLine::Words(view.paint().doubtful(&line)))
        .collect()
}

fn paint_counts(paint: Paint, model: &ModelReport, line: &str) -> String {
    match (model.failed(), model.suspects) {
        (0, 0) => line.to_owned(),
        (0, _) => paint.doubtful(line),
        _ => paint.bad(line),
    }
}

/// The number of successes, suspect runs, and failures by kind.
fn counts(model: &ModelReport) -> String {
    let mut out = format!("{} ok", model.successes);
    if model.figures_are_suspect {
        out.push_str(" (all suspect: the figures are theirs)");
    } else if model.suspects > 0 {
        out.push_str(&format!(" ({} suspect, left out of the figures)", model.suspects));
    }
    out.push_str(&format!(", {} failed", model.failed()));
    let kinds: Vec<String> =
        model.failures.iter().map(|(kind, group)| format!("{kind} {}", group.count)).collect();
    if !kinds.is_empty() {
        out.push_str(&format!(": {}", kinds.join(", ")));
    }
    out
}

fn section(model: &ModelReport, section: MetricSection) -> impl Iterator<Item = FigureRow> {
    let figures = METRICS.iter().zip(&model.figures);
    figures.filter(move |(metric, _)| metric.section == section).map(|(metric, figure)| FigureRow {
        title: metric.title.to_owned(),
        short: metric.short.to_owned(),
        unit: metric.unit,
        summary: figure.summary,
    })
}

/// The addition of `-v`: sections with content, then the remarks of the runs.
fn details(model: &ModelReport, view: &ReportView) -> Vec<TableLine> {
    let seen = |which| section(model, which).filter(|row| row.summary.is_some()).collect::<Vec<_>>();
    let mut theirs = seen(MetricSection::Provider);
    theirs.extend(model.provider_timing.iter().map(|(name, summary)| provider_row(name, summary, view)));
    let sections = [
        ("more figures", seen(MetricSection::MoreFigures)),
        ("phases, from the start of the request", seen(MetricSection::Phases)),
        ("the provider's own clock", theirs),
        ("quality: what the client did to the samples", seen(MetricSection::Quality)),
    ];
    let mut lines = Vec::new();
    for (title, rows) in sections.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        lines.extend(quiet(title, view));
        lines.extend(rows.into_iter().map(TableLine::Figures));
    }
    lines.extend(in_words(model, view));
    lines
}

fn quiet(words: &str, view: &ReportView) -> impl Iterator<Item = TableLine> {
    let paint = view.paint();
    let lines = text::wrap(words, view.terminal.width, 2).into_iter();
    lines.map(move |line| TableLine::Words(paint.quiet(&line)))
}

fn provider_row(name: &str, summary: &SummaryStats, view: &ReportView) -> FigureRow {
    let name = text::escape(name);
    let unicode = view.terminal.unicode;
    FigureRow {
        title: text::cut(&name, 28, unicode),
        short: text::cut(&name, 11, unicode),
        unit: Unit::Seconds,
        summary: Some(*summary),
    }
}

fn in_words(model: &ModelReport, view: &ReportView) -> Vec<TableLine> {
    let RunLabels { token_source, finish_reason, stream_resolution, .. } = &model.labels;
    let named = [
        ("tokens counted by", token_source),
        ("finish reason", finish_reason),
        ("stream", stream_resolution),
    ];
    let mut lines: Vec<String> = median_interval(model, view.terminal.unicode).into_iter().collect();
    lines.extend(
        named.iter().filter(|(_, words)| !words.is_empty()).map(|(title, words)| listed(title, words)),
    );
    lines.iter().flat_map(|line| quiet(line, view)).collect()
}

fn listed(title: &str, words: &WordCounts) -> String {
    let each: Vec<String> =
        words.iter().map(|(word, count)| format!("{} ({count})", text::one_line(word))).collect();
    format!("{title}: {}", each.join(", "))
}

fn median_interval(model: &ModelReport, unicode: bool) -> Option<String> {
    let interval = stats::median_interval(&model.figure("ttft")?.sorted, 0.95)?;
    let (low, high) = (units::seconds(interval.low, unicode), units::seconds(interval.high, unicode));
    Some(format!("median TTFT between {low} and {high} (95 % interval)"))
}

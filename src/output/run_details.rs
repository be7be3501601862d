//! Formats one run, or one error, with all its stored fields. A run's phases and the gaps between its chunks are drawn
//! to scale.

use super::view::ReportView;
use super::{error_details, row_fields, text, units};
use crate::domain::Run;
use crate::measure::stats::percentile;
use serde_json::{Map, Value, json};

pub const SHOW: &str = "llmbench.results.show/1";

/// The moments of a run in order, each in seconds from the start of the request.
const MOMENTS: [(&str, &str); 10] = [
    ("name resolved", "dns_seconds"),
    ("connected", "connect_seconds"),
    ("request left", "transmitted_seconds"),
    ("request sent", "sent_seconds"),
    ("head of the answer", "headers_seconds"),
    ("first event", "first_event_seconds"),
    ("first reasoning", "time_to_first_reasoning_token"),
    ("first visible text", "time_to_first_token"),
    ("last visible text", "last_visible_seconds"),
    ("end", "generate_time"),
];

/// The width of a moment's name and its time, in columns.
const NAME: usize = 18;
const TIME: usize = 9;

/// The widest drawing, in columns; a longer bar tells nothing more.
const WIDEST: usize = 100;

/// A run for people, ending in a line break.
pub fn run(run: &Map<String, Value>, view: &ReportView) -> String {
    let mut lines = heading(run, view);
    lines.extend(view.wrap(&about(run, view)));
    lines.extend(view.wrap(&figures(run, view)));
    lines.extend(section(timeline(run, view)));
    lines.extend(section(gaps(run, view)));
    if view.verbose {
        lines.extend(section(everything(run, view)));
    }
    lines.join("\n") + "\n"
}

/// The drawing of a run that has just ended, behind its report: an empty line, whose it is, its timeline and its gaps.
pub fn drawing(run: &Run, view: &ReportView) -> String {
    let Ok(Value::Object(row)) = serde_json::to_value(run) else { return String::new() };
    let mut lines = vec![String::new()];
    lines.extend(view.wrap(&format!("The last run of {}", row_fields::model(&row))));
    lines.extend(section(timeline(&row, view)));
    lines.extend(section(gaps(&row, view)));
    lines.join("\n") + "\n"
}

/// An error for people, ending in a line break.
pub fn error(error: &Map<String, Value>, view: &ReportView) -> String {
    let mut lines = heading(error, view);
    lines.extend(error_details::occurrence(error, view));
    if view.verbose {
        lines.extend(section(everything(error, view)));
    }
    lines.join("\n") + "\n"
}

/// A run or an error for programs: the stored row.
pub fn document(outcome: &str, row: &Map<String, Value>) -> Value {
    json!({ "schema": SHOW, "outcome": outcome, "row": row })
}

fn heading(row: &Map<String, Value>, view: &ReportView) -> Vec<String> {
    view.wrap(&row_fields::model(row)).iter().map(|line| view.paint().heading(line)).collect()
}

fn section(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { lines } else { std::iter::once(String::new()).chain(lines).collect() }
}

fn about(run: &Map<String, Value>, view: &ReportView) -> String {
    let mut words = vec![row_fields::time(run, "run_ts", view.zone)];
    for (name, before) in [
        ("benchmark_profile_id", "profile "),
        ("sample_role", "role "),
        ("connection", "connection "),
        ("finish_reason", "finish reason "),
        ("_id", "id "),
        ("pair_id", "pair "),
        ("pair_position", "half "),
        ("calibration_id", "calibration "),
    ] {
        let word = row_fields::word(run, name);
        words.extend((word != "-").then(|| format!("{before}{word}")));
    }
    let receipt = run.get("receipt").is_some_and(|receipt| !receipt.is_null());
    words.extend(receipt.then(|| "with a receipt".to_owned()));
    words.join(", ")
}

fn figures(run: &Map<String, Value>, view: &ReportView) -> String {
    let seconds = |name| row_fields::shown(run, name, |value| units::seconds(value, view.terminal.unicode));
    let rate = |name| row_fields::shown(run, name, units::rate);
    let named = [
        ("TTFT", seconds("time_to_first_token")),
        ("ITL", seconds("inter_token_latency")),
        ("total", seconds("generate_time")),
        ("e2e", rate("tokens_per_second")),
        ("visible", rate("visible_tokens_per_second")),
        ("decode", rate("decode_tokens_per_second")),
        ("output tokens", row_fields::word(run, "output_tokens")),
        ("reasoning", row_fields::word(run, "reasoning_tokens")),
    ];
    let known = named.iter().filter(|(_, value)| value != "-");
    known.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// One bar per phase, from the previous moment to its own.
fn timeline(run: &Map<String, Value>, view: &ReportView) -> Vec<String> {
    let known: Vec<(&str, f64)> =
        MOMENTS.iter().filter_map(|(name, field)| Some((*name, row_fields::figure(run, field)?))).collect();
    let whole = known.iter().map(|(_, at)| *at).fold(0.0, f64::max);
    if whole <= 0.0 {
        return Vec::new();
    }
    let room = room(view);
    let mut before = 0.0;
    let mut lines = vec![view.paint().heading("Timeline")];
    for (name, at) in known {
        let time = units::seconds(at, view.terminal.unicode);
        let bar = bar(before / whole, at / whole, room, view.terminal.unicode);
        let line = format!("  {name:<NAME$} {time:>TIME$} {bar}");
        lines.push(text::cut(line.trim_end(), view.terminal.width, view.terminal.unicode));
        before = at.max(before);
    }
    lines
}

fn room(view: &ReportView) -> usize {
    view.terminal.width.saturating_sub(NAME + TIME + 4).clamp(1, WIDEST)
}

/// A bar from one share of the room to another; a phase too short to see is a thin mark.
fn bar(from: f64, to: f64, room: usize, unicode: bool) -> String {
    let place = |share: f64| ((share * room as f64).round() as usize).min(room);
    let (start, end) = (place(from), place(to));
    let (full, thin) = if unicode { ("█", "▏") } else { ("#", "|") };
    match end.checked_sub(start) {
        Some(length) if length > 0 => " ".repeat(start) + &full.repeat(length),
        _ => " ".repeat(start.min(room - 1)) + thin,
    }
}

/// The gaps between chunks in order: each column shows the longest gap of its share of the stream.
fn gaps(run: &Map<String, Value>, view: &ReportView) -> Vec<String> {
    let values = run.get("times_between_tokens").and_then(Value::as_array);
    let gaps: Vec<f64> = values
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .filter(|gap| gap.is_finite() && *gap >= 0.0)
        .collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    let Some(longest) = sorted.last().copied() else { return Vec::new() };
    let unicode = view.terminal.unicode;
    let seconds = |value| units::seconds(value, unicode);
    let words = format!(
        "{} between visible chunks: median {}, longest {}",
        units::counted(gaps.len() as u64, "gap"),
        seconds(percentile(&sorted, 50.0)),
        seconds(longest)
    );
    let columns = gaps.len().min(view.terminal.width.saturating_sub(2).clamp(1, WIDEST));
    let longest_of = |column: usize| {
        let (start, end) = (column * gaps.len() / columns, (column + 1) * gaps.len() / columns);
        gaps[start..end].iter().copied().fold(0.0, f64::max)
    };
    let drawn: String =
        (0..columns).map(|column| units::height(share(longest_of(column), longest), unicode)).collect();
    let mut lines: Vec<String> = view.wrap(&words).iter().map(|line| view.paint().heading(line)).collect();
    lines.push(format!("  {drawn}"));
    lines
}

fn share(gap: f64, longest: f64) -> f64 {
    if longest > 0.0 { gap / longest } else { 0.0 }
}

fn everything(row: &Map<String, Value>, view: &ReportView) -> Vec<String> {
    let widest = row.keys().map(|name| text::width(&text::escape(name))).max().unwrap_or(0).min(40);
    let line = |(name, value): (&String, &Value)| {
        let line = format!("  {:<widest$}  {}", text::escape(name), row_fields::value(value));
        match view.terminal.text_limit() {
            Some(limit) => text::cut(&line, limit, view.terminal.unicode),
            None => line,
        }
    };
    std::iter::once(view.paint().heading("As stored")).chain(row.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::terminal::{Terminal, TerminalEnv};
    use chrono::FixedOffset;
    use proptest::prelude::*;

    fn view(columns: usize, unicode: bool) -> ReportView {
        let wishes =
            TerminalEnv { columns: Some(columns), no_colour: true, unicode, ..TerminalEnv::default() };
        ReportView {
            terminal: Terminal::new(wishes, true, true, None),
            verbose: true,
            zone: FixedOffset::east_opt(0).unwrap(),
        }
    }

    #[test]
    fn what_a_run_belongs_to_is_told() {
        let row = serde_json::json!({"provider": "groq", "model_name": "m", "_id": "01A", "pair_id": "01B",
            "pair_position": 1, "calibration_id": "01C", "receipt": {"v": 1}});
        let told = about(row.as_object().unwrap(), &view(80, true));
        assert!(told.ends_with("id 01A, pair 01B, half 1, calibration 01C, with a receipt"), "{told}");
    }

    #[test]
    fn a_bar_lies_where_its_phase_lay() {
        assert_eq!(bar(0.0, 0.5, 8, true), "████");
        assert_eq!(bar(0.5, 1.0, 8, false), "    ####");
        assert_eq!(bar(1.0, 1.0, 8, false), "       |");
        assert_eq!(bar(0.5, 0.2, 8, false), "    |");
    }

    #[test]
    fn a_column_is_the_longest_gap_of_its_share() {
        let gaps: Vec<Value> = (0..200).map(|at| if at == 150 { 2.0 } else { 0.01 }.into()).collect();
        let run = Map::from_iter([("times_between_tokens".to_owned(), Value::Array(gaps))]);
        let lines = super::gaps(&run, &view(42, false));
        assert_eq!(lines[0], "200 gaps between visible chunks: median");
        let drawn = lines.last().unwrap();
        assert_eq!((drawn.len(), drawn.find('#')), (42, Some(32)));
    }

    proptest! {
        #[test]
        fn no_stored_row_breaks_the_drawing(
            numbers in prop::collection::vec(prop_oneof![any::<f64>(), -1.0..10.0_f64], 10),
            words in prop::collection::vec(any::<String>(), 4),
            width in 1..150_usize,
        ) {
            let mut row = Map::new();
            for ((_, field), number) in MOMENTS.iter().zip(&numbers) {
                row.insert((*field).to_owned(), Value::from(*number));
            }
            row.insert("times_between_tokens".to_owned(), numbers.iter().map(|gap| Value::from(*gap)).collect());
            for (name, word) in ["provider", "run_ts", "_id", "odd\u{1b}"].iter().zip(words) {
                row.insert((*name).to_owned(), word.into());
            }
            for unicode in [true, false] {
                let shown = run(&row, &view(width, unicode));
                prop_assert!(!shown.replace('\n', "").chars().any(char::is_control));
            }
            let shown = error(&row, &view(width, true));
            prop_assert!(!shown.replace('\n', "").chars().any(char::is_control));
        }
    }
}

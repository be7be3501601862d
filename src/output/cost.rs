//! Formats what measuring cost: sums by a key, their total, and the forecast for the month.

use super::list_report::{Column, ListReport};
use super::view::ReportView;
use super::{text, units};
use crate::domain::Window;
use crate::domain::cost::{CostTally, MonthSpend};
use crate::domain::timestamp::time;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub const SCHEMA: &str = "llmbench.results.cost/1";

/// The sum of the calls of one provider, model, profile or day.
#[derive(Debug, Clone, PartialEq)]
pub struct CostGroup {
    /// `None` where rows name none.
    pub key: Option<String>,
    pub tally: CostTally,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CostReport {
    pub as_of: DateTime<Utc>,
    pub window: Window,
    /// `provider`, `model`, `profile` or `day`.
    pub by: &'static str,
    /// In the order in which they are shown.
    pub groups: Vec<CostGroup>,
    pub total: CostTally,
    pub month: MonthSpend,
}

/// US dollars for people: cents, and more digits below a dollar.
pub fn usd(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || size >= 1.0 => format!("${value:.2}"),
        size if size >= 0.01 => format!("${value:.4}"),
        size if size >= 0.000_001 => format!("${value:.6}"),
        _ => format!("${value:.1e}"),
    }
}

/// The list, what is in no sum, and the forecast; ends in a line break.
pub fn list(report: &CostReport, view: &ReportView) -> String {
    let title = match report.by {
        "provider" => "PROVIDER",
        "model" => "MODEL",
        "profile" => "PROFILE",
        _ => "DAY (UTC)",
    };
    let mut rows = report.groups.clone();
    if rows.len() > 1 {
        rows.push(CostGroup { key: Some("all".to_owned()), tally: report.total });
    }
    let maybe = |value: Option<f64>, said: fn(f64) -> String| value.map_or_else(|| "-".to_owned(), said);
    let total = report.total.usd;
    let share = move |row: &CostGroup| row.tally.known_usd().filter(|_| total > 0.0).map(|usd| usd / total);
    let list = ListReport::new(&rows)
        .column(Column::new(title).free(), |row| row.key.clone().unwrap_or_else(|| "-".to_owned()))
        .column(Column::number("CALLS"), |row| units::grouped(row.tally.calls))
        .column(Column::number("REFUSED").rank(5).silent(&["0"]), |row| units::grouped(row.tally.refused))
        .column(Column::number("TOKENS IN").rank(4), |row| units::grouped(row.tally.input_tokens))
        .column(Column::number("TOKENS OUT").rank(4), |row| units::grouped(row.tally.output_tokens))
        .column(Column::number("COST"), move |row| maybe(row.tally.known_usd(), usd))
        .column(Column::number("SHARE").rank(2), move |row| maybe(share(row), units::share))
        .column(Column::number("A CALL").rank(3), move |row| maybe(row.tally.usd_per_call(), usd))
        .column(Column::number("UNKNOWN").rank(1), move |row| maybe(row.tally.unknown_share(), units::share));
    let mut lines = list.headed(view);
    let notes = [Some(month(report)), unknown(report)];
    for note in notes.into_iter().flatten() {
        lines.extend(text::unbroken(&note, view.terminal.width, 0));
    }
    lines.join("\n") + "\n"
}

/// The sentence about the month.
fn month(report: &CostReport) -> String {
    let month = &report.month;
    let name = month.month().0.format("%B %Y");
    let spent = month.spent().known_usd().map_or_else(|| "unknown cost".to_owned(), usd);
    let spent = format!("{name} (UTC): {spent} so far");
    match month.daily().zip(month.forecast()) {
        Some((daily, forecast)) => {
            let unknown = match month.unknown_planned() {
                0 => String::new(),
                some => format!(", without {} a day of unknown cost", units::counted(some, "call")),
            };
            format!(
                "{spent}; {} by its end, if daemons go on as in the last 24 hours ({} a day){unknown}.",
                usd(forecast),
                usd(daily)
            )
        }
        None => format!(
            "{spent}; no forecast: within the last 24 hours daemons made no calls of known cost, or began less than an hour ago."
        ),
    }
}

fn unknown(report: &CostReport) -> Option<String> {
    let some = Some(report.total.unknown).filter(|unknown| *unknown > 0)?;
    Some(format!(
        "The cost of {} is unknown and in no sum: `input_price` and `output_price` under `[daemon.providers.NAME]` state prices, \
         `llmbench catalog sync` reads those that a provider lists, with its key; see TROUBLESHOOTING.md, \
         \"What a call cost is unknown\".",
        units::counted(some, "call")
    ))
}

/// Dollars of a sum without the noise of adding: to a billionth, which is less than any call costs.
fn rounded(usd: f64) -> f64 {
    let billionths = (usd * 1e9).round();
    if billionths.is_finite() { billionths / 1e9 } else { usd }
}

/// The report for programs.
pub fn document(report: &CostReport) -> Value {
    let (from, to) = report.month.month();
    json!({
        "schema": SCHEMA,
        "as_of": time(report.as_of),
        "from": report.window.from.map(time),
        "to": report.window.to.map(time),
        "by": report.by,
        "groups": report.groups.iter().map(|group| sums(Some(group), &group.tally)).collect::<Vec<_>>(),
        "total": sums(None, &report.total),
        "month": {
            "from": time(from),
            "to": time(to),
            "spent_usd": report.month.spent().known_usd().map(rounded),
            "spent_unknown_calls": report.month.spent().unknown,
            "daily_usd": report.month.daily().map(rounded),
            "daily_unknown_calls": report.month.unknown_planned(),
            "forecast_usd": report.month.forecast().map(rounded),
        },
    })
}

fn sums(group: Option<&CostGroup>, tally: &CostTally) -> Value {
    let mut fields = json!({
        "calls": tally.calls,
        "unknown": tally.unknown,
        "unknown_share": tally.unknown_share(),
        "refused": tally.refused,
        "input_tokens": tally.input_tokens,
        "output_tokens": tally.output_tokens,
        "cost_usd": tally.known_usd().map(rounded),
        "usd_per_call": tally.usd_per_call(),
    });
    if let (Some(group), Some(fields)) = (group, fields.as_object_mut()) {
        fields.shift_insert(0, "key".to_owned(), json!(group.key));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cost::CallCost;
    use crate::output::schema_check::violations;
    use crate::output::snapshots::{assert_picture, view};
    use chrono::TimeDelta;

    fn sample() -> CostReport {
        let as_of: DateTime<Utc> = "2026-11-21T00:00:00Z".parse().unwrap();
        let mut month = MonthSpend::new(as_of);
        let mut total = CostTally::default();
        let mut group = |key: Option<&str>, calls: u64, usd: f64, unknown: u64| {
            let mut tally = CostTally::default();
            for place in 0..calls {
                let cost =
                    if place < unknown { CallCost::Unknown } else { CallCost::Known(usd / calls as f64) };
                tally.add(cost, Some(57), Some(64));
                total.add(cost, Some(57), Some(64));
                month.add(as_of - TimeDelta::minutes(5 * place as i64), cost, true);
            }
            tally.add(CallCost::Refused, None, None);
            total.add(CallCost::Refused, None, None);
            CostGroup { key: key.map(str::to_owned), tally }
        };
        let groups = vec![
            group(Some("openai"), 1440, 12.5, 0),
            group(Some("groq\u{1b}[2J"), 1440, 0.031, 144),
            group(None, 3, 0.0, 3),
        ];
        let window = Window { from: Some(as_of - TimeDelta::days(30)), to: None };
        CostReport { as_of, window, by: "provider", groups, total, month }
    }

    #[test]
    fn sums_are_shown_at_every_width() {
        for columns in [40, 80, 140] {
            assert_picture(&format!("cost_{columns}"), &list(&sample(), &view(columns, false, false)));
        }
    }

    #[test]
    fn the_document_is_as_its_schema_says() {
        let schema =
            serde_json::from_str(include_str!("../../docs/schema/results_cost.schema.json")).unwrap();
        let document = document(&sample());
        assert_eq!(violations(&schema, &document), Vec::<String>::new());
        assert_eq!(
            (&document["groups"][2]["key"], &document["total"]["unknown"]),
            (&Value::Null, &json!(147))
        );
        // Nobody knows what the last group cost, which is not nothing.
        assert_eq!(document["groups"][2]["cost_usd"], Value::Null);
        let empty = CostReport { groups: Vec::new(), total: CostTally::default(), ..sample() };
        assert_eq!(violations(&schema, &super::document(&empty)), Vec::<String>::new());
    }

    #[test]
    fn sums_for_programs_have_no_noise_of_adding() {
        let mut tally = CostTally::default();
        for _ in 0..1439 {
            tally.add(CallCost::Known(0.0001), None, None);
        }
        assert_eq!(sums(None, &tally)["cost_usd"], json!(0.1439), "{}", tally.usd);
        let told = [0.000_006_12, 0.0, 1e300].map(Some);
        assert_eq!(told.map(|usd| usd.map(rounded)), told);
    }

    #[test]
    fn dollars_have_the_digits_that_tell_something() {
        let shown = [0.0, 123.456, 1.0, 0.05, 0.000_12, 0.000_000_04].map(usd);
        assert_eq!(shown, ["$0.00", "$123.46", "$1.00", "$0.0500", "$0.000120", "$4.0e-8"]);
    }
}

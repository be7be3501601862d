//! Formats incidents of series: a list with who else saw each, and a document for programs.

use super::{CellLength, WatchedSeries, between, inner, name_or_none, percent, short};
use crate::domain::Window;
use crate::domain::series_change::{EstimatedTime, MeasuredSeries, WatchedFigure};
use crate::domain::series_incident::SeriesIncident;
use crate::domain::timestamp::time;
use crate::output::list_report::{Column, ListReport};
use crate::output::text;
use crate::output::view::ReportView;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The schema of the list, described by `docs/schema/results_incidents.schema.json`.
pub const SCHEMA: &str = "llmbench.results.incidents/1";

/// A list of incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentList {
    pub as_of: DateTime<Utc>,
    pub window: Window,
    pub series: WatchedSeries,
    pub incidents: Vec<SeriesIncident>,
}

/// The list for people, ending in a line break.
pub fn list(list: &IncidentList, view: &ReportView) -> String {
    let (lines, indent) = (table(list, view).headed(view), 2);
    let mut shown = Vec::new();
    for (number, line) in lines.into_iter().enumerate() {
        shown.push(line);
        let of_it = number.checked_sub(1).and_then(|place| list.incidents.get(place));
        let Some(said) = of_it.map(|one| one.scope_line.as_str()).filter(|said| !said.is_empty()) else {
            continue;
        };
        let said = text::one_line(said);
        match view.limit() {
            Some(width) => {
                shown.extend(text::wrap(&said, width, indent).iter().map(|line| view.paint().quiet(line)));
            }
            None => shown.push(format!("  {said}")),
        }
    }
    shown.join("\n") + "\n"
}

fn table<'a>(list: &'a IncidentList, view: &ReportView) -> ListReport<'a, SeriesIncident> {
    let zone = view.zone;
    ListReport::new(&list.incidents)
        .column(Column::new("MODEL").free(), |one| one.series.model.to_string())
        .column(Column::new("WHAT").rank(1), |one| what(one.figure).to_owned())
        .column(Column::new("EFFECT"), effect)
        .column(Column::new("BEGAN").rank(2), move |one| short(one.began.at, zone, CellLength::Whole))
        .column(Column::new("FOR"), lasted)
        .column(Column::new("SCOPE").rank(3), |one| one.scope.as_str().to_owned())
        .column(Column::new("BETWEEN").rank(4), move |one| between(&one.began, zone))
        .column(Column::new("RUNNER").rank(5).silent(&["-"]), |one| name_or_none(&one.series.runner))
        .column(Column::new("PROFILE").rank(6).silent(&["-"]), |one| name_or_none(&one.series.profile))
        .column(Column::new("OVER").rank(7).silent(&["-"]), |one| name_or_none(&one.series.connection))
}

fn what(figure: WatchedFigure) -> &'static str {
    match figure {
        WatchedFigure::Ttft => "TTFT",
        WatchedFigure::TokensPerSecond => "tokens/s",
    }
}

fn effect(one: &SeriesIncident) -> String {
    format!("{} % [{}, {}]", percent(one.seen / one.usual), inner(one.ratio.low), inner(one.ratio.high))
}

/// For example `6 h`: blocks have three hours, so nothing finer is known.
fn lasted(one: &SeriesIncident) -> String {
    format!("{} h", hours(one))
}

fn hours(one: &SeriesIncident) -> i64 {
    (one.ended.at - one.began.at).num_hours()
}

/// The list for programs.
pub fn document(list: &IncidentList) -> Value {
    json!({
        "schema": SCHEMA,
        "as_of": time(list.as_of),
        "from": list.window.from.map(time),
        "series": list.series,
        "incidents": list.incidents.iter().map(incident).collect::<Vec<_>>(),
    })
}

fn incident(one: &SeriesIncident) -> Value {
    let MeasuredSeries { model, runner, profile, connection } = &one.series;
    let moment = |moment: &EstimatedTime| json!({"at": time(moment.at), "earliest": time(moment.earliest), "latest": time(moment.latest)});
    json!({
        "provider": model.provider,
        "model": model.model_id,
        "runner": runner,
        "profile": profile,
        "connection": connection,
        "metric": one.figure.as_str(),
        "usual": one.usual,
        "seen": one.seen,
        "ratio": {"low": one.ratio.low, "point": one.seen / one.usual, "high": one.ratio.high},
        "began": moment(&one.began),
        "ended": moment(&one.ended),
        "hours": hours(one),
        "scope": one.scope.as_str(),
        "scope_line": one.scope_line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::interval::Interval;
    use crate::domain::series_block::slot_start;
    use crate::domain::series_change::ChangeScope;
    use crate::output::schema_check::violations;
    use crate::output::snapshots::{assert_picture, view};

    fn incidents() -> IncidentList {
        let moment = |slot: i64| EstimatedTime {
            at: slot_start(slot),
            earliest: slot_start(slot - 1),
            latest: slot_start(slot + 1),
        };
        let one = SeriesIncident {
            series: MeasuredSeries {
                model: "groq:llama-3.3-70b-versatile".parse().unwrap(),
                runner: Some("frankfurt".to_owned()),
                profile: Some("cloud-default-v1".to_owned()),
                connection: Some("cold".to_owned()),
            },
            figure: WatchedFigure::Ttft,
            usual: 0.4,
            seen: 0.8,
            ratio: Interval { low: 1.7, high: 2.35 },
            began: moment(166_240),
            ended: moment(166_243),
            scope: ChangeScope::Provider,
            scope_line: "3 of 4 models of the provider were so".to_owned(),
        };
        let alone = SeriesIncident {
            series: MeasuredSeries { model: "evil:\u{1b}[2Jname".parse().unwrap(), ..one.series.clone() },
            figure: WatchedFigure::TokensPerSecond,
            seen: 0.2,
            ratio: Interval { low: 0.4, high: 0.62 },
            scope: ChangeScope::Path,
            scope_line: "frankfurt alone saw it: tokyo did not".to_owned(),
            ..one.clone()
        };
        IncidentList {
            as_of: slot_start(166_300),
            window: Window { from: Some(slot_start(166_100)), to: None },
            series: WatchedSeries { judged: 40, too_young: 0, too_thin: 0, days_needed: 17 },
            incidents: vec![one, alone],
        }
    }

    #[test]
    fn incidents_at_every_width() {
        for columns in [40, 80, 140] {
            let shown = list(&incidents(), &view(columns, false, false));
            assert!(shown.lines().all(|line| text::width(line) <= columns), "{shown}");
            assert!(shown.lines().next().unwrap().contains("FOR") && !shown.contains('\u{1b}'), "{shown}");
            assert_picture(&format!("results_incidents_{columns}"), &shown);
        }
    }

    #[test]
    fn the_document_is_as_its_schema_says() {
        let schema = include_str!("../../../docs/schema/results_incidents.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let document = document(&incidents());
        assert_eq!(violations(&schema, &document), [""; 0]);
        assert_eq!(
            (&document["incidents"][0]["hours"], &document["incidents"][1]["metric"]),
            (&json!(9), &json!("tps"))
        );
        assert_ne!(violations(&schema, &json!({"schema": SCHEMA})), [""; 0]);
    }
}

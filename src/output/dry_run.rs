//! Formats the plan of a daemon for people and programs: due series with their times, and models that would be tried.

use super::json::time;
use super::list_report::{Column, ListReport};
use super::sampling_plan::{self, PlanNote};
use super::terminal::Terminal;
use super::text;
use crate::domain::ModelRef;
use crate::domain::daemon_status::PlanReport;
use crate::domain::window::span;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// The schema of the document, described by `docs/schema/daemon.schema.json`.
pub const SCHEMA: &str = "llmbench.daemon/1";

/// The reason for which a model is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueReason {
    /// The model is measured, and its turn under a profile has come.
    Cadence {
        /// The name of that profile.
        profile: String,
    },
    /// The model is new and has to keep answering.
    Admission,
    /// The model was set aside and may answer again.
    Recheck,
}

impl DueReason {
    fn word(&self) -> &'static str {
        match self {
            DueReason::Cadence { .. } => "cadence",
            DueReason::Admission => "admission",
            DueReason::Recheck => "recheck",
        }
    }

    fn profile(&self) -> Option<&str> {
        match self {
            DueReason::Cadence { profile } => Some(profile),
            DueReason::Admission | DueReason::Recheck => None,
        }
    }
}

/// A planned call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRow {
    pub model: ModelRef,
    pub why: DueReason,
    /// The interval of a measured model, in seconds.
    pub cadence_seconds: Option<u32>,
    /// What the sampling plan gives to it, if there is a plan.
    pub plan: Option<PlanNote>,
    /// The end of the last measurement.
    pub finished_at: Option<DateTime<Utc>>,
    /// The time from which the call is due; may be in the past.
    pub due_at: DateTime<Utc>,
}

/// The table, the earliest due first, the number of due rows, and the plan if there is one.
pub fn due(rows: &[DueRow], plan: Option<&PlanReport>, now: DateTime<Utc>, terminal: &Terminal) -> String {
    if rows.is_empty() {
        return "no model is enabled for this daemon\n".to_owned();
    }
    let limit = terminal.cuts.then_some(terminal.width);
    let mut lines = list(rows, now, terminal.unicode).lines(limit, terminal.unicode);
    lines.push(format!("\n{} of {} due now", due_now(rows, now), rows.len()));
    let plan = plan.map(sampling_plan::sentence).into_iter();
    lines.extend(plan.flat_map(|plan| text::wrap(&plan, limit.unwrap_or(usize::MAX), 0)));
    lines.join("\n") + "\n"
}

fn list(rows: &[DueRow], now: DateTime<Utc>, unicode: bool) -> ListReport<'_, DueRow> {
    let last = move |row: &DueRow| match (&row.why, row.finished_at) {
        (DueReason::Cadence { .. }, None) => "never".to_owned(),
        (_, at) => at.map(|at| format!("{} ago", span(now - at))).unwrap_or_default(),
    };
    let every = |seconds: u32| span(TimeDelta::seconds(seconds.into()));
    let profile = |why: &DueReason| why.profile().map_or_else(|| format!("({})", why.word()), str::to_owned);
    let due = move |at| if at <= now { "now".to_owned() } else { format!("in {}", span(at - now)) };
    ListReport::new(rows)
        .column(Column::new("MODEL").free(), |row| row.model.to_string())
        .column(Column::new("PROFILE").rank(1), move |row| profile(&row.why))
        .column(Column::number("EVERY"), move |row| row.cadence_seconds.map(every).unwrap_or_default())
        .column(Column::new("PLAN").rank(3), move |row| sampling_plan::cell(row.plan.as_ref(), unicode))
        .column(Column::number("LAST").rank(2), last)
        .column(Column::number("DUE"), move |row| due(row.due_at))
}

pub fn document(rows: &[DueRow], plan: Option<&PlanReport>, now: DateTime<Utc>) -> Value {
    let row = |row: &DueRow| {
        json!({
            "provider": row.model.provider,
            "model": row.model.model_id,
            "why": row.why.word(),
            "profile": row.why.profile(),
            "cadence_seconds": row.cadence_seconds,
            "plan": row.plan.as_ref().map(sampling_plan::document),
            "finished_at": row.finished_at.map(time),
            "due_at": time(row.due_at),
            "due": row.due_at <= now,
        })
    };
    let rows_shown: Vec<Value> = rows.iter().map(row).collect();
    json!({"schema": SCHEMA, "at": time(now), "due": due_now(rows, now), "plan": plan, "rows": rows_shown})
}

fn due_now(rows: &[DueRow], now: DateTime<Utc>) -> usize {
    rows.iter().filter(|row| row.due_at <= now).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::schema_check::violations;
    use crate::output::terminal::TerminalEnv;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn rows() -> Vec<DueRow> {
        let row = |id: &str, why: DueReason, last: Option<i64>, due: i64| DueRow {
            model: ModelRef::new("groq", id),
            cadence_seconds: why.profile().map(|_| 1800),
            plan: None,
            why,
            finished_at: last.map(|ago| now() - TimeDelta::seconds(ago)),
            due_at: now() + TimeDelta::seconds(due),
        };
        let cadence = || DueReason::Cadence { profile: "default".to_owned() };
        vec![
            row("new\u{1b}[31m", cadence(), None, -60),
            row("on-trial", DueReason::Admission, None, -5),
            row("llama-3.3-70b-versatile", cadence(), Some(600), 1200),
            row("gone", DueReason::Recheck, None, 86_400),
        ]
    }

    #[test]
    fn what_is_due_is_a_table_that_fits() {
        let at = |columns| {
            let wishes = TerminalEnv { columns: Some(columns), ..TerminalEnv::default() };
            due(&rows(), None, now(), &Terminal::new(wishes, true, true, Some(columns)))
        };
        insta::assert_snapshot!("due_80", at(80));
        insta::assert_snapshot!("due_140", at(140));
        assert!(at(40).lines().all(|line| line.len() <= 40), "{}", at(40));
    }

    #[test]
    fn documents_are_as_the_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schema/daemon.schema.json")).unwrap();
        let mut shown = document(&rows(), None, now());
        assert_eq!(violations(&schema, &shown), Vec::<String>::new());
        assert_eq!(shown["due"], 2);
        assert_eq!(violations(&schema, &document(&[], None, now())), Vec::<String>::new());
        shown["rows"][0]["why"] = json!("whim");
        assert_eq!(violations(&schema, &shown).len(), 1);
        let (rows, plan) = planned();
        assert_eq!(violations(&schema, &document(&rows, Some(&plan), now())), Vec::<String>::new());
    }

    fn planned() -> (Vec<DueRow>, PlanReport) {
        let note = PlanNote {
            why: "rarer",
            configured_seconds: 900,
            half_width: Some(0.012),
            half_width_configured: Some(0.01),
        };
        let mut rows = rows();
        rows[2].plan = Some(note);
        rows[0].plan =
            Some(PlanNote { why: "unknown", half_width: None, half_width_configured: None, ..note });
        (rows, PlanReport { series: 2, rarer: 1, oftener: 0, unknown: 1, cost_share: 0.5, priced: false })
    }

    #[test]
    fn a_plan_has_a_column_and_a_sentence() {
        let (rows, plan) = planned();
        let wishes = TerminalEnv { columns: Some(100), unicode: true, ..TerminalEnv::default() };
        let shown = due(&rows, Some(&plan), now(), &Terminal::new(wishes, true, true, Some(100)));
        insta::assert_snapshot!("due_planned_100", shown);
    }
}

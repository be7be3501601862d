//! A sampling plan in words: of a day as a whole, and of one series.

use super::units;
use crate::domain::daemon_status::PlanReport;
use serde_json::{Value, json};

/// What a plan gives to one series, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanNote {
    /// `unknown`, `fixed`, `rarer`, `configured` or `oftener`.
    pub why: &'static str,
    pub configured_seconds: u32,
    /// Half the width of the interval of a week that the plan and the configured cadence are expected to lead to, as
    /// shares of the figure.
    pub half_width: Option<f64>,
    pub half_width_configured: Option<f64>,
}

/// For example `Plan: precision, of 40 series 21 rarer and 6 more often than configured, 2 too young to plan; 70 % of the cost`.
pub fn sentence(plan: &PlanReport) -> String {
    let young =
        if plan.unknown > 0 { format!(", {} too young to plan", plan.unknown) } else { String::new() };
    let unit = if plan.priced { "cost" } else { "runs" };
    let share = units::share((plan.cost_share * 100.0).round() / 100.0);
    format!(
        "Plan: precision, of {} series {} rarer and {} more often than configured{young}; {share} of the {unit}",
        units::grouped(plan.series),
        plan.rarer,
        plan.oftener
    )
}

/// For example `rarer, ±1.20 %`; empty without a plan.
pub fn cell(note: Option<&PlanNote>, unicode: bool) -> String {
    let Some(note) = note else { return String::new() };
    let sign = if unicode { "±" } else { "+-" };
    let width = |width: f64| format!(", {sign}{}", units::share((width * 1000.0).round() / 1000.0));
    format!("{}{}", note.why, note.half_width.map(width).unwrap_or_default())
}

pub fn document(note: &PlanNote) -> Value {
    json!({
        "why": note.why,
        "configured_seconds": note.configured_seconds,
        "half_width": note.half_width,
        "half_width_configured": note.half_width_configured,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_in_one_sentence() {
        let plan =
            PlanReport { series: 1040, rarer: 21, oftener: 6, unknown: 2, cost_share: 0.6987, priced: true };
        assert_eq!(
            sentence(&plan),
            "Plan: precision, of 1,040 series 21 rarer and 6 more often than configured, 2 too young to plan; 70 % of the cost"
        );
        let sentence = sentence(&PlanReport { unknown: 0, priced: false, ..plan });
        assert!(sentence.ends_with("than configured; 70 % of the runs"), "{sentence}");
    }

    #[test]
    fn a_series_says_why_and_how_well_it_will_be_known() {
        let note = PlanNote {
            why: "rarer",
            configured_seconds: 1800,
            half_width: Some(0.012_34),
            half_width_configured: Some(0.01),
        };
        assert_eq!(
            (cell(Some(&note), true), cell(Some(&note), false)),
            ("rarer, ±1.20 %".into(), "rarer, +-1.20 %".into())
        );
        assert_eq!(cell(Some(&PlanNote { why: "unknown", half_width: None, ..note }), true), "unknown");
        assert_eq!(cell(None, true), "");
        assert_eq!(document(&note)["half_width_configured"], 0.01);
    }
}

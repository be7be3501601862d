//! Places of all lanes in the dashboard's ranking: counted, with those that are kept back named, the longest measured
//! first, because what was measured for a week and has no place needs somebody. Pure.

use crate::domain::publication::{LaneRanking, RankingPlace};
use crate::domain::window::ago;
use crate::output::list_report::{Column, ListReport};
use crate::output::{ReportView, json as document, ranking, text};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Lanes that are shown unless all are requested.
const MOST_LANES: usize = 12;

/// Lanes that a document names.
const MOST_NAMED: usize = 1000;

/// The lanes of all measured models as a daemon counted them last.
#[derive(Debug, Clone, PartialEq)]
pub struct RankingReport {
    /// When the newest of them was counted.
    pub counted_at: DateTime<Utc>,
    pub lanes: Vec<LaneRanking>,
}

impl RankingReport {
    fn count(&self, place: Option<RankingPlace>) -> usize {
        self.lanes.iter().filter(|lane| lane.place() == place).count()
    }

    /// The lanes without an official place or a rank.
    fn kept_back(&self) -> Vec<&LaneRanking> {
        let mut lanes: Vec<&LaneRanking> =
            self.lanes.iter().filter(|lane| !lane.missing().is_empty()).collect();
        lanes.sort_by_key(|lane| (Reverse(lane.coverage.span), Reverse(lane.coverage.samples), &lane.model));
        lanes
    }
}

/// One line of counts, and a table of the lanes that are kept back.
pub fn lines(report: Option<&RankingReport>, view: &ReportView, now: DateTime<Utc>) -> Vec<String> {
    let Some(report) = report.filter(|report| !report.lanes.is_empty()) else { return Vec::new() };
    let counts = [
        (report.count(Some(RankingPlace::Official)), "official"),
        (report.count(Some(RankingPlace::Preliminary)), "preliminary"),
        (report.count(None), "without a place"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let lanes = if report.lanes.len() == 1 { "lane" } else { "lanes" };
    let head = format!(
        "Ranking: {} {lanes}, {} (counted {})",
        report.lanes.len(),
        counts.collect::<Vec<_>>().join(", "),
        ago(report.counted_at, now)
    );
    let mut lines = view.wrap(&head);
    let kept_back = report.kept_back();
    if kept_back.is_empty() {
        return lines;
    }
    let most = if view.verbose { usize::MAX } else { MOST_LANES };
    let place = |lane: &&LaneRanking| lane.place().map_or("-", RankingPlace::as_str).to_owned();
    let list = ListReport::new(&kept_back)
        .column(Column::new("MODEL").free(), |lane| text::one_line(&lane.model.to_string()))
        .column(Column::new("ENDPOINT").silent(&[""]).rank(1), |lane| ranking::name(lane))
        .column(Column::new("PLACE"), place)
        .column(Column::new("KEPT BACK").free(), |lane| ranking::kept_back_shortly(lane));
    lines.extend(list.first(most).headed(view));
    let left = kept_back.len().saturating_sub(most);
    if left > 0 {
        lines.push(format!("and {left} more: llmbench status --wide"));
    }
    lines
}

/// All counts, and the first [`MOST_NAMED`] lanes that are kept back.
pub fn json(report: &RankingReport) -> Value {
    let kept_back = report.kept_back();
    let lane = |lane: &&LaneRanking| {
        let mut fields = ranking::json(lane);
        fields["provider"] = json!(lane.model.provider);
        fields["model_id"] = json!(lane.model.model_id);
        fields
    };
    json!({
        "counted_at": document::time(report.counted_at),
        "lanes": report.lanes.len(),
        "official": report.count(Some(RankingPlace::Official)),
        "preliminary": report.count(Some(RankingPlace::Preliminary)),
        "without_place": report.count(None),
        "kept_back": kept_back.iter().take(MOST_NAMED).map(lane).collect::<Vec<_>>(),
        "left_out": kept_back.len().saturating_sub(MOST_NAMED),
    })
}

//! Gauges of the changes of series that are open. Pure.

use super::counters::MOST;
use super::prometheus::{MetricKind, MetricsPage};
use crate::domain::series_change::{ChangedLevel, SeriesChange};

/// Writes one sample for each change, the newest [`MOST`] of them, and how many there are. The id among the labels keeps two
/// changes of one series apart.
pub fn write(page: &mut MetricsPage, open: &[SeriesChange]) {
    let name = "llmbench_change_open";
    page.family(
        name,
        MetricKind::Gauge,
        "1 for each change of a series that is open: llmbench results changes.",
    );
    for change in open.iter().take(MOST) {
        let series = &change.series;
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let (runner, profile, connection) =
            (optional(&series.runner), optional(&series.profile), optional(&series.connection));
        let (figure, direction) = level(&change.level);
        let labels = [
            ("provider", series.model.provider.as_str()),
            ("model", &series.model.model_id),
            ("runner", &runner),
            ("profile", &profile),
            ("connection", &connection),
            ("figure", figure),
            ("direction", direction),
            ("scope", change.scope.as_str()),
            ("acknowledged", if change.acknowledged.is_some() { "true" } else { "false" }),
            ("id", &change.id),
        ];
        page.sample(name, &labels, 1.0);
    }
    let help = "Changes of series that are open, also those beyond the 300 that are shown.";
    page.gauge("llmbench_changes_open", help, open.len() as f64);
}

/// Figure or fact, and where it went.
fn level(level: &ChangedLevel) -> (&str, &'static str) {
    match level {
        ChangedLevel::Figure { figure, before, after, .. } => {
            (figure.as_str(), if after > before { "up" } else { "down" })
        }
        ChangedLevel::Swap { fact, .. } => (fact, "swap"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelRef;
    use crate::domain::interval::Interval;
    use crate::domain::series_change::{
        ChangeCause, ChangeScope, EstimatedTime, MeasuredSeries, WatchedFigure,
    };
    use chrono::DateTime;

    fn change(number: usize) -> SeriesChange {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        SeriesChange {
            id: format!("{number:04x}"),
            series: MeasuredSeries {
                model: ModelRef::new("groq", "a\"b"),
                runner: Some("eu-1".to_owned()),
                profile: Some("cloud-default-v1".to_owned()),
                connection: None,
            },
            level: ChangedLevel::Figure {
                figure: WatchedFigure::Ttft,
                before: 0.5,
                after: 0.4,
                ratio: Interval { low: 0.7, high: 0.9 },
            },
            began: EstimatedTime { at, earliest: at, latest: at },
            noticed_at: at,
            ended: None,
            scope: ChangeScope::Path,
            cause: ChangeCause::Path,
            cause_line: String::new(),
            acknowledged: None,
            returned: None,
            confirmed: None,
        }
    }

    #[test]
    fn every_open_change_is_a_sample_of_its_own_and_a_flood_stays_bounded() {
        let text = |count: usize| {
            let mut page = MetricsPage::default();
            write(&mut page, &(0..count).map(change).collect::<Vec<_>>());
            page.into_text()
        };
        let one = "llmbench_change_open{provider=\"groq\",model=\"a\\\"b\",runner=\"eu-1\",profile=\"cloud-default-v1\",\
            connection=\"\",figure=\"ttft\",direction=\"down\",scope=\"path\",acknowledged=\"false\",id=\"0000\"} 1\n";
        assert!(text(2).contains(one) && text(2).contains("id=\"0001\""), "{}", text(2));
        assert!(text(0).contains("llmbench_changes_open 0\n") && !text(0).contains("llmbench_change_open{"));
        let flood = text(MOST + 5);
        assert_eq!(flood.matches("llmbench_change_open{").count(), MOST);
        assert!(flood.contains("llmbench_changes_open 305\n"));
    }
}

//! Writes changes of series as log lines, of a daemon and of a bridge.

use crate::domain::series_change::{ChangedLevel, SeriesChange};
use tracing::{info, warn};

/// The series, not the provider, is what changed: a path is nobody else's fault.
pub fn changed(change: &SeriesChange) {
    let SeriesChange { id, series, began, cause_line, .. } = change;
    let (series_model, runner) = (series.model.to_string(), series.runner.as_deref());
    let (figure, before, after) = level(&change.level);
    let (scope, cause) = (change.scope.as_str(), change.cause.as_str());
    let since = began.at.to_rfc3339();
    let times = change.returned.map(|returned| returned.times);
    let said = if times.is_some() { "a change of a series is back" } else { "a series changed" };
    warn!(
        id,
        series = series_model,
        runner,
        figure,
        before,
        after,
        since,
        scope,
        cause,
        times,
        why = cause_line,
        "{said}: `llmbench results changes`"
    );
}

pub fn ended(change: &SeriesChange) {
    let (model, runner) = (change.series.model.to_string(), change.series.runner.as_deref());
    let (figure, ..) = level(&change.level);
    let (id, since) = (change.id.as_str(), change.began.at.to_rfc3339());
    let until = change.ended.map(|ended| ended.at.to_rfc3339());
    info!(id, series = model, runner, figure, since, until, "a change of a series is over");
}

/// Figure or fact, before and after.
fn level(level: &ChangedLevel) -> (&str, String, String) {
    match level {
        ChangedLevel::Figure { figure, before, after, .. } => {
            (figure.as_str(), format!("{before:.4}"), format!("{after:.4}"))
        }
        ChangedLevel::Swap { fact, before, after } => (fact, before.clone(), after.clone()),
    }
}

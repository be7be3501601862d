//! Rows for the full-screen view: those of the last hours a slice at a time, then those that are new; and the days of one
//! model. Every refresh reads a bounded number of rows.

use crate::domain::{ModelRef, Window};
use crate::output::live::{LiveFailure, LiveSample};
use crate::storage::history::row_pages::{RowPage, RowQuery, RowSource};
use crate::storage::history::{HistoryFilter, RunSeries};
use crate::storage::{Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The fields that a store sends of a row.
const FIELDS: &[&str] = &[
    // A page has the time of a row where the row has it.
    "_id",
    "run_ts",
    "ts",
    "provider",
    "model_name",
    "route_endpoint_tag",
    "sample_role",
    "suspect",
    "time_to_first_token",
    "tokens_per_second",
    "error_kind",
    "message",
];

/// Roles of the requests of daemons. What people ask by hand is asked under other load.
const ROLES: [&str; 2] = ["published", "shadow"];

/// A refresh reads so much of the hours before, until it has all.
const SLICE: TimeDelta = TimeDelta::hours(1);

/// No slice is begun after so long.
const SLICES_TIME: Duration = Duration::from_millis(200);

/// A row is stored some time after it began.
const USUAL_DELAY: TimeDelta = TimeDelta::minutes(3);

/// Rows that waited in an outbox are looked for less often.
const LONG_DELAY: TimeDelta = TimeDelta::minutes(30);
const SWEEP: TimeDelta = TimeDelta::minutes(1);

/// The most rows of one table in one refresh.
const MOST_ROWS: usize = 10_000;

/// Rows that were read.
#[derive(Debug, Default)]
pub struct NewRows {
    pub samples: Vec<LiveSample>,
    pub failures: Vec<LiveFailure>,
    /// True if there were more than a refresh reads.
    pub is_cut: bool,
}

/// What was read of the window so far.
#[derive(Debug, Default)]
pub struct RowReader {
    /// The moments between which everything was read.
    read: Option<(DateTime<Utc>, DateTime<Utc>)>,
    swept_at: Option<DateTime<Utc>>,
}

impl RowReader {
    /// Reads what is new, and a slice of what is older as long as some of `window` is missing.
    ///
    /// # Errors
    /// The store's; the next call reads the same again.
    pub async fn read(
        &mut self,
        store: &dyn Store,
        providers: &[String],
        window: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<NewRows, StoreError> {
        let (mut rows, begun) = (NewRows::default(), Instant::now());
        let is_swept = self.swept_at.is_some_and(|at| now - at < SWEEP);
        let back = if is_swept { USUAL_DELAY } else { LONG_DELAY };
        let from = match self.read {
            Some((_, to)) => to - back,
            None => now - SLICE,
        };
        rows.add(store, providers, Window { from: Some(from), to: None }, None).await?;
        let mut older = self.read.map_or(from, |(older, _)| older);
        // The first picture comes after one slice; a near store has given all in the second.
        while self.read.is_some() && older > now - window && begun.elapsed() < SLICES_TIME {
            let earlier = (older - SLICE).max(now - window);
            let slice = Window { from: Some(earlier), to: Some(older) };
            rows.add(store, providers, slice, None).await?;
            older = earlier;
        }
        self.read = Some((older, now));
        if !is_swept {
            self.swept_at = Some(now);
        }
        Ok(rows)
    }
}

/// The samples of one model since a moment.
///
/// # Errors
/// The store's.
pub async fn of_model(
    store: &dyn Store,
    model: &ModelRef,
    from: DateTime<Utc>,
) -> Result<NewRows, StoreError> {
    let mut rows = NewRows::default();
    rows.add(store, &[], Window { from: Some(from), to: None }, Some(model)).await?;
    rows.samples.retain(|sample| sample.model == *model);
    rows.failures.retain(|failure| failure.model == *model);
    Ok(rows)
}

impl NewRows {
    async fn add(
        &mut self,
        store: &dyn Store,
        providers: &[String],
        window: Window,
        model: Option<&ModelRef>,
    ) -> Result<(), StoreError> {
        let scope = HistoryFilter {
            window,
            provider: match (model, providers) {
                (Some(model), _) => Some(model.provider.clone()),
                (None, [only]) => Some(only.clone()),
                (None, _) => None,
            },
            model: model.map(|model| model.served_id().to_owned()),
            ..HistoryFilter::default()
        };
        let runs = RunSeries::ALL.into_iter().map(RowSource::Runs);
        for table in runs.chain([RowSource::Errors]) {
            let mut pages = store.pages(RowQuery { table, scope: scope.clone(), fields: Some(FIELDS) });
            let mut count = 0;
            while let Some(page) = pages.next().await? {
                count += page.len();
                self.take(&page, providers);
                if count >= MOST_ROWS {
                    self.is_cut = true;
                    break;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, page: &RowPage, providers: &[String]) {
        for (at, text) in (0..page.len()).filter_map(|place| page.get(place)) {
            let (Ok(row), Some(at)) =
                (serde_json::from_str::<LiveRowText>(text), DateTime::from_timestamp_millis(at))
            else {
                continue;
            };
            let model = row.model();
            if !row.counts() || !(providers.is_empty() || providers.contains(&model.provider)) {
                continue;
            }
            let id = word(&row.id);
            match row.error_kind.as_str() {
                Some(kind) => {
                    let (kind, message) = (kind.to_owned(), word(&row.message));
                    self.failures.push(LiveFailure { id, model, at, kind, message });
                }
                None => {
                    let is_doubtful = row.suspect == Value::Bool(true);
                    let figure = |value: &Value| value.as_f64().filter(|_| !is_doubtful);
                    let (ttft, rate) = (figure(&row.ttft), figure(&row.rate));
                    self.samples.push(LiveSample { id, model, at, ttft, rate });
                }
            }
        }
    }
}

/// The needed fields of a row of any writer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LiveRowText {
    #[serde(rename = "_id")]
    id: Value,
    provider: Value,
    model_name: Value,
    route_endpoint_tag: Value,
    sample_role: Value,
    suspect: Value,
    #[serde(rename = "time_to_first_token")]
    ttft: Value,
    #[serde(rename = "tokens_per_second")]
    rate: Value,
    error_kind: Value,
    message: Value,
}

impl LiveRowText {
    fn counts(&self) -> bool {
        self.sample_role.as_str().is_none_or(|role| ROLES.contains(&role))
    }

    /// The model; of a router's, the endpoint that answered is a part of it.
    fn model(&self) -> ModelRef {
        let model = ModelRef::new(word(&self.provider), word(&self.model_name));
        match self.route_endpoint_tag.as_str() {
            Some(tag) if model.is_routed() && model.endpoint_tag().is_none() => model.pinned(tag),
            _ => model,
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(texts: &[&str], providers: &[&str]) -> NewRows {
        let mut page = RowPage::default();
        for text in texts {
            page.add(1_000, |out| out.push_str(text));
        }
        let mut rows = NewRows::default();
        rows.take(&page, &providers.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        rows
    }

    #[test]
    fn rows_of_any_writer_are_taken_or_passed_over() {
        let rows = taken(
            &[
                r#"{"_id":"1","provider":"groq","model_name":"m","time_to_first_token":0.2,"tokens_per_second":9}"#,
                r#"{"_id":{"$oid":"2"},"provider":"groq","model_name":"m","suspect":true,"time_to_first_token":9}"#,
                r#"{"_id":"3","provider":"groq","model_name":"m","error_kind":"auth","message":7}"#,
                r#"{"_id":"4","provider":"groq","model_name":"m","sample_role":"manual"}"#,
                r#"{"_id":"5","provider":"openrouter","model_name":"q/m","route_endpoint_tag":"a/fp8"}"#,
                "no document",
            ],
            &[],
        );
        let figures: Vec<_> =
            rows.samples.iter().map(|row| (row.model.to_string(), row.ttft, row.rate)).collect();
        let expected = [
            ("groq:m".to_owned(), Some(0.2), Some(9.0)),
            ("groq:m".to_owned(), None, None),
            ("openrouter:q/m@a/fp8".to_owned(), None, None),
        ];
        assert_eq!(figures, expected);
        assert_eq!((rows.failures.len(), rows.failures[0].message.as_str()), (1, "7"));
        assert!(taken(&[r#"{"provider":"groq","model_name":"m"}"#], &["openai"]).samples.is_empty());
    }
}

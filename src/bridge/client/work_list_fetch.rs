//! Fetches, checks and caches the work lists of a bridge, and uses the cache while the bridge is unreachable. A
//! bridge that refuses the key or sends an invalid list does not count as unreachable: then nothing is measured, and
//! the reason is reported.

use super::bridge_client::{BridgeClient, left_alone};
use super::http_client::{BridgeReply, BridgeRequest};
use super::work_list_cache::MADE;
use super::{replies, work_list};
use crate::domain::clock_offset::ClockOffset;
use crate::storage::outcomes::field_types::parse_date;
use crate::storage::{OutcomeSink, StoreError, WorkItem};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

use work_list::WorkList;

/// The models to measure now, according to the bridge.
#[derive(Debug, Clone, Default)]
pub struct BridgeWork {
    pub items: Vec<WorkItem>,
    /// Seconds from one measurement of a model to the next, by provider.
    pub cadences: BTreeMap<String, u32>,
    /// Notes for the operator: a list from the cache, a list that cannot be cached.
    pub notes: Vec<String>,
    /// The reason why there is no list; `None` if there is one.
    pub refused: Option<StoreError>,
}

/// A list and the note about it.
pub(super) struct WorkListWithNote {
    pub list: WorkList,
    pub note: Option<String>,
}

/// The reason why there is no new list.
enum ListFetchError {
    /// The bridge is unreachable: the cached list stays valid for a while.
    Away(String),
    /// The bridge refused, or the list is invalid: the cached list is not used.
    Final(StoreError),
}

impl BridgeClient {
    /// The models to measure now, of all providers of this runner. Returns no error: a provider without a list has no
    /// models, and the reason is recorded.
    pub async fn work(&self) -> BridgeWork {
        let mut work = BridgeWork::default();
        for provider in self.providers() {
            match self.listed(provider).await {
                Ok(WorkListWithNote { list, note }) => {
                    work.items.extend(list.items);
                    work.cadences.extend(list.cadence_seconds.map(|cadence| (provider.clone(), cadence)));
                    work.notes.extend(note);
                }
                Err(error) => work.refused = Some(work.refused.unwrap_or(error)),
            }
        }
        let refused = work.refused.as_ref().map(ToString::to_string);
        self.note_lists(refused.or_else(|| work.notes.first().cloned()));
        work
    }

    /// The number of models that the bridge itself lists now, and the offset of its clock, if it sends the time.
    ///
    /// # Errors
    /// The reason why there is no list.
    pub async fn look(&self, provider: &str) -> Result<(usize, Option<ClockOffset>), StoreError> {
        let sent = Utc::now();
        let asked = self.ask(provider).await;
        let received = Utc::now();
        let (document, list) = asked.map_err(|fetch_error| match fetch_error {
            ListFetchError::Away(why) => StoreError::Unavailable(why),
            ListFetchError::Final(error) => error,
        })?;
        let theirs = document.get(MADE).and_then(Value::as_str).and_then(parse_date);
        let offset = |theirs| ClockOffset::between(sent, received, theirs, TimeDelta::seconds(1));
        Ok((list.items.len(), theirs.map(offset)))
    }

    /// The list of one provider.
    ///
    /// # Errors
    /// [`StoreError::Denied`] if the key is refused, [`StoreError::Broken`] if the answer is no work list, and
    /// [`StoreError::Unavailable`] if the bridge is unreachable and no recent list is cached.
    pub(super) async fn listed(&self, provider: &str) -> Result<WorkListWithNote, StoreError> {
        if let Some(items) = self.emergency(provider) {
            return Ok(WorkListWithNote { list: WorkList { items, cadence_seconds: None }, note: None });
        }
        if let Some(rest) = self.rest() {
            // The bridge is reachable and busy: its last list stays valid.
            let known = self.remembered(provider, &left_alone(rest)).await?;
            return Ok(WorkListWithNote { note: None, ..known });
        }
        match self.ask(provider).await {
            Ok((document, list)) => {
                let unkept = self.kept().await.keep(provider, document, Utc::now()).err();
                let note = unkept.map(|error| format!("the work list cannot be kept: {error}"));
                Ok(WorkListWithNote { list, note })
            }
            Err(ListFetchError::Final(error)) => Err(error),
            Err(ListFetchError::Away(why)) => self.remembered(provider, &why).await,
        }
    }

    async fn remembered(&self, provider: &str, why: &str) -> Result<WorkListWithNote, StoreError> {
        let grace = TimeDelta::from_std(self.grace()).unwrap_or(TimeDelta::MAX);
        let kept = self.kept().await;
        let known = kept.get(provider, grace, Utc::now());
        let known = known.and_then(|(at, document)| Some((at, work_list::read(document, provider).ok()?)));
        match known {
            Some((at, list)) => {
                let at = at.format("%Y-%m-%d %H:%M:%SZ");
                let note = format!("{why}; the work list of {provider} is the one of {at}");
                Ok(WorkListWithNote { list, note: Some(note) })
            }
            None => Err(StoreError::Unavailable(format!("{why}; no young work list of {provider} is known"))),
        }
    }

    async fn ask(&self, provider: &str) -> Result<(Value, WorkList), ListFetchError> {
        let call = BridgeRequest {
            method: "GET",
            url: &self.addresses().config,
            query: query(provider),
            headers: self.headers_for_lists(),
            body: Bytes::new(),
            total: self.timeout(),
        };
        let answer = self.send(call).await.map_err(ListFetchError::Away)?;
        read(&answer, provider)
    }
}

fn query(provider: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("provider", provider).finish()
}

/// The rules of the Python runner: the answers that mean unreachable, and those that mean a refusal.
fn read(answer: &BridgeReply, provider: &str) -> Result<(Value, WorkList), ListFetchError> {
    let refused = |error: StoreError| match (answer.status, error) {
        (401 | 403, error) => ListFetchError::Final(error),
        // A limit of an intermediary says nothing about the list; the bridge itself never sends these statuses.
        (408 | 429, error) => ListFetchError::Away(error.to_string()),
        (400..500, error) => ListFetchError::Final(StoreError::Broken(error.to_string())),
        (_, error) => ListFetchError::Away(error.to_string()),
    };
    if answer.status != 200 {
        return Err(refused(replies::refusal(answer)));
    }
    let Ok(document) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(ListFetchError::Away(replies::foreign(answer).to_string()));
    };
    match work_list::read(&document, provider) {
        Ok(list) => Ok((document, list)),
        Err(why) => {
            let why = format!("what the bridge answered is no work list of {provider}: {why}");
            Err(ListFetchError::Final(StoreError::Broken(why)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn away_is_not_refused() {
        let own = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"m","request_id":"r"}}}}"#);
        let away = |status: u16, body: String| match read(
            &BridgeReply { status, wait: None, body: Bytes::from(body) },
            "bedrock",
        ) {
            Err(ListFetchError::Away(_)) => "away",
            Err(ListFetchError::Final(StoreError::Denied(_))) => "denied",
            Err(ListFetchError::Final(_)) => "wrong",
            Ok(_) => "fine",
        };
        let list = r#"{"schema_version":1,"provider":"bedrock","models":[]}"#;
        for (status, body, expected) in [
            (200, list.to_owned(), "fine"),
            (200, "<html>".to_owned(), "away"),
            (200, "[]".to_owned(), "wrong"),
            (200, r#"{"schema_version":1,"provider":"groq","models":[]}"#.to_owned(), "wrong"),
            (307, list.to_owned(), "away"),
            (400, own("provider"), "wrong"),
            (401, own("unauthorized"), "denied"),
            (403, own("forbidden"), "denied"),
            (404, String::new(), "wrong"),
            (429, String::new(), "away"),
            (500, String::new(), "away"),
            (503, own("store_unavailable"), "away"),
        ] {
            assert_eq!(away(status, body.clone()), expected, "{status} {body}");
        }
    }
}

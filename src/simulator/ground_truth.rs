//! The truth about each request: the bytes that left the server, and their moments, in a bounded ring that is served
//! as JSON. The stamps come from `instrumented_stream`; none is computed from the plan.

use super::clock::seconds_between;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of remembered requests.
pub const RING: usize = 8192;
/// Maximum number of token stamps kept for one request.
pub const STAMPS_A_REQUEST: u64 = 4096;
/// Maximum number of token stamps in the ring; older requests are dropped first (8 MB).
const STAMPS_IN_ALL: usize = 1 << 20;

/// One request: the facts known when it arrived, and those observed afterwards.
pub struct RequestRecord {
    /// The request's id, as `x-request-id` names it.
    pub id: String,
    /// Wire format, host, model and the scenario's parameters.
    pub about: Value,
    /// The moment at which the read that completed the request returned, nanoseconds of the monotonic clock.
    pub received: u64,
    /// Maximum number of token stamps in this record.
    pub room: usize,
    seen: Mutex<SentResponse>,
}

/// The response as it left the server. Stamps are nanoseconds of the monotonic clock, taken just before the write
/// that carried the last byte of the item.
#[derive(Debug, Clone, Default)]
pub struct SentResponse {
    pub status: u16,
    /// `open`, then how it ended: `complete`, `cut`, `reset`, `client_gone`; a stalled one stays `stalled`.
    pub outcome: &'static str,
    /// Stamp of the answer's head.
    pub head: Option<u64>,
    pub first_reasoning: Option<u64>,
    pub last_reasoning: Option<u64>,
    pub first_visible: Option<u64>,
    pub last_visible: Option<u64>,
    /// The end of the body, or of the connection.
    pub end: Option<u64>,
    /// Reasoning tokens that left.
    pub reasoning_tokens: u64,
    /// Visible tokens that left.
    pub visible_tokens: u64,
    /// The stamp of each visible token, as far as there is room.
    pub visible: Vec<u64>,
}

impl RequestRecord {
    /// Creates the record of a request that has just arrived.
    pub fn new(id: String, about: Value, received: u64, room: usize) -> Self {
        let seen =
            SentResponse { outcome: "open", visible: Vec::with_capacity(room), ..SentResponse::default() };
        Self { id, about, received, room, seen: Mutex::new(seen) }
    }

    /// Locks the observations so far.
    pub fn seen(&self) -> MutexGuard<'_, SentResponse> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serializes the record, with every token's stamps if requested.
    pub fn to_json(&self, with_tokens: bool) -> Value {
        let seen = self.seen().clone();
        let moments = [
            ("head", seen.head),
            ("first_reasoning", seen.first_reasoning),
            ("last_reasoning", seen.last_reasoning),
            ("first_visible", seen.first_visible),
            ("last_visible", seen.last_visible),
            ("end", seen.end),
        ];
        let since = |at| seconds_between(self.received, at);
        let seconds: Map<_, _> =
            moments.iter().map(|(name, at)| ((*name).to_owned(), at.map(since).into())).collect();
        let absolute: Map<_, _> =
            moments.iter().map(|(name, at)| ((*name).to_owned(), (*at).into())).collect();
        let mut document = json!({
            "id": self.id,
            "received_monotonic_ns": self.received,
            "status": seen.status,
            "outcome": seen.outcome,
            "reasoning_tokens": seen.reasoning_tokens,
            "visible_tokens": seen.visible_tokens,
            "seconds": seconds,
            "monotonic_ns": absolute,
        });
        document["about"] = self.about.clone();
        if with_tokens {
            document["visible_token_seconds"] = seen.visible.iter().map(|at| since(*at)).collect();
            document["visible_token_monotonic_ns"] = seen.visible.iter().copied().collect();
        }
        document
    }
}

#[derive(Default)]
pub struct RecentRequests(Mutex<RecentRecords>);

#[derive(Default)]
struct RecentRecords {
    records: VecDeque<Arc<RequestRecord>>,
    room: usize,
}

impl RecentRequests {
    /// Remembers a request; forgets the oldest ones that no longer fit.
    pub fn push(&self, record: Arc<RequestRecord>) {
        let mut recent = self.recent();
        recent.room += record.room;
        recent.records.push_back(record);
        while recent.records.len() > RING || recent.room > STAMPS_IN_ALL {
            let Some(oldest) = recent.records.pop_front() else { break };
            recent.room -= oldest.room;
        }
    }

    pub fn find(&self, id: &str) -> Option<Arc<RequestRecord>> {
        self.recent().records.iter().rev().find(|record| record.id == id).cloned()
    }

    /// The `count` newest requests, oldest first.
    pub fn newest(&self, count: usize) -> Vec<Arc<RequestRecord>> {
        let recent = self.recent();
        let skipped = recent.records.len().saturating_sub(count);
        recent.records.iter().skip(skipped).cloned().collect()
    }

    fn recent(&self) -> MutexGuard<'_, RecentRecords> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: usize, room: usize) -> Arc<RequestRecord> {
        Arc::new(RequestRecord::new(format!("sim-{id}"), json!({}), 1000, room))
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let ring = RecentRequests::default();
        (0..RING + 2).for_each(|id| ring.push(record(id, 0)));
        assert!(ring.find("sim-1").is_none() && ring.find("sim-2").is_some());
        let newest = ring.newest(2).iter().map(|record| record.id.clone()).collect::<Vec<_>>();
        assert_eq!(newest, [format!("sim-{RING}"), format!("sim-{}", RING + 1)]);
    }

    #[test]
    fn many_long_answers_do_not_fill_the_memory() {
        let ring = RecentRequests::default();
        (0..1000).for_each(|id| ring.push(record(id, STAMPS_A_REQUEST as usize)));
        assert_eq!(ring.newest(usize::MAX).len(), STAMPS_IN_ALL / STAMPS_A_REQUEST as usize);
    }

    #[test]
    fn seconds_count_from_the_request() {
        let record = record(1, 2);
        record.seen().first_visible = Some(2_000_001_000);
        record.seen().visible = vec![2_000_001_000];
        let told = record.to_json(true);
        assert_eq!(told["seconds"]["first_visible"], 2.0);
        assert_eq!(told["seconds"]["end"], Value::Null);
        assert_eq!(told["monotonic_ns"]["first_visible"], 2_000_001_000_u64);
        assert_eq!(told["visible_token_seconds"][0], 2.0);
        assert!(record.to_json(false).get("visible_token_seconds").is_none());
    }
}

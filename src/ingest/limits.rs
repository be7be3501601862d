//! How much each key may post: a bucket of tokens for each, refilled evenly. A batch costs as many as it has items, and may
//! leave a debt that the next request waits for. Pure but for the clock, which is passed in.

use super::refusal::Refusal;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much may be saved up, as a time of full rate.
const SAVED: Duration = Duration::from_secs(2);
/// The longest wait that is asked for, seconds.
const LONGEST_WAIT: f64 = 60.0;

/// The buckets of all keys. Only known keys have one, so their number has an end.
pub struct Rates {
    per_second: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rates {
    /// Every key may post so many items a second, more than 0.
    pub fn new(per_second: f64) -> Self {
        Self { per_second, buckets: Mutex::default() }
    }

    /// Takes one item's token at `now`.
    ///
    /// # Errors
    /// 503 with the time after which there is one again. Never 429: the predecessor's runner stops at it.
    pub fn take(&self, key_id: &str, now: Instant) -> Result<(), Refusal> {
        self.with_bucket(key_id, now, |bucket| {
            if bucket.tokens >= 1.0 {
                bucket.tokens -= 1.0;
                return Ok(());
            }
            let wait = ((1.0 - bucket.tokens) / self.per_second).clamp(1.0, LONGEST_WAIT);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 60")]
            let wait = wait.ceil() as u64;
            Err(Refusal::later("rate_limited", "this key posts too fast; wait as Retry-After says", wait))
        })
    }

    /// Takes tokens for items that are known only now. What is not there becomes a debt.
    pub fn charge(&self, key_id: &str, items: usize, now: Instant) {
        self.with_bucket(key_id, now, |bucket| bucket.tokens -= items as f64);
    }

    fn with_bucket<T>(&self, key_id: &str, now: Instant, then: impl FnOnce(&mut Bucket) -> T) -> T {
        let most = (self.per_second * SAVED.as_secs_f64()).max(1.0);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = match buckets.get_mut(key_id) {
            Some(bucket) => bucket,
            None => buckets.entry(key_id.to_owned()).or_insert(Bucket { tokens: most, at: now }),
        };
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(most);
        bucket.at = now;
        then(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_rate_and_no_other_key_pays_for_it() {
        let (rates, start) = (Rates::new(2.0), Instant::now());
        for _ in 0..4 {
            assert_eq!(rates.take("a", start), Ok(()));
        }
        let refused = rates.take("a", start).unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (503, Some(1)));
        assert_eq!(rates.take("b", start), Ok(()));
        assert_eq!(rates.take("a", start + Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn a_batch_is_a_debt_that_ends() {
        let (rates, start) = (Rates::new(10.0), Instant::now());
        rates.charge("a", 100, start);
        assert_eq!(rates.take("a", start).unwrap_err().retry_after, Some(9));
        assert_eq!(rates.take("a", start + Duration::from_secs(9)), Ok(()));
        rates.charge("a", 100_000, start);
        assert_eq!(rates.take("a", start).unwrap_err().retry_after, Some(60));
    }
}

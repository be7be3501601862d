//! Limits posts per key, and wrong keys per address, with token buckets that refill evenly. A batch costs one token per
//! item, and may leave a debt that the next request must wait for. Pure: the time is an argument.

use super::bridge_error::BridgeError;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Capacity of a bucket, as a time at the full rate.
const SAVED: Duration = Duration::from_secs(2);
/// Maximum wait that is requested, in seconds.
const LONGEST_WAIT: f64 = 60.0;

/// The buckets of all keys. Only known keys have one, so their number is bounded.
pub struct KeyRateLimiter {
    per_second: f64,
    buckets: Mutex<HashMap<String, TokenBucket>>,
}

#[derive(Debug)]
struct TokenBucket {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// The number of tokens now, without an upper limit.
    fn refilled(&self, now: Instant, per_second: f64) -> f64 {
        self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * per_second
    }
}

/// Seconds until there is a token again, 1 to 60.
fn wait(tokens: f64, per_second: f64) -> u64 {
    let wait = ((1.0 - tokens) / per_second).clamp(1.0, LONGEST_WAIT);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 60")]
    let wait = wait.ceil() as u64;
    wait
}

impl KeyRateLimiter {
    /// Allows each key this many items per second, more than 0.
    pub fn new(per_second: f64) -> Self {
        Self { per_second, buckets: Mutex::default() }
    }

    /// Takes the token of one item at `now`.
    ///
    /// # Errors
    /// 503 with the time until there is one. Never 429, at which the Python runner stops.
    pub fn take(&self, key_id: &str, now: Instant) -> Result<(), BridgeError> {
        self.with_bucket(key_id, now, |bucket| {
            if bucket.tokens >= 1.0 {
                bucket.tokens -= 1.0;
                return Ok(());
            }
            let wait = wait(bucket.tokens, self.per_second);
            Err(BridgeError::later("rate_limited", "this key posts too fast; wait as Retry-After says", wait))
        })
    }

    /// Takes tokens for items that were counted only later. Missing tokens become a debt.
    pub fn charge(&self, key_id: &str, items: usize, now: Instant) {
        self.with_bucket(key_id, now, |bucket| bucket.tokens -= items as f64);
    }

    fn with_bucket<T>(&self, key_id: &str, now: Instant, then: impl FnOnce(&mut TokenBucket) -> T) -> T {
        let most = (self.per_second * SAVED.as_secs_f64()).max(1.0);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = match buckets.get_mut(key_id) {
            Some(bucket) => bucket,
            None => buckets.entry(key_id.to_owned()).or_insert(TokenBucket { tokens: most, at: now }),
        };
        bucket.tokens = bucket.refilled(now, self.per_second).min(most);
        bucket.at = now;
        then(bucket)
    }
}

/// Maximum number of wrong keys that an address may send at once.
const GUESSES: f64 = 100.0;
/// Number of further wrong keys per second.
const GUESSES_PER_SECOND: f64 = 1.0;
/// Maximum number of addresses with a bucket of their own; all others share one.
const MOST_ADDRESSES: usize = 4096;

/// Limits wrong keys by address. Valid keys are not counted, so guessing blocks no runner at that address.
#[derive(Debug, Default)]
pub struct GuessLimiter(Mutex<HashMap<Option<IpAddr>, TokenBucket>>);

impl GuessLimiter {
    /// Counts one wrong key.
    ///
    /// # Errors
    /// 429 with the time to wait if the address has sent too many.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), BridgeError> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut place = Some(network(address));
        if buckets.len() >= MOST_ADDRESSES && !buckets.contains_key(&place) {
            buckets.retain(|_, bucket| bucket.refilled(now, GUESSES_PER_SECOND) < GUESSES);
            place = place.filter(|_| buckets.len() < MOST_ADDRESSES);
        }
        let bucket = buckets.entry(place).or_insert(TokenBucket { tokens: GUESSES, at: now });
        bucket.tokens = bucket.refilled(now, GUESSES_PER_SECOND).min(GUESSES);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let why = "too many requests without a valid key came from this address; wait as Retry-After says";
        Err(BridgeError {
            retry_after: Some(wait(bucket.tokens, GUESSES_PER_SECOND)),
            ..BridgeError::new(429, "too_many_bad_keys", why)
        })
    }
}

/// The network of one owner: an IPv4 address, or an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + last))
    }

    #[test]
    fn an_address_that_guesses_waits_and_no_other_one_does() {
        let (guess_limiter, start) = (GuessLimiter::default(), Instant::now());
        let passed = (0..20_000).filter(|_| guess_limiter.take(address(1), start).is_ok()).count();
        assert_eq!(passed, 100);
        let refused = guess_limiter.take(address(1), start).unwrap_err();
        assert_eq!((refused.status, refused.code, refused.retry_after), (429, "too_many_bad_keys", Some(1)));
        assert_eq!(guess_limiter.take(address(2), start), Ok(()));
        assert_eq!(guess_limiter.take(address(1), start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_million_addresses_take_no_more_room_than_some() {
        let (guess_limiter, start) = (GuessLimiter::default(), Instant::now());
        let of_six = |net: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001 << 112 | net << 64 | net));
        for last in 0..10_000 {
            let _ = guess_limiter.take(address(last), start);
            let _ = guess_limiter.take(of_six(u128::from(last)), start);
        }
        assert!(guess_limiter.0.lock().unwrap().len() <= MOST_ADDRESSES + 1);
        // Further addresses share a bucket, which is empty now; later there is room again.
        assert!(guess_limiter.take(address(20_000), start).is_err());
        assert!(guess_limiter.take(address(20_001), start + Duration::from_secs(200)).is_ok());
        assert_eq!(guess_limiter.0.lock().unwrap().len(), 1);
        assert_eq!(network(of_six(7)), IpAddr::V6(Ipv6Addr::from_bits(0x2001 << 112 | 7 << 64)));
    }

    #[test]
    fn a_key_has_its_rate_and_no_other_key_pays_for_it() {
        let (rates, start) = (KeyRateLimiter::new(2.0), Instant::now());
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
        let (rates, start) = (KeyRateLimiter::new(10.0), Instant::now());
        rates.charge("a", 100, start);
        assert_eq!(rates.take("a", start).unwrap_err().retry_after, Some(9));
        assert_eq!(rates.take("a", start + Duration::from_secs(9)), Ok(()));
        rates.charge("a", 100_000, start);
        assert_eq!(rates.take("a", start).unwrap_err().retry_after, Some(60));
    }
}

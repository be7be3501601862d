//! A token that a login gave, and its end. Pure.

use super::token_client::TokenRefused;
use crate::domain::secret::Secret;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

/// A token with a shorter remaining lifetime is not used.
const MARGIN: Duration = Duration::from_secs(20);

/// Lifetime of a token whose answer does not state one.
const UNSTATED_LIFETIME: Duration = Duration::from_secs(300);

/// The longest accepted lifetime: Google's longest is twelve hours; a managed identity of Azure has a day.
const LONGEST_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// A token and its end, by the wall clock: a machine that slept must not use an expired token.
#[derive(Debug)]
pub(super) struct AccessToken {
    pub(super) secret: Secret,
    ends: SystemTime,
}

impl AccessToken {
    pub(super) fn new(secret: Secret, lifetime: Duration) -> Self {
        Self { secret, ends: SystemTime::now() + lifetime.min(LONGEST_LIFETIME) }
    }

    /// True if it stays valid for more than 20 s.
    pub(super) fn is_good(&self, now: SystemTime) -> bool {
        self.ends.duration_since(now).is_ok_and(|left| left > MARGIN)
    }
}

/// A token server's answer; the second spelling is that of Google's IAM credentials. Azure's metadata service writes
/// the seconds as text.
#[derive(Deserialize)]
struct TokenReply {
    #[serde(alias = "accessToken")]
    access_token: String,
    expires_in: Option<LifetimeSeconds>,
    #[serde(rename = "expireTime")]
    expire_time: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LifetimeSeconds {
    Number(u64),
    Text(String),
}

impl LifetimeSeconds {
    fn lifetime(self) -> Option<Duration> {
        match self {
            LifetimeSeconds::Number(seconds) => Some(Duration::from_secs(seconds)),
            LifetimeSeconds::Text(text) => text.trim().parse().ok().map(Duration::from_secs),
        }
    }
}

/// The token in an answer.
///
/// # Errors
/// [`TokenRefused`], which repeats nothing of the answer.
pub(super) fn token(answer: &str) -> Result<AccessToken, TokenRefused> {
    let none = || TokenRefused("the answer holds no token".to_owned());
    let reply: TokenReply = serde_json::from_str(answer).map_err(|_| none())?;
    let secret = Secret::key(reply.access_token).map_err(|error| TokenRefused(error.to_string()))?;
    let until =
        |end: DateTime<Utc>| SystemTime::from(end).duration_since(SystemTime::now()).unwrap_or_default();
    let stated = reply.expires_in.and_then(LifetimeSeconds::lifetime).or(reply.expire_time.map(until));
    Ok(AccessToken::new(secret, stated.unwrap_or(UNSTATED_LIFETIME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_believed_within_reason() {
        let good = |answer: &str, later: u64| {
            token(answer).unwrap().is_good(SystemTime::now() + Duration::from_secs(later))
        };
        assert!(good(r#"{"access_token":"t","expires_in":3600}"#, 3500));
        assert!(!good(r#"{"access_token":"t","expires_in":3600}"#, 3590), "too little is left of it");
        assert!(!good(r#"{"access_token":"t","expires_in":18446744073709551615}"#, 13 * 3600));
        assert!(good(r#"{"accessToken":"t","expireTime":"2199-01-01T00:00:00Z"}"#, 3600));
        assert!(
            !good(r#"{"accessToken":"t","expireTime":"2020-01-01T00:00:00Z"}"#, 0),
            "a past end is no panic"
        );
        assert!(
            good(r#"{"access_token":"t","expires_in":"3600"}"#, 3500),
            "Azure's metadata service writes text"
        );
        assert!(good(r#"{"access_token":"t"}"#, 200) && !good(r#"{"access_token":"t"}"#, 400));
    }

    #[test]
    fn what_is_no_token_is_not_repeated() {
        for answer in ["", "<html>canary", r#"{"access_token":["canary"]}"#, r#"{"access_token":"can ary"}"#]
        {
            let said = token(answer).unwrap_err().to_string();
            assert!(!said.contains("canary") && !said.contains("can ary"), "{said}");
        }
    }
}

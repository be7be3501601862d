//! Who posts: a key from a header, compared by digest in constant time, and what that key may do. Pure; where keys are kept
//! and how they are read again is `keys`.
//!
//! A key has 256 random bits, so a plain SHA-256 of it is as good as a slow hash. An unknown id is compared as well, with a
//! digest that nothing has, and every refusal is the same: nobody learns which ids exist, or that a key has ended.

use crate::domain::secret::Secret;
use crate::storage::posts::ingest_keys::{Action, IngestKey, PREFIX};
use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The header of keys, besides `Authorization: Bearer`.
const KEY_HEADER: &str = "x-api-key";
/// Whom the keys of the environment were given to, as far as anybody knows.
const LEGACY_RUNNER: &str = "legacy";
/// The longest key that is looked at, bytes.
const LONGEST: usize = 4096;

/// The SHA-256 of a whole key.
pub type KeyDigest = [u8; 32];

/// A live key and its scope.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerKey {
    /// Its id: in the key itself, in audit lines and on stored rows. No secret.
    pub id: String,
    /// Whom it was given to; stamped on what comes under it.
    pub runner: String,
    /// SHA-256 of the whole key.
    pub digest: KeyDigest,
    /// The providers it may write for; `None` is all of them.
    pub providers: Option<Vec<String>>,
    /// What it may do.
    pub actions: Vec<Action>,
    /// Before this it is no key yet.
    pub not_before: Option<DateTime<Utc>>,
    /// From this on it is none any more.
    pub not_after: Option<DateTime<Utc>>,
}

impl RunnerKey {
    /// A key of the Python runner, from the environment: without an id of its own, and for all providers.
    pub fn legacy(id: &str, key: &Secret, actions: &[Action]) -> Self {
        Self {
            id: id.to_owned(),
            runner: LEGACY_RUNNER.to_owned(),
            digest: digest(key.expose().as_bytes()),
            providers: None,
            actions: actions.to_vec(),
            not_before: None,
            not_after: None,
        }
    }

    /// A key as stores keep it; nothing, where it was taken back or its digest is none.
    pub fn stored(key: IngestKey) -> Option<Self> {
        let digest = from_hex(&key.sha256).filter(|_| key.revoked_at.is_none())?;
        Some(Self {
            id: key.id,
            runner: key.runner,
            digest,
            providers: key.providers,
            actions: key.actions,
            not_before: key.not_before,
            not_after: key.not_after,
        })
    }

    /// Whether it may do this at all, for whatever provider.
    pub fn may(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// Whether it may do anything for this provider.
    pub fn covers(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|providers| providers.iter().any(|one| one == provider))
    }

    fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.not_before.is_none_or(|from| from <= now) && self.not_after.is_none_or(|end| now < end)
    }
}

/// All keys that count now.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    named: HashMap<String, Arc<RunnerKey>>,
    legacy: Vec<Arc<RunnerKey>>,
}

impl KeyRing {
    /// Keys with ids, and those of the environment.
    pub fn new(named: impl IntoIterator<Item = RunnerKey>, legacy: &[RunnerKey]) -> Self {
        Self {
            named: named.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect(),
            legacy: legacy.iter().cloned().map(Arc::new).collect(),
        }
    }

    /// How many keys can be used now.
    pub fn usable(&self, now: DateTime<Utc>) -> usize {
        self.named.values().chain(&self.legacy).filter(|key| key.is_live(now)).count()
    }

    /// The key that was shown, if it is one. Every call compares as many digests, whatever was shown.
    pub fn find(&self, shown: Option<&[u8]>, now: DateTime<Utc>) -> Option<Arc<RunnerKey>> {
        let shown = shown.unwrap_or_default();
        let own = digest(shown);
        let named = std::str::from_utf8(shown).ok().and_then(key_id).and_then(|id| self.named.get(id));
        // No key has this digest: it would have to be found first.
        let nobody = [0; 32];
        let expected = named.map_or(&nobody, |key| &key.digest);
        let mut found = bool::from(own.ct_eq(expected)).then_some(named).flatten();
        for key in &self.legacy {
            let same = bool::from(own.ct_eq(&key.digest));
            found = if same && found.is_none() { Some(key) } else { found };
        }
        found.filter(|key| key.is_live(now)).cloned()
    }
}

/// The id inside a key: `lb_<keyid>_<secret>`.
fn key_id(key: &str) -> Option<&str> {
    key.strip_prefix(PREFIX)?.split_once('_').map(|(id, _)| id)
}

fn from_hex(text: &str) -> Option<KeyDigest> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(out)
}

/// SHA-256 of a whole key.
pub fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

/// The key that a request shows: `X-API-Key`, or else `Authorization: Bearer`. Two of a kind are none: nobody could say
/// which was meant.
pub fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let one = |name: &str| {
        let mut all = headers.get_all(name).iter();
        let first = all.next()?;
        Some(first.as_bytes()).filter(|_| all.next().is_none())
    };
    if headers.contains_key(KEY_HEADER) {
        return one(KEY_HEADER).map(<[u8]>::trim_ascii).filter(|key| key.len() <= LONGEST);
    }
    let value = one(AUTHORIZATION.as_str())?;
    let (scheme, key) = value.split_at_checked(7)?;
    let bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    bearer.then(|| key.trim_ascii()).filter(|key| key.len() <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use hyper::header::HeaderValue;

    fn key(id: &str, secret: &str) -> RunnerKey {
        RunnerKey {
            id: id.to_owned(),
            runner: "aws-1".to_owned(),
            digest: digest(format!("lb_{id}_{secret}").as_bytes()),
            providers: Some(vec!["bedrock".to_owned()]),
            actions: vec![Action::Ingest],
            not_before: None,
            not_after: None,
        }
    }

    fn found(ring: &KeyRing, shown: &str) -> Option<String> {
        ring.find(Some(shown.as_bytes()), Utc::now()).map(|key| key.id.clone())
    }

    #[test]
    fn a_key_is_found_by_its_id_and_only_whole() {
        let old = RunnerKey::legacy("legacy", &Secret::new("old-key"), &[Action::Ingest]);
        let ring = KeyRing::new([key("a1", "secret"), key("b2", "other_secret")], &[old]);
        assert_eq!(found(&ring, "lb_a1_secret").as_deref(), Some("a1"));
        assert_eq!(found(&ring, "lb_b2_other_secret").as_deref(), Some("b2"));
        assert_eq!(found(&ring, "old-key").as_deref(), Some("legacy"));
        for wrong in ["", "lb_", "lb_a1", "lb_a1_", "lb_a1_secre", "lb_a1_secret ", "lb_b2_secret", "old-ke"]
        {
            assert_eq!(found(&ring, wrong), None, "{wrong}");
        }
        assert_eq!(ring.find(None, Utc::now()), None);
        assert_eq!(ring.find(Some(b"\xFF\xFE"), Utc::now()), None);
        assert_eq!(ring.usable(Utc::now()), 3);
    }

    #[test]
    fn a_key_has_a_beginning_and_an_end() {
        let now = Utc::now();
        let mut early = key("a1", "s");
        early.not_before = Some(now + TimeDelta::seconds(1));
        let mut late = key("b2", "s");
        late.not_after = Some(now);
        let ring = KeyRing::new([early, late], &[]);
        assert_eq!((ring.find(Some(b"lb_a1_s"), now), ring.find(Some(b"lb_b2_s"), now)), (None, None));
        assert!(ring.find(Some(b"lb_a1_s"), now + TimeDelta::seconds(1)).is_some());
        assert_eq!(ring.usable(now), 0);
    }

    #[test]
    fn scopes_are_actions_and_providers() {
        let key = key("a1", "s");
        assert!(key.may(Action::Ingest) && !key.may(Action::Config));
        assert!(key.covers("bedrock") && !key.covers("Bedrock") && !key.covers("groq"));
    }

    #[test]
    fn one_header_shows_one_key() {
        let shown_by = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            shown(&headers).map(|key| String::from_utf8_lossy(key).into_owned())
        };
        assert_eq!(shown_by(&[("x-api-key", "k")]).as_deref(), Some("k"));
        assert_eq!(shown_by(&[("authorization", "bearer  k ")]).as_deref(), Some("k"));
        assert_eq!(shown_by(&[("x-api-key", "k"), ("authorization", "Bearer other")]).as_deref(), Some("k"));
        for none in [
            &[("x-api-key", "k"), ("x-api-key", "k")][..],
            &[("authorization", "Basic k")],
            &[("authorization", "Bear")],
            &[],
        ] {
            assert_eq!(shown_by(none), None);
        }
    }
}

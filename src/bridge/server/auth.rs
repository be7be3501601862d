//! Authenticates requests: a key from a header, compared by digest in constant time, with its permissions. Pure; `keys`
//! reads the keys from the store. A key has 256 random bits, so a plain SHA-256 is as safe as a slow hash. For an
//! unknown id a digest is compared as well, and all refusals are identical, so nobody learns which ids exist, or that a
//! key has expired.

use crate::domain::secret::Secret;
use crate::storage::posts::ingest_keys::{Action, IngestKey, PREFIX};
use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The header for keys, besides `Authorization: Bearer`.
const KEY_HEADER: &str = "x-api-key";
/// Runner name of the keys from the environment, whose owners are unknown.
const LEGACY_RUNNER: &str = "legacy";
/// Maximum length of a key, in bytes.
const LONGEST: usize = 4096;

/// The SHA-256 of a whole key.
pub type KeyDigest = [u8; 32];

/// A key with its permissions.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerKey {
    /// The id, which is part of the key, of audit lines and of stored rows. Not secret.
    pub id: String,
    /// The runner it was given to; stored on its rows.
    pub runner: String,
    /// SHA-256 of the whole key.
    pub digest: KeyDigest,
    /// The providers it may write for; `None` means all.
    pub providers: Option<Vec<String>>,
    pub actions: Vec<Action>,
    /// Start of validity, inclusive.
    pub not_before: Option<DateTime<Utc>>,
    /// End of validity, exclusive.
    pub not_after: Option<DateTime<Utc>>,
}

impl RunnerKey {
    /// A key of the Python runner, from the environment: without an id in the key, and for all providers.
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

    /// A key from the store; `None` if it was revoked or its digest is invalid.
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

    /// True if the key may do this for any provider.
    pub fn may(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// True if the key may be used for this provider.
    pub fn covers(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|providers| providers.iter().any(|one| one == provider))
    }

    fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.not_before.is_none_or(|from| from <= now) && self.not_after.is_none_or(|end| now < end)
    }
}

/// All keys that are known now.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    named: HashMap<String, Arc<RunnerKey>>,
    legacy: Vec<Arc<RunnerKey>>,
}

impl KeyRing {
    /// Creates a ring of keys with ids and of keys from the environment.
    pub fn new(named: impl IntoIterator<Item = RunnerKey>, legacy: &[RunnerKey]) -> Self {
        Self {
            named: named.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect(),
            legacy: legacy.iter().cloned().map(Arc::new).collect(),
        }
    }

    /// Number of keys that are valid now.
    pub fn usable(&self, now: DateTime<Utc>) -> usize {
        self.named.values().chain(&self.legacy).filter(|key| key.is_live(now)).count()
    }

    /// The valid key with this text. The number of compared digests is always the same.
    pub fn find(&self, shown: Option<&[u8]>, now: DateTime<Utc>) -> Option<Arc<RunnerKey>> {
        let shown = shown.unwrap_or_default();
        let own = digest(shown);
        let named = std::str::from_utf8(shown).ok().and_then(key_id).and_then(|id| self.named.get(id));
        // No key has this digest; finding one would mean breaking SHA-256.
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

/// The key in a request: from `X-API-Key`, or else from `Authorization: Bearer`. Two of the same header count as none,
/// because the intended one is unclear.
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

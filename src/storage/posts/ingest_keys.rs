//! The keys of remote runners as a store keeps them: owner, permissions, validity, and the SHA-256 of each, never the
//! key. The bridge compares them with the keys in requests.

use crate::domain::digest::sha256_hex;
use crate::domain::secret::Secret;
use crate::storage::StoreError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The prefix of keys: `lb_<id>_<secret>`.
pub const PREFIX: &str = "lb_";

/// Characters of ids and secrets: no reader mistakes a part of them for a separator.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters of an id.
const ID_LENGTH: usize = 10;

/// Characters of a secret: 256 bits.
const SECRET_LENGTH: usize = 43;

/// An action that a key may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Ingest,
    Error,
    /// Post a provider's list of models.
    Catalog,
    Config,
}

impl Action {
    pub const ALL: [Action; 4] = [Action::Ingest, Action::Error, Action::Catalog, Action::Config];

    pub fn as_str(self) -> &'static str {
        match self {
            Action::Ingest => "ingest",
            Action::Error => "error",
            Action::Catalog => "catalog",
            Action::Config => "config",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestKey {
    /// The key's id, a part of the key itself: on stored rows, in audit lines. No secret.
    pub id: String,
    /// The operator's name for the key. Keys of one label succeed each other.
    pub label: String,
    /// The runner that the key was given to; stamped on everything that is posted with it.
    pub runner: String,
    /// SHA-256 of the whole key, in hex.
    pub sha256: String,
    /// The providers it is for; `None` is all.
    pub providers: Option<Vec<String>>,
    pub actions: Vec<Action>,
    /// Start of its validity.
    pub not_before: Option<DateTime<Utc>>,
    /// End of its validity, exclusive.
    pub not_after: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    pub revoked_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub revoked_by: Option<String>,
    /// The last use of the key, to the minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The validity of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    Live,
    /// The validity has not begun.
    Waiting,
    /// The validity has ended.
    Expired,
    Revoked,
}

impl KeyState {
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Live => "live",
            KeyState::Waiting => "waiting",
            KeyState::Expired => "expired",
            KeyState::Revoked => "revoked",
        }
    }
}

impl IngestKey {
    /// The key's validity at a moment.
    pub fn state(&self, now: DateTime<Utc>) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.not_after.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else if self.not_before.is_some_and(|from| from > now) {
            KeyState::Waiting
        } else {
            KeyState::Live
        }
    }
}

/// Generates an id and the whole key, to be shown once.
pub fn mint() -> (String, Secret) {
    let id = random(ID_LENGTH);
    let key = Secret::new(format!("{PREFIX}{id}_{}", random(SECRET_LENGTH)));
    (id, key)
}

fn random(length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])).collect()
}

/// SHA-256 of the whole key, in hex, the form that is stored. The key has 256 random bits, so no slow hash is needed.
pub fn sha256(key: &Secret) -> String {
    sha256_hex(key.expose())
}

/// Keys of remote runners.
#[async_trait]
pub trait IngestKeyStore: Send + Sync {
    /// Stores a new key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken.
    async fn add_ingest_key(&self, key: &IngestKey) -> Result<(), StoreError>;

    /// Every key, ended ones too, sorted by label and age.
    async fn ingest_keys(&self) -> Result<Vec<IngestKey>, StoreError>;

    /// Ends a key's validity at `not_after`, unless it ends earlier. True if the key exists.
    async fn limit_ingest_key(&self, id: &str, not_after: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Revokes a key; the first time is kept. True if the key exists.
    async fn revoke_ingest_key(&self, id: &str, by: &str, at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Stores the last use of keys, by their ids. Ignores a time before the stored one.
    async fn used_ingest_keys(&self, uses: &[(String, DateTime<Utc>)]) -> Result<(), StoreError>;

    /// Adds a new key beside an old one, which stays valid until `overlap_ends`: both are valid meanwhile. A crash
    /// between the two steps leaves the old one without that end.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the new id is taken.
    async fn rotate_ingest_key(
        &self,
        old: &str,
        new: &IngestKey,
        overlap_ends: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.add_ingest_key(new).await?;
        self.limit_ingest_key(old, overlap_ends).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn key() -> IngestKey {
        let (id, secret) = mint();
        IngestKey {
            id,
            label: "aws-1".to_owned(),
            runner: "aws-1".to_owned(),
            sha256: sha256(&secret),
            providers: None,
            actions: Action::ALL.to_vec(),
            not_before: None,
            not_after: None,
            created_at: Utc::now(),
            created_by: "ann@here".to_owned(),
            revoked_at: None,
            revoked_by: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_holds_its_id_and_256_bits() {
        let (id, secret) = mint();
        let rest = secret.expose().strip_prefix(PREFIX).unwrap();
        let (own, tail) = rest.split_once('_').unwrap();
        assert_eq!((own, tail.len()), (id.as_str(), SECRET_LENGTH));
        assert!(tail.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(mint().1.expose(), mint().1.expose());
        assert_eq!(sha256(&secret).len(), 64);
    }

    #[test]
    fn a_key_counts_between_its_times() {
        let now = Utc::now();
        let (before, after) = (Some(now - TimeDelta::minutes(1)), Some(now + TimeDelta::minutes(1)));
        let state = |change: &dyn Fn(&mut IngestKey)| {
            let mut key = key();
            change(&mut key);
            key.state(now)
        };
        assert_eq!(state(&|_| ()), KeyState::Live);
        assert_eq!(state(&|key| (key.not_before, key.not_after) = (before, after)), KeyState::Live);
        assert_eq!(state(&|key| key.not_before = after), KeyState::Waiting);
        assert_eq!(state(&|key| key.not_after = Some(now)), KeyState::Expired);
        assert_eq!(state(&|key| (key.not_after, key.revoked_at) = (before, before)), KeyState::Revoked);
    }
}

//! The keys that count now: those of the store, read again every few seconds, and those of the environment. A read that
//! fails leaves what was known in force, and says so.

use super::auth::{KeyRing, RunnerKey};
use crate::storage::{Store, StoreError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The keys that count now.
pub struct RunnerKeyCache {
    store: Arc<dyn Store>,
    legacy: Vec<RunnerKey>,
    ring: RwLock<Arc<KeyRing>>,
    sound: AtomicBool,
}

impl RunnerKeyCache {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: Arc<dyn Store>, legacy: Vec<RunnerKey>) -> Result<Self, StoreError> {
        let keys = Self {
            store,
            ring: RwLock::new(Arc::new(KeyRing::new([], &legacy))),
            legacy,
            sound: AtomicBool::new(false),
        };
        keys.reload().await?;
        Ok(keys)
    }

    /// Reads them again.
    ///
    /// # Errors
    /// The store's; then the old keys go on counting, and [`RunnerKeyCache::are_sound`] is false.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let read = self.store.ingest_keys().await;
        self.sound.store(read.is_ok(), Ordering::Relaxed);
        let named = read?.into_iter().filter_map(RunnerKey::stored);
        let ring = Arc::new(KeyRing::new(named, &self.legacy));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    /// The keys as last read.
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the last read came through.
    pub fn are_sound(&self) -> bool {
        self.sound.load(Ordering::Relaxed)
    }
}

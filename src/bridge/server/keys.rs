//! The current keys: those of the store, reread every few seconds, and those of the environment. After a failed read
//! the old keys stay valid, and the failure is reported.

use super::auth::{KeyRing, RunnerKey};
use crate::storage::{Store, StoreError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub struct RunnerKeyCache {
    store: Arc<dyn Store>,
    legacy: Vec<RunnerKey>,
    ring: RwLock<Arc<KeyRing>>,
    sound: AtomicBool,
}

impl RunnerKeyCache {
    /// Reads the keys for the first time.
    ///
    /// # Errors
    /// Those of the store.
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

    /// Rereads the keys from the store.
    ///
    /// # Errors
    /// Those of the store; then the old keys stay valid, and [`RunnerKeyCache::are_sound`] is false.
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

    /// True if the last read succeeded.
    pub fn are_sound(&self) -> bool {
        self.sound.load(Ordering::Relaxed)
    }
}

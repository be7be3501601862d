//! The last work lists on disk: a runner whose bridge is unreachable continues with them for a while. An unreadable
//! file counts as absent; the next list replaces it.

use crate::outbox::undelivered::write_whole;
use crate::storage::create_private_dir;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};

const FORMAT: u32 = 1;
/// After this time the file is rewritten even if the list is the same, because its age matters.
const REFRESHED: TimeDelta = TimeDelta::seconds(60);
/// The largest accepted lead of a list's time over the clock: after the clock was set back, a list must not be valid
/// for ever.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// The field with the time at which a list was made. It always differs and does not affect the measurements.
pub const MADE: &str = "generated_at";

#[derive(Debug)]
pub struct WorkListCache {
    path: PathBuf,
    lists: BTreeMap<String, CachedWorkList>,
}

/// One list, unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CachedWorkList {
    fetched_at: DateTime<Utc>,
    document: Value,
}

#[derive(Serialize, Deserialize)]
struct CacheFile {
    format: u32,
    lists: BTreeMap<String, CachedWorkList>,
}

impl WorkListCache {
    /// Opens the file; if it is unreadable, the cache is empty.
    pub fn open(path: PathBuf) -> Self {
        let file = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<CacheFile>(&bytes).ok());
        let lists = file.filter(|file| file.format == FORMAT).map(|file| file.lists).unwrap_or_default();
        Self { path, lists }
    }

    /// Stores a list that was read at `now`.
    ///
    /// # Errors
    /// Those of the file system; the process still keeps the list in memory.
    pub fn keep(&mut self, provider: &str, document: Value, now: DateTime<Utc>) -> io::Result<()> {
        let before = self.lists.get(provider);
        let fresh = before.is_some_and(|one| {
            (TimeDelta::zero()..REFRESHED).contains(&(now - one.fetched_at)) && same(&one.document, &document)
        });
        if fresh {
            return Ok(());
        }
        self.lists.insert(provider.to_owned(), CachedWorkList { fetched_at: now, document });
        let file = CacheFile { format: FORMAT, lists: self.lists.clone() };
        let text = serde_json::to_string_pretty(&file).map_err(io::Error::other)?;
        let written = match self.path.parent().filter(|folder| !folder.exists()) {
            Some(folder) => create_private_dir(folder).and_then(|()| write_whole(&self.path, &text)),
            None => write_whole(&self.path, &text),
        };
        written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }

    /// A list that is no older than `grace`, with the time at which it was read.
    pub fn get(
        &self,
        provider: &str,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, &Value)> {
        let one = self.lists.get(provider)?;
        let age = now - one.fetched_at;
        (age <= grace && age >= -AHEAD).then_some((one.fetched_at, &one.document))
    }
}

fn same(one: &Value, other: &Value) -> bool {
    let counts = |document: &Value| {
        let fields = document.as_object().cloned().unwrap_or_default();
        fields.into_iter().filter(|(name, _)| name != MADE).collect::<Vec<_>>()
    };
    counts(one) == counts(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_counts_for_its_grace_and_survives_the_process() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("worklist.json");
        let noon = at("2026-11-23T12:00:00Z");
        let mut kept = WorkListCache::open(path.clone());
        assert_eq!(kept.get("bedrock", TimeDelta::hours(6), noon), None);
        kept.keep("bedrock", json!({"models": ["a"]}), noon).unwrap();
        kept.keep("groq", json!({"models": []}), noon).unwrap();
        let kept = WorkListCache::open(path.clone());
        let found = |now: &str| kept.get("bedrock", TimeDelta::hours(6), at(now)).is_some();
        assert!(found("2026-11-23T18:00:00Z") && found("2026-11-23T11:56:00Z"));
        assert!(!found("2026-11-23T18:00:01Z") && !found("2026-11-23T11:54:00Z"));
        assert_eq!(kept.get("openai", TimeDelta::hours(6), noon), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn the_same_list_is_written_once_a_minute() {
        let home = tempfile::tempdir().unwrap();
        let mut kept = WorkListCache::open(home.path().join("w.json"));
        let read = |kept: &WorkListCache| kept.lists["bedrock"].fetched_at;
        let list = |made: u32, model: &str| json!({"models": [model], "generated_at": made});
        let noon = at("2026-11-23T12:00:00Z");
        kept.keep("bedrock", list(1, "a"), noon).unwrap();
        kept.keep("bedrock", list(2, "a"), noon + TimeDelta::seconds(10)).unwrap();
        assert_eq!(read(&kept), noon);
        kept.keep("bedrock", list(3, "b"), noon + TimeDelta::seconds(20)).unwrap();
        assert_eq!(read(&kept), noon + TimeDelta::seconds(20));
        kept.keep("bedrock", list(4, "b"), noon + TimeDelta::seconds(80)).unwrap();
        assert_eq!(read(&kept), noon + TimeDelta::seconds(80));
    }

    #[test]
    fn a_file_that_is_none_is_replaced_and_one_that_cannot_be_written_is_told() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("w.json");
        for text in ["", "{", "[]", r#"{"format":2,"lists":{}}"#, r#"{"provider":"bedrock","models":[]}"#] {
            fs::write(&path, text).unwrap();
            let mut kept = WorkListCache::open(path.clone());
            assert!(kept.lists.is_empty());
            kept.keep("bedrock", json!({}), Utc::now()).unwrap();
            assert_eq!(WorkListCache::open(path.clone()).lists.len(), 1);
        }
        let mut nowhere = WorkListCache::open(path.join("no/such/w.json"));
        let error = nowhere.keep("bedrock", json!({}), Utc::now()).unwrap_err();
        assert!(error.to_string().contains("no/such/w.json"));
        assert!(nowhere.get("bedrock", TimeDelta::hours(1), Utc::now()).is_some());
    }
}

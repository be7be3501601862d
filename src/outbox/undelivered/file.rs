//! The file format: a line of JSON with checksum, kind and destination, and a line with the outcome as JSON.

use crate::domain::Outcome;
use crate::storage::outcomes::payload;
use crate::storage::outcomes::payload::OutcomeKind;
use crate::storage::private_files::private;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes the names of this process's temporary files unique.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Extension of outcome files. Temporary files and those set aside have others.
pub const EXTENSION: &str = "jsonl";

#[derive(Debug, Serialize, Deserialize)]
struct UndeliveredHeader {
    format: u32,
    sha256: String,
    kind: OutcomeKind,
    store: String,
}

/// The content of a file.
pub struct UndeliveredFile {
    head: UndeliveredHeader,
    outcome: String,
}

impl UndeliveredFile {
    /// Serializes an outcome and reads it back, because an outcome that changes would not count as stored.
    pub fn of(store: &str, outcome: &Outcome) -> io::Result<Self> {
        let (kind, text) =
            payload::write(outcome).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        let sha256 = checksum(kind, store, &text);
        Ok(Self {
            head: UndeliveredHeader { format: 1, sha256, kind, store: store.to_owned() },
            outcome: text,
        })
    }

    /// The id and a part of the checksum, so that another outcome with the same id gets another file.
    pub fn file_name(&self, id: &str) -> String {
        let plain = !id.is_empty()
            && id.len() <= 64
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let stem = if plain { id.to_owned() } else { payload::sha256(id) };
        format!("{stem}.{}.{EXTENSION}", &self.head.sha256[..16])
    }

    /// The two lines of the file.
    pub fn to_text(&self) -> String {
        let head = serde_json::json!(self.head);
        format!("{head}\n{}\n", self.outcome)
    }

    /// Reads the destination and the outcome, or describes the damage.
    pub fn read(text: &str) -> Result<(String, Outcome), String> {
        let (head, rest) = text.split_once('\n').ok_or("it is cut off")?;
        let outcome = rest.strip_suffix('\n').ok_or("it is cut off")?;
        let head: UndeliveredHeader =
            serde_json::from_str(head).map_err(|error| format!("its head cannot be read: {error}"))?;
        if head.format != 1 {
            return Err(format!("its format is {}, and this program knows 1", head.format));
        }
        if checksum(head.kind, &head.store, outcome) != head.sha256 {
            return Err("its checksum is wrong".to_owned());
        }
        Ok((head.store, payload::read(head.kind, outcome)?))
    }
}

fn checksum(kind: OutcomeKind, store: &str, outcome: &str) -> String {
    payload::sha256(&format!("{kind:?}\n{store}\n{outcome}"))
}

/// Writes and syncs a temporary file, renames it and syncs the directory: a crash leaves all of it or none.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let written = write_private(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written?;
    sync_directory(path.parent())
}

/// Syncs a directory, so that its file names are on disk.
pub fn sync_directory(directory: Option<&Path>) -> io::Result<()> {
    let directory = directory.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

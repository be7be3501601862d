//! Calibrations of this host as files of the state directory: the newest one, whose id rows name, and those that no store
//! has taken yet.

use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::domain::calibration::KeptCalibration;
use crate::measure::measurer::CalibrationSource;
use crate::storage::{CalibrationStore, StoreError, create_private_dir};
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The newest calibration.
const FILE: &str = "calibration.json";
/// The directory of calibrations that wait for a store, each under its id.
const WAITING: &str = "calibrations";
/// Most calibrations that wait; beyond it the oldest are removed. One a day, that is a year.
const MOST_WAITING: usize = 366;

/// Keeps a calibration in place of the one before; returns its path. One that `waits` is kept for the next store as well.
///
/// # Errors
/// Status 2 without a state directory, 1 if it cannot be written; the one before is still there then.
pub fn save(calibration: &Value, waits: bool, context: &Context) -> Result<PathBuf, CommandError> {
    let directory = context.settings.state_dir().map_err(CommandError::usage)?.value;
    let path = directory.join(FILE);
    let saved = || {
        // First for the store: rows name it from the moment at which it is the newest.
        if let Some(id) = calibration["id"].as_str().filter(|_| waits) {
            let waiting = directory.join(WAITING);
            write(&waiting, &waiting.join(format!("{id}.json")), calibration)?;
            forget(&waiting);
        }
        write(&directory, &path, calibration)
    };
    saved().map_err(|error: io::Error| {
        CommandError::usage(format!("cannot keep the calibration in {}: {error}", path.display()))
            .exit(Exit::No)
            .hint("--no-save keeps nothing; --state-dir or LLMBENCH_STATE_DIR names another directory")
    })?;
    Ok(path)
}

fn write(directory: &Path, path: &Path, document: &Value) -> io::Result<()> {
    create_private_dir(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{document:#}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Removes the oldest that wait, beyond [`MOST_WAITING`].
fn forget(waiting: &Path) {
    let files = files(waiting);
    for path in &files[..files.len().saturating_sub(MOST_WAITING)] {
        // One that stays is removed next time.
        let _ = fs::remove_file(path);
    }
}

/// The files of calibrations that wait, the oldest first: ids are ULIDs.
fn files(waiting: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(waiting).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// The newest calibration that is kept in a state directory; `None` if there is none that can be read.
pub fn newest(state_dir: &Path) -> Option<KeptCalibration> {
    KeptCalibration::parse(&fs::read_to_string(state_dir.join(FILE)).ok()?)
}

/// True if calibrations wait for a store.
pub fn is_waiting(state_dir: &Path) -> bool {
    !files(&state_dir.join(WAITING)).is_empty()
}

/// The reader of the newest calibration's id, which looks anew each time: a daemon outlives many calibrations. It finds
/// `None` if there is none that can be read.
pub fn newest_id(context: &Context) -> CalibrationSource {
    let state_dir = context.settings.state_dir().map(|directory| directory.value).ok();
    Arc::new(move || Some(newest(state_dir.as_ref()?)?.id))
}

/// Stores the calibrations that wait, and the newest one, which another store than this may have taken.
///
/// # Errors
/// Those of the store; what it did not take waits on.
pub async fn deliver(state_dir: &Path, store: &dyn CalibrationStore) -> Result<(), StoreError> {
    for path in files(&state_dir.join(WAITING)) {
        let kept = fs::read_to_string(&path).ok().and_then(|text| KeptCalibration::parse(&text));
        let Some(kept) = kept else {
            // Set aside for somebody to look at; one that cannot be is met again.
            let _ = fs::rename(&path, path.with_extension("damaged"));
            continue;
        };
        store.keep_calibration(&kept).await?;
        // A file that stays is stored again, which changes nothing.
        let _ = fs::remove_file(&path);
    }
    match newest(state_dir) {
        Some(kept) => store.keep_calibration(&kept).await,
        None => Ok(()),
    }
}

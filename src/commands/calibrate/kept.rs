//! The newest calibration of this host, as a file of the state directory: rows name its id.

use crate::commands::context::Context;
use crate::commands::exit::{CommandError, Exit};
use crate::measure::measurer::CalibrationSource;
use crate::output::calibration::{Calibration, document};
use crate::storage::create_private_dir;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE: &str = "calibration.json";

/// Keeps a calibration in place of the one before; returns its path.
///
/// # Errors
/// Status 2 without a state directory, 1 if it cannot be written; the one before is still there then.
pub fn save(calibration: &Calibration, context: &Context) -> Result<PathBuf, CommandError> {
    let directory = context.settings.state_dir().map_err(CommandError::usage)?.value;
    let path = directory.join(FILE);
    write(&directory, &path, &document(calibration)).map_err(|error| {
        CommandError::usage(format!("cannot keep the calibration in {}: {error}", path.display()))
            .exit(Exit::No)
            .hint("--no-save keeps nothing; --state-dir or LLMBENCH_STATE_DIR names another directory")
    })?;
    Ok(path)
}

fn write(directory: &Path, path: &Path, document: &Value) -> std::io::Result<()> {
    create_private_dir(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{document:#}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The reader of the newest calibration's id, which looks anew each time: a daemon outlives many calibrations. It finds
/// `None` if there is none that can be read.
pub fn newest_id(context: &Context) -> CalibrationSource {
    let path = context.settings.state_dir().map(|directory| directory.value.join(FILE)).ok();
    Arc::new(move || {
        let text = std::fs::read_to_string(path.as_ref()?).ok()?;
        let document: Value = serde_json::from_str(&text).ok()?;
        Some(document["id"].as_str()?.to_owned())
    })
}

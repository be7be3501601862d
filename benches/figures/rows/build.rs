//! A release build from scratch, dependencies included (downloaded beforehand).

use crate::{Failed, Line};
use std::process::Command;
use std::time::Instant;

/// Measures, once: it takes minutes.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let target = tempfile::tempdir()?;
    let cargo = |arguments: &[&str]| {
        Command::new(env!("CARGO")).current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).status()
    };
    if !cargo(&["fetch", "--locked", "--quiet"])?.success() {
        return Err("the dependencies cannot be fetched".into());
    }
    let begun = Instant::now();
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--release", "--locked", "--offline", "--quiet", "--target-dir"])
        .arg(target.path())
        .status()?;
    let seconds = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("cargo ended with {status}").into());
    }
    Ok(vec![Line {
        what: "release build from scratch (measured once)",
        least: "540 s",
        measured: format!("{seconds:.0} s"),
        beside: None,
        met: seconds <= 540.0,
    }])
}

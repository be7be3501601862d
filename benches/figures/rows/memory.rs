//! A thousand open streams: the most memory that the measuring process ever held.

use crate::stats::{median, repeated};
use crate::subject::{Simulator, run};
use crate::{Failed, Line};

/// Measures.
pub fn measure() -> Result<Vec<Line>, Failed> {
    let simulator = Simulator::start()?;
    let peaks = repeated(|| {
        let ran = run(&simulator, &["--model", "sim:steady", "-n", "1000", "-c", "1000"])?;
        Ok((ran.peak as f64 / 1000.0, ran.suspects() as f64))
    })?;
    let peak = median(peaks.iter().map(|(peak, _)| *peak));
    let suspects = median(peaks.iter().map(|(_, suspects)| *suspects));
    Ok(vec![Line {
        what: "1,000 open streams: peak memory (samples marked suspect)",
        least: "120 MB",
        measured: format!("{peak:.0} MB ({suspects:.0})"),
        beside: None,
        met: peak <= 120.0,
    }])
}

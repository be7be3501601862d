//! Checks the files of this machine: undelivered results, free room, permissions.

use super::files;
use super::store::off;
use crate::commands::calibrate::kept;
use crate::commands::context::Context;
use crate::daemon::status_file;
use crate::domain::calibration::{COMMAND, CalibrationStanding, CalibrationSummary};
use crate::domain::daemon_status::ProblemKind;
use crate::domain::finding::{Finding, FindingSection};
use crate::domain::troubleshooting;
use crate::domain::window::ago;
use crate::output::advice::quoted;
use crate::storage::StoreLocation;
use chrono::{DateTime, Utc};
use std::path::{Path, PathBuf};

const HERE: FindingSection = FindingSection::State;

/// Less room than this, in bytes, is a finding: SQLite needs room for its log before it can store a row.
const LEAST_ROOM: u64 = 100 * 1024 * 1024;

/// The facts about the state directory.
#[derive(Debug, Clone, Default)]
pub struct StateDirCheck {
    /// The directory of undelivered results; `None` if there can be none.
    pub directory: Option<PathBuf>,
    /// The number of waiting and of set-aside results, or the reason why they could not be counted.
    pub counts: Option<Result<(usize, usize), String>>,
    /// Its permission bits, if it exists.
    pub mode: Option<u32>,
    /// True if this user may write into it, or create it.
    pub writable: bool,
    /// Free bytes per purpose: name, path, bytes.
    pub rooms: Vec<(&'static str, PathBuf, Option<u64>)>,
    /// The daemon's report about the clock of this machine, if something is wrong with it.
    pub clock: Option<String>,
    /// The newest calibration of this host.
    pub calibration: Option<CalibrationSummary>,
}

pub fn look(context: &Context) -> StateDirCheck {
    let Ok(undelivered) = context.undelivered() else { return StateDirCheck::default() };
    let directory = undelivered.directory().to_owned();
    let mut rooms = vec![("room for results that wait", directory.clone(), files::free_bytes(&directory))];
    if let Ok(StoreLocation::Sqlite(path)) = context.store_location().map(|location| location.value) {
        let room = files::free_bytes(&path);
        rooms.push(("room for the database", path, room));
    }
    StateDirCheck {
        counts: Some(undelivered.counts().map_err(|error| error.to_string())),
        mode: files::mode(&directory),
        writable: files::is_writable(&files::nearest(&directory)),
        directory: Some(directory),
        rooms,
        clock: clock(context),
        calibration: context
            .settings
            .state_dir()
            .ok()
            .and_then(|directory| Some(kept::newest(&directory.value)?.summary())),
    }
}

fn clock(context: &Context) -> Option<String> {
    let state_dir = context.settings.state_dir().ok()?.value;
    let daemon_status = status_file::read(&state_dir).ok().flatten()?;
    daemon_status.gone(&status_file::process_evidence(&daemon_status)).is_none().then_some(())?;
    let problems = daemon_status.problems(daemon_status.written_at);
    problems
        .into_iter()
        .find(|trouble| trouble.cause == ProblemKind::ClockWrong)
        .map(|trouble| trouble.sentence)
}

pub fn findings(check: &StateDirCheck, now: DateTime<Utc>) -> Vec<Finding> {
    let Some(directory) = &check.directory else {
        let sentence = "there is no home directory, so nothing could be kept where a store fails";
        let fix = "`export XDG_STATE_HOME=DIRECTORY`, or set HOME";
        return vec![Finding::wrong(
            HERE,
            "state directory",
            sentence,
            fix,
            troubleshooting::STATE_DIRECTORY,
        )];
    };
    let mut found = vec![of_directory(directory, check)];
    found.extend(check.counts.as_ref().map(|counts| of_counts(directory, counts)).into_iter().flatten());
    found.extend(
        check
            .clock
            .as_ref()
            .map(|sentence| Finding { section: HERE, ..off(format!("the daemon says: {sentence}")) }),
    );
    found.extend(check.rooms.iter().map(|(what, path, room)| of_room(what, path, *room)));
    found.push(of_calibration(check.calibration.as_ref(), now));
    found
}

fn of_calibration(newest: Option<&CalibrationSummary>, now: DateTime<Utc>) -> Finding {
    let (subject, fix) =
        ("calibration", format!("`{COMMAND}` makes one in ten seconds; a daemon makes one a day"));
    let Some(newest) = newest else {
        let sentence = "this host has none, so nobody knows how wrong its figures are";
        return Finding::note(HERE, subject, sentence).fix(fix).heading(troubleshooting::CALIBRATION);
    };
    let sentence = format!("{}: {}", ago(newest.at, now), newest.verdict.trim_end_matches('.'));
    match newest.standing(now) {
        CalibrationStanding::Good => Finding::ok(HERE, subject, sentence),
        CalibrationStanding::Old => {
            Finding::note(HERE, subject, sentence).fix(fix).heading(troubleshooting::CALIBRATION)
        }
        CalibrationStanding::Unfit => {
            let fix = "give it cores of its own, or fewer streams; then `llmbench calibrate`";
            Finding::wrong(HERE, subject, sentence, fix, troubleshooting::CALIBRATION)
        }
    }
}

fn of_directory(directory: &Path, check: &StateDirCheck) -> Finding {
    let shown = directory.display();
    if !check.writable {
        let nearest = files::nearest(directory);
        let sentence = format!("{} is read-only for this user", nearest.display());
        let fix =
            format!("`chmod u+rwx {}`, or another XDG_STATE_HOME", quoted(&nearest.display().to_string()));
        return Finding::wrong(HERE, "state directory", sentence, fix, troubleshooting::STATE_DIRECTORY);
    }
    match check.mode {
        None => Finding::ok(
            HERE,
            "state directory",
            format!("{shown} is created with the first result that waits"),
        ),
        Some(mode) if mode & 0o077 != 0 => {
            let sentence = format!("{shown} is open to others (mode {mode:03o}); no key is in it");
            let fix = format!("`chmod 700 {}`", quoted(&shown.to_string()));
            Finding::note(HERE, "state directory", sentence).fix(fix)
        }
        Some(mode) => Finding::ok(HERE, "state directory", format!("{shown} (mode {mode:03o})")),
    }
}

fn of_counts(directory: &Path, counts: &Result<(usize, usize), String>) -> Vec<Finding> {
    let (waiting, bad) = match counts {
        Ok(counts) => *counts,
        Err(why) => {
            let sentence = format!("{} could not be read: {why}", directory.display());
            return vec![Finding::unknown(HERE, "undelivered results", sentence)];
        }
    };
    let mut found = Vec::new();
    if waiting > 0 {
        let sentence = format!("{waiting} wait in {}", directory.display());
        let fix = "the next run with the store that they were meant for delivers them: `llmbench run --all`";
        found.push(Finding::wrong(HERE, "undelivered results", sentence, fix, troubleshooting::UNDELIVERED));
    }
    if bad > 0 {
        let sentence = format!("{bad} were set aside as damaged or refused, in {}", directory.display());
        let fix = format!("look at them: `ls -l {}`", quoted(&directory.display().to_string()));
        found.push(Finding::wrong(HERE, "results set aside", sentence, fix, troubleshooting::UNDELIVERED));
    }
    if found.is_empty() {
        found.push(Finding::ok(HERE, "undelivered results", "none"));
    }
    found
}

fn of_room(what: &str, path: &Path, room: Option<u64>) -> Finding {
    let Some(room) = room else {
        return Finding::unknown(HERE, what, format!("{} could not be asked", path.display()));
    };
    let sentence = format!("{} free at {}", bytes(room), path.display());
    if room >= LEAST_ROOM {
        return Finding::ok(HERE, what, sentence);
    }
    Finding::wrong(HERE, what, sentence, "`df -h` shows the disks: make room", troubleshooting::DISK)
}

/// For example `1.5 GB`, `90 MB`.
fn bytes(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        1_000_000_000.. => format!("{} GB", tenths(1_000_000_000)),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calibration::fixtures;
    use crate::domain::finding::Severity;
    use chrono::TimeDelta;

    #[test]
    fn what_waits_and_what_is_full_is_said() {
        let check = StateDirCheck {
            directory: Some("/s/undelivered".into()),
            counts: Some(Ok((3, 1))),
            mode: Some(0o755),
            writable: true,
            rooms: vec![("room", "/s".into(), Some(90_000_000)), ("room", "/s".into(), None)],
            ..StateDirCheck::default()
        };
        let now = Utc::now();
        let severities: Vec<_> = findings(&check, now).iter().map(|one| one.severity).collect();
        let (finding, unknown) = (Severity::Finding, Severity::Unknown);
        assert_eq!(severities, [Severity::Note, finding, finding, finding, unknown, Severity::Note]);
        assert_eq!(bytes(1_540_000_000), "1.5 GB");
        assert_eq!(
            findings(&StateDirCheck::default(), now)[0].heading,
            Some(troubleshooting::STATE_DIRECTORY)
        );
    }

    #[test]
    fn a_calibration_is_fine_or_old_or_says_that_the_host_should_not_publish() {
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let made = |hours: i64, may| fixtures::kept("1", "h", now - TimeDelta::hours(hours), may).summary();
        let found = |newest: Option<CalibrationSummary>| {
            let finding = of_calibration(newest.as_ref(), now);
            (finding.severity, finding.sentence, finding.fix.is_some())
        };
        let good = "5 h ago: This host may publish".to_owned();
        assert_eq!(found(Some(made(5, true))), (Severity::Ok, good, false));
        let old = "4 d ago: This host may publish".to_owned();
        assert_eq!(found(Some(made(100, true))), (Severity::Note, old, true));
        let unfit = "5 h ago: This host should not publish: TTFT is 4.0 ms off in the mean".to_owned();
        assert_eq!(found(Some(made(5, false))), (Severity::Finding, unfit, true));
        let (severity, sentence, has_fix) = found(None);
        assert_eq!((severity, has_fix), (Severity::Note, true), "{sentence}");
    }
}

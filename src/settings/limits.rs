//! Deadlines of an exchange: flag, file, default. `wire::ExchangeLimits` defines them.

use super::SettingsError;
use super::file::Defaults;
use crate::domain::sourced::{Source, Sourced};
use crate::wire;
use std::path::Path;
use std::time::Duration;

/// The longest deadline, seconds.
const LONGEST: f64 = 3600.0;

/// Deadlines of the flags, in seconds; `None` if a flag was not given.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LimitFlags {
    pub connect: Option<f64>,
    pub first_byte: Option<f64>,
    pub gap: Option<f64>,
    /// Deadline of the whole exchange (`--timeout`).
    pub total: Option<f64>,
}

/// The four deadlines, each with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadlines {
    /// Deadline of DNS, TCP and TLS together.
    pub connect: Sourced<Duration>,
    /// From the request's last byte to the first byte of the answer's body.
    pub first_byte: Sourced<Duration>,
    /// Deadline between two reads that bring bytes.
    pub gap: Sourced<Duration>,
    pub total: Sourced<Duration>,
}

impl Deadlines {
    /// The deadlines in the form that the wire takes.
    pub fn limits(&self) -> wire::ExchangeLimits {
        wire::ExchangeLimits {
            connect: self.connect.value,
            first_byte: self.first_byte.value,
            gap: self.gap.value,
            total: self.total.value,
            ..wire::ExchangeLimits::default()
        }
    }
}

/// Resolves the deadlines: flag, file, default.
///
/// # Errors
/// [`SettingsError::Value`] if a number is no valid deadline.
pub(super) fn resolve(flags: LimitFlags, file: &Defaults, path: &Path) -> Result<Deadlines, SettingsError> {
    let standard = wire::ExchangeLimits::default();
    let one = |name: &'static str,
               flag: &'static str,
               given: Option<f64>,
               written: Option<f64>,
               default: Duration| {
        let found = given
            .map(|seconds| Sourced::new(seconds, Source::Flag(flag)))
            .or_else(|| written.map(|seconds| Sourced::new(seconds, Source::File(path.to_owned()))));
        found.map_or(Ok(Sourced::new(default, Source::Default)), |seconds| deadline(name, seconds))
    };
    Ok(Deadlines {
        connect: one("connect", "--connect-timeout", flags.connect, file.connect, standard.connect)?,
        first_byte: one(
            "first_byte",
            "--first-byte-timeout",
            flags.first_byte,
            file.first_byte,
            standard.first_byte,
        )?,
        gap: one("gap", "--gap-timeout", flags.gap, file.gap, standard.gap)?,
        total: one("total", "--timeout", flags.total, file.total, standard.total)?,
    })
}

fn deadline(name: &str, seconds: Sourced<f64>) -> Result<Sourced<Duration>, SettingsError> {
    if seconds.value > 0.0 && seconds.value <= LONGEST {
        return Ok(seconds.map(Duration::from_secs_f64));
    }
    Err(SettingsError::Value {
        what: format!("deadline `{name}`"),
        source_name: seconds.source.to_string(),
        reason: format!("{} is no number of seconds above 0 and up to {LONGEST}", seconds.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        let flags = LimitFlags { gap: Some(1.5), ..LimitFlags::default() };
        let file = Defaults { gap: Some(9.0), total: Some(7.0), ..Defaults::default() };
        let found = resolve(flags, &file, Path::new("c.toml")).unwrap();
        assert_eq!(found.gap, Sourced::new(Duration::from_millis(1500), Source::Flag("--gap-timeout")));
        assert_eq!(found.total.source, Source::File("c.toml".into()));
        assert_eq!(found.connect, Sourced::new(Duration::from_secs(10), Source::Default));
        let limits = found.limits();
        assert_eq!((limits.gap, limits.total), (Duration::from_millis(1500), Duration::from_secs(7)));
    }

    #[test]
    fn numbers_that_are_no_deadline() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 3601.0] {
            let flags = LimitFlags { total: Some(wrong), ..LimitFlags::default() };
            let said = resolve(flags, &Defaults::default(), Path::new("")).unwrap_err().to_string();
            assert!(said.starts_with("deadline `total` (flag --timeout): "), "{said}");
        }
    }
}

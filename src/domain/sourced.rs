//! Values that know where they came from, so that `doctor` can say it. Who wins is decided in `settings::resolve`.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from; in this order, the first that has one wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line, for example `--store`.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// The configuration file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) => write!(f, "flag {name}"),
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Sourced<T> {
    /// A value from a source.
    pub fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// The same source, another form of the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), source: self.source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_as_words() {
        let said: Vec<String> = [
            Source::Flag("--store"),
            Source::Env("LLMBENCH_STORE".into()),
            Source::File("/etc/x.toml".into()),
            Source::Default,
        ]
        .iter()
        .map(Source::to_string)
        .collect();
        assert_eq!(
            said,
            ["flag --store", "environment variable LLMBENCH_STORE", "file /etc/x.toml", "default"]
        );
    }
}

//! Values with the source they came from, so that `doctor` can show it. Precedence is decided in `settings::resolve`.

use std::fmt;
use std::path::PathBuf;

/// The source of a value. Earlier variants take precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line, for example `--store`.
    Flag(&'static str),
    Env(String),
    File(PathBuf),
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

/// A value and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

impl<T> Sourced<T> {
    pub fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// Keeps the source and converts the value.
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

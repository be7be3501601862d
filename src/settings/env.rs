//! A snapshot of the environment, taken once. Only this file reads it; [`crate::domain::env_vars`] documents the
//! variables.

use std::collections::BTreeMap;
use std::fmt;

/// The environment as it was when the program started. An empty value counts as unset.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    values: BTreeMap<String, String>,
}

impl Env {
    /// The environment of this process. Values that are not UTF-8 are left out: no setting may contain one.
    #[allow(clippy::disallowed_methods, reason = "the one reader of the environment")]
    pub fn from_process() -> Self {
        let text = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { values: text.collect() }
    }

    /// An environment with exactly these variables.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { values: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The value of a variable, without surrounding white space; `None` if it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The names of all variables that are set, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter(|(_, value)| !value.trim().is_empty()).map(|(name, _)| name.as_str())
    }

    /// The first of several variables that is set, with its name.
    pub fn first<'a>(&self, names: &[&'a str]) -> Option<(&'a str, &str)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }
}

impl fmt::Debug for Env {
    /// Prints only names, because some values are keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_unset() {
        let env = Env::from_pairs([("A", ""), ("B", " \n"), ("C", " c\n")]);
        assert_eq!((env.get("A"), env.get("B"), env.get("C"), env.get("D")), (None, None, Some("c"), None));
        assert_eq!(env.first(&["A", "D", "C"]), Some(("C", "c")));
        assert_eq!(env.first(&["A"]), None);
    }

    #[test]
    fn printing_shows_no_value() {
        let env = Env::from_pairs([("OPENAI_API_KEY", "canary")]);
        assert_eq!(format!("{env:?}"), r#"{"OPENAI_API_KEY"}"#);
    }

    #[test]
    fn the_process_has_a_path() {
        assert!(Env::from_process().get("PATH").is_some());
    }
}

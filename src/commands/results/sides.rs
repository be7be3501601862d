//! Parses the two sides of a comparison: `provider:model_id`, `provider`, nothing, each with
//! or without `@FROM..TO`. Pure.

use crate::domain::{ModelRef, Window};
use crate::storage::history::HistoryFilter;
use chrono::{DateTime, TimeZone};

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonSide {
    pub what: RunScope,
    pub window: Window,
    /// True if the side names its window itself.
    pub own_window: bool,
}

/// Selects runs by their models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunScope {
    Everything,
    Provider(String),
    Model(ModelRef),
}

impl ComparisonSide {
    /// Parses a side. `window` is for one that names none. An `@` belongs to a model's id unless two dots follow it.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn parse<Tz: TimeZone>(text: &str, window: Window, now: &DateTime<Tz>) -> Result<Self, String> {
        let own = text.rsplit_once('@').and_then(|(what, when)| Some((what, when.split_once("..")?)));
        let (what, window) = match own {
            None => (text, window),
            Some((what, (from, to))) => {
                let named = |text: &'_ str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
                let (from, to) = (named(from), named(to));
                (what, Window::parse(from.as_deref(), to.as_deref(), None, now)?)
            }
        };
        let what = match what.trim() {
            "" if own.is_none() => {
                return Err("a side is empty: write provider:model_id, provider or @FROM..TO".to_owned());
            }
            "" => RunScope::Everything,
            what if what.contains(':') => RunScope::Model(what.parse().map_err(|error| format!("{error}"))?),
            what => RunScope::Provider(what.to_owned()),
        };
        Ok(Self { what, window, own_window: own.is_some() })
    }

    /// The rows that the side selects.
    pub fn scope(&self) -> HistoryFilter {
        let model = match &self.what {
            RunScope::Model(model) => Some(model.model_id.clone()),
            _ => None,
        };
        HistoryFilter {
            window: self.window,
            provider: self.provider().map(str::to_owned),
            model,
            ..HistoryFilter::default()
        }
    }

    /// The provider that the side names.
    pub fn provider(&self) -> Option<&str> {
        match &self.what {
            RunScope::Everything => None,
            RunScope::Provider(provider) => Some(provider),
            RunScope::Model(model) => Some(&model.provider),
        }
    }
}

/// Checks that two sides can be compared.
///
/// # Errors
/// A sentence: they are of different kinds, or a run could be on both.
pub fn check(a: &ComparisonSide, b: &ComparisonSide) -> Result<(), String> {
    use RunScope::{Everything, Model, Provider};
    match (&a.what, &b.what) {
        (Everything, Everything) | (Provider(_), Provider(_)) | (Model(_), Model(_)) => {}
        _ => {
            return Err(
                "A and B are of different kinds: write two models, two providers or two windows".to_owned()
            );
        }
    }
    if a.what != b.what {
        return Ok(());
    }
    if a.window == b.window {
        return Err("A and B are the same".to_owned());
    }
    let before =
        |first: &Window, second: &Window| first.to.zip(second.from).is_some_and(|(to, from)| to <= from);
    if before(&a.window, &b.window) || before(&b.window, &a.window) {
        Ok(())
    } else {
        Err("the windows of A and B overlap: a run would be on both sides".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        "2026-11-02T12:00:00Z".parse().unwrap()
    }

    fn side(text: &str) -> ComparisonSide {
        ComparisonSide::parse(text, Window::default(), &now()).unwrap()
    }

    #[test]
    fn sides_are_models_providers_or_windows() {
        let model = |text: &str| RunScope::Model(text.parse().unwrap());
        assert_eq!(side("groq:llama").what, model("groq:llama"));
        assert_eq!(side("bedrock:nova-v1:0@7d..").what, model("bedrock:nova-v1:0"));
        assert_eq!(side("vertex:claude@20250514").what, model("vertex:claude@20250514"));
        assert!(!side("vertex:claude@20250514").own_window);
        let both = side("vertex:claude@20250514@2026-10-01..2026-10-08");
        assert_eq!(both.what, model("vertex:claude@20250514"));
        assert_eq!(both.window.from, "2026-10-01T00:00:00Z".parse().ok());
        assert_eq!(both.window.to, "2026-10-08T00:00:00Z".parse().ok());
        assert_eq!(side("groq").what, RunScope::Provider("groq".to_owned()));
        let week = side("@7d..");
        assert_eq!((week.what, week.window.to), (RunScope::Everything, None));
        assert_eq!(side("@..").window, Window::default());
        assert_eq!(side("groq@2026-10-01 13:00..now").window.to, Some(now()));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", " ", "groq:", ":m", "groq@nonsense..", "groq@2026-10-08..2026-10-01", "@2099-01-01.."]
        {
            assert!(ComparisonSide::parse(text, Window::default(), &now()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_run_is_on_one_side() {
        let said = |a, b| check(&side(a), &side(b)).err().unwrap_or_default();
        assert_eq!(said("groq", "together"), "");
        assert_eq!(said("groq@7d..", "together@9d.."), "");
        assert_eq!(said("groq@14d..7d", "groq@7d.."), "");
        assert_eq!(said("@7d..", "@14d..7d"), "");
        assert!(said("groq", "groq").contains("the same"));
        assert!(said("groq@14d..", "groq@7d..").contains("overlap"));
        assert!(said("groq:m", "groq").contains("different kinds"));
        assert!(said("@7d..", "groq@9d..8d").contains("different kinds"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z:@. 0-9]{0,20}|.{0,20}") {
            let _ = ComparisonSide::parse(&text, Window::default(), &now());
        }
    }
}

//! Reports series that a prefix cache answers: their TTFT is that of a cache. Pure.

use crate::domain::finding::{Finding, FindingSection};
use crate::domain::{CachedInput, ModelRef, troubleshooting};
use crate::output::advice::quoted;
use crate::output::{text, units};
use std::collections::BTreeMap;

/// A series mostly comes from a cache if at least this share of its prompt tokens does.
const MOSTLY: f64 = 0.5;
/// The most series that a sentence names.
const NAMED: usize = 4;

/// The finding about the newest rows; `None` without any.
pub fn finding(found: &BTreeMap<ModelRef, CachedInput>) -> Option<Finding> {
    let share = |cached: &CachedInput| cached.share().filter(|share| *share >= MOSTLY);
    let mostly: Vec<(&ModelRef, f64)> =
        found.iter().filter_map(|(model, cached)| Some((model, share(cached)?))).collect();
    let Some((first, _)) = mostly.first() else {
        let sentence = "answered most of the prompts of no series in the newest rows";
        return (!found.is_empty()).then(|| Finding::ok(FindingSection::Store, "prefix caches", sentence));
    };
    let name = |(model, share): &(&ModelRef, f64)| {
        format!("{} {}", text::escape(&model.to_string()), units::share(*share))
    };
    let named: Vec<String> = mostly.iter().take(NAMED).map(name).collect();
    let more = match mostly.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let sentence = format!(
        "answered most of the prompt tokens in the newest rows of {}{more}: their TTFT is a cache's, not that of a new prompt",
        named.join(", ")
    );
    let fix = format!(
        "`llmbench run {} --cache-bust -n 5` shows the other one; to measure it around the clock, name a profile with a \
         prompt of its own and cache_bust = true in `ask` of [daemon]",
        quoted(&first.to_string())
    );
    Some(
        Finding::note(FindingSection::Store, "prefix caches", sentence)
            .fix(fix)
            .heading(troubleshooting::CACHED),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;

    #[test]
    fn a_series_that_is_mostly_cached_is_named_with_its_share() {
        let of = |tokens| CachedInput { runs: 1, tokens, of_input_tokens: 100 };
        let rows = |counts: &[(&str, u64)]| -> BTreeMap<ModelRef, CachedInput> {
            counts.iter().map(|(name, tokens)| (name.parse().unwrap(), of(*tokens))).collect()
        };
        assert_eq!(finding(&rows(&[])), None);
        assert_eq!(finding(&rows(&[("groq:a", 49)])).unwrap().severity, Severity::Ok);
        let found = finding(&rows(&[("groq:a", 49), ("groq:b", 80), ("groq:c", 50)])).unwrap();
        assert!(found.sentence.contains("rows of groq:b 80 %, groq:c 50 %: their TTFT"), "{found:?}");
        assert!(found.fix.unwrap().starts_with("`llmbench run groq:b --cache-bust"));
        assert_eq!(found.severity, Severity::Note);
    }
}

//! "Did you mean": the known name nearest to one that is not known.

/// The nearest of `known`, where one is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.len().max(wrong.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `: did you mean groq?`, or nothing where no name is near.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, known).map(|name| format!(": did you mean {name}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_and_no_other_word() {
        let known = ["groq", "openai", "openrouter", "vertex"];
        assert_eq!(nearest("grok", known), Some("groq"));
        assert_eq!(nearest("OpenAi", known), Some("openai"));
        assert_eq!(nearest("opnerouter", known), Some("openrouter"));
        assert_eq!(nearest("bananas", known), None);
        assert_eq!(did_you_mean("grok", known), ": did you mean groq?");
        assert_eq!(did_you_mean("bananas", known), "");
    }
}

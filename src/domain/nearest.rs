//! "Did you mean": finds the known name nearest to an unknown one.

/// The nearest of `known`, if one is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.len().max(wrong.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Candidates for a name that has no single best match: names that contain the text, then those spelt like it or like
/// the part after its first colon, nearest first and at most `most`.
pub fn nearest_names<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let id = |text: &str| text.split_once(':').map_or_else(|| text.to_owned(), |(_, id)| id.to_owned());
    let ranked = known.into_iter().filter_map(|name| {
        let lower = name.to_lowercase();
        let apart = strsim::damerau_levenshtein(&wrong, &lower)
            .min(strsim::damerau_levenshtein(&id(&wrong), &id(&lower)));
        let holds = wrong.len() > 2 && lower.contains(&wrong);
        (holds || apart <= (id(&wrong).len() / 3).max(1)).then_some((!holds, apart, name))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, name)| name).take(most).collect()
}

/// `: did you mean groq?`, or empty if no name is near.
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

    #[test]
    fn several_names_may_be_meant() {
        let known = ["groq:llama-70b", "together:llama-70b", "openai:gpt-4o"];
        assert_eq!(nearest_names("groq:lama-70b", known, 3), ["groq:llama-70b", "together:llama-70b"]);
        assert_eq!(nearest_names("llama", known, 1), ["groq:llama-70b"]);
        assert_eq!(nearest_names("bananas", known, 3), Vec::<&str>::new());
    }
}

//! The share of prompts that a provider's prefix cache answered: their TTFT is not that of a new prompt.

use super::run::Tokens;
use serde::Serialize;

/// Prompt tokens that came from a cache, among those of some successes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CachedInput {
    /// Successes with prompt tokens from a cache.
    pub runs: u64,
    /// Cached prompt tokens of all successes.
    pub tokens: u64,
    /// Prompt tokens of the successes that state a number of cached ones, 0 included.
    pub of_input_tokens: u64,
}

impl CachedInput {
    /// Adds a success; ignores one that states no number of cached tokens.
    pub fn add(&mut self, tokens: &Tokens) {
        let (Some(cached), Some(input)) = (tokens.cached_input_tokens, tokens.input_tokens) else { return };
        self.runs += u64::from(cached > 0);
        self.tokens = self.tokens.saturating_add(cached);
        self.of_input_tokens = self.of_input_tokens.saturating_add(input);
    }

    /// The share of the prompt tokens that came from a cache, 0 to 1; `None` if no success states it.
    pub fn share(&self) -> Option<f64> {
        (self.of_input_tokens > 0).then(|| (self.tokens as f64 / self.of_input_tokens as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_input_counts_runs_and_tokens_where_both_are_known() {
        let mut cached = CachedInput::default();
        let pairs = [(Some(0), Some(20)), (Some(15), Some(20)), (None, Some(20)), (Some(5), None)];
        for (cached_input_tokens, input_tokens) in pairs {
            cached.add(&Tokens { cached_input_tokens, input_tokens, ..Tokens::default() });
        }
        assert_eq!(cached, CachedInput { runs: 1, tokens: 15, of_input_tokens: 40 });
        assert_eq!((cached.share(), CachedInput::default().share()), (Some(0.375), None));
    }
}

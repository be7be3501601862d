//! Token counts as reported: folds several reports of one stream into one. `measure` interprets the counts for a row.

use super::Usage;
use super::lenient::Count;

impl Usage {
    /// Counts as a stream reported them; the first of them that cannot be a count is kept as odd.
    pub(super) fn counted(
        input: Count,
        cached: Count,
        output: Count,
        reasoning: Count,
        total: Count,
    ) -> Self {
        Self {
            input: input.whole(),
            cached_input: cached.whole(),
            output: output.whole(),
            reasoning: reasoning.whole(),
            total: total.whole(),
            odd: Count::first_odd(&[input, cached, output, reasoning, total]),
            ..Self::default()
        }
    }

    /// Takes over every count that a later report names; the others stay. A report that was odd once stays odd.
    pub(super) fn absorb(&mut self, later: Usage) {
        let fields = [
            (&mut self.input, later.input),
            (&mut self.cached_input, later.cached_input),
            (&mut self.output, later.output),
            (&mut self.reasoning, later.reasoning),
            (&mut self.total, later.total),
        ];
        for (field, value) in fields {
            *field = value.or(*field);
        }
        self.odd = self.odd.or(later.odd);
        self.output_excludes_reasoning |= later.output_excludes_reasoning;
    }

    /// True if more reasoning is reported than output, which is only possible if the output count leaves it out.
    pub(super) fn counts_disagree(&self) -> bool {
        matches!((self.reasoning, self.output), (Some(reasoning), Some(output)) if reasoning > output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_wins_field_by_field() {
        let mut usage = Usage { input: Some(9), output: Some(1), ..Usage::default() };
        usage.absorb(Usage { output: Some(40), reasoning: Some(3), ..Usage::default() });
        assert_eq!((usage.input, usage.output, usage.reasoning), (Some(9), Some(40), Some(3)));
        assert!(!usage.counts_disagree());
        usage.absorb(Usage { reasoning: Some(41), ..Usage::default() });
        assert!(usage.counts_disagree());
    }
}

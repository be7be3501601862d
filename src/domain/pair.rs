//! A pair: one request over a cold connection and one over a warm one, one right after the other, so that the price of a
//! connection is measured where and when it is paid. Both halves are rows of their own, which two fields join. The order
//! is drawn elsewhere.

use super::run::{Connection, Outcome};
use serde_json::{Map, Value, json};

/// The role of the half that its series does without: it is kept for the sake of its pair, and published nowhere.
pub const COUNTERPART: &str = "counterpart";

/// Two requests that belong together, and their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPlan {
    /// A ULID, which both rows carry.
    pub id: String,
    pub cold_first: bool,
}

impl PairPlan {
    /// The halves in the order in which they are made.
    pub fn halves(&self) -> [PairHalf; 2] {
        let half = |position, connection| PairHalf { pair_id: self.id.clone(), position, connection };
        match self.cold_first {
            true => [half(1, Connection::Cold), half(2, Connection::Warm)],
            false => [half(1, Connection::Warm), half(2, Connection::Cold)],
        }
    }
}

/// One request of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairHalf {
    pub pair_id: String,
    /// 1 for the first request of the pair, 2 for the second.
    pub position: u32,
    /// The connection that it is to have. A row tells which one it had.
    pub connection: Connection,
}

impl PairHalf {
    /// True for the warm half: published rows are cold, so this one is no sample of its series.
    pub fn is_counterpart(&self) -> bool {
        self.connection == Connection::Warm
    }

    /// The role of its rows, where those of the series have `role`.
    pub fn role<'a>(&self, role: &'a str) -> &'a str {
        if self.is_counterpart() { COUNTERPART } else { role }
    }

    /// The fields that join the rows of a pair.
    pub fn fields(&self) -> Map<String, Value> {
        [("pair_id", json!(self.pair_id)), ("pair_position", json!(self.position))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Names the pair in a row.
    pub fn stamp(&self, outcome: &mut Outcome) {
        match outcome {
            Outcome::Success(run) => {
                (run.pair_id, run.pair_position) = (Some(self.pair_id.clone()), Some(self.position));
            }
            Outcome::Failure(failure) => failure.extra.extend(self.fields()),
        }
    }
}

/// True for the row of a counterpart.
pub fn is_counterpart(outcome: &Outcome) -> bool {
    let role = match outcome {
        Outcome::Success(run) => Some(run.sample_role.as_str()),
        Outcome::Failure(failure) => failure.extra.get("sample_role").and_then(Value::as_str),
    };
    role == Some(COUNTERPART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureKind;
    use crate::measure::testing::{failure, run};

    #[test]
    fn whatever_the_order_there_is_one_half_of_each_and_the_warm_one_is_the_counterpart() {
        for cold_first in [true, false] {
            let halves = PairPlan { id: "01P".to_owned(), cold_first }.halves();
            assert_eq!(halves.each_ref().map(|half| half.position), [1, 2]);
            assert_eq!(halves.each_ref().map(PairHalf::is_counterpart), [!cold_first, cold_first]);
            for half in &halves {
                let expected = if half.is_counterpart() { COUNTERPART } else { "published" };
                assert_eq!(half.role("published"), expected);
            }
        }
    }

    #[test]
    fn both_kinds_of_rows_name_their_pair() {
        let [_, second] = PairPlan { id: "01P".to_owned(), cold_first: true }.halves();
        let mut success = Outcome::Success(Box::new(run("groq", "m", 0.2)));
        let mut failed = failure("groq", "m", FailureKind::Timeout, "late");
        for outcome in [&mut success, &mut failed] {
            second.stamp(outcome);
        }
        let (Outcome::Success(run), Outcome::Failure(failure)) = (success, failed) else { panic!() };
        assert_eq!((run.pair_id.as_deref(), run.pair_position), (Some("01P"), Some(2)));
        assert_eq!((&failure.extra["pair_id"], &failure.extra["pair_position"]), (&json!("01P"), &json!(2)));
        assert!(!is_counterpart(&Outcome::Success(run)), "the role says it, and nothing else");
    }
}

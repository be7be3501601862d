//! A change of a series: its figure moved to another level, or what its provider says of the model became another. Found
//! in stored rows by `measure::level_shift` and `measure::swap`, kept by stores, told by `notify`. Pure data.

use super::ModelRef;
use super::interval::Interval;
use chrono::{DateTime, TimeDelta, Utc};

/// What is compared with itself over time: a model as one runner measures it, with one profile, over one kind of connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeasuredSeries {
    pub model: ModelRef,
    /// The runner; `None` for rows that name none.
    pub runner: Option<String>,
    pub profile: Option<String>,
    /// `cold` or `warm`.
    pub connection: Option<String>,
}

/// The figures whose level is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WatchedFigure {
    Ttft,
    TokensPerSecond,
}

impl WatchedFigure {
    pub const ALL: [WatchedFigure; 2] = [WatchedFigure::Ttft, WatchedFigure::TokensPerSecond];

    /// The metric's name in JSON and gates.
    pub fn as_str(self) -> &'static str {
        match self {
            WatchedFigure::Ttft => "ttft",
            WatchedFigure::TokensPerSecond => "tps",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.as_str() == word)
    }
}

/// A moment that is known to lie between two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstimatedTime {
    pub at: DateTime<Utc>,
    pub earliest: DateTime<Utc>,
    pub latest: DateTime<Utc>,
}

impl EstimatedTime {
    /// True if both may be the same moment, or lie no further apart than `slack`.
    pub fn may_meet(&self, other: &Self, slack: TimeDelta) -> bool {
        self.earliest - slack <= other.latest && other.earliest - slack <= self.latest
    }
}

/// Changes that came at one time are estimated up to a block apart.
pub const SAME_TIME: TimeDelta = TimeDelta::hours(3);

/// What changed.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangedLevel {
    /// A figure moved.
    Figure {
        figure: WatchedFigure,
        /// The level before, in the figure's unit (seconds, tokens per second).
        before: f64,
        after: f64,
        /// The 95 % interval of after / before.
        ratio: Interval,
    },
    /// What the provider says of the model, or its answer to a fixed question, became another.
    Swap {
        /// The stored fact that changed, by the name of the row's field.
        fact: String,
        before: String,
        after: String,
    },
}

/// How far a change reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeScope {
    Model,
    Provider,
    /// Everything that one runner measures.
    Runner,
    /// The same series did not change as another runner sees it.
    Path,
}

/// Why a change came, as far as stored facts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeCause {
    /// The measuring host: its calibration or its lag moved.
    Client,
    /// The network: round trip time moved, or one runner alone sees it.
    Path,
    /// The provider's endpoint, model, quantization or fingerprint became another.
    ModelSwapped,
    /// Token counts or finish reasons moved.
    AnswersChanged,
    /// Errors rose or fell beside it.
    Errors,
    /// Everything that is stored beside it stayed.
    NothingElse,
    /// Too little is stored to say.
    Unknown,
}

/// Somebody has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub at: DateTime<Utc>,
    pub who: String,
    pub note: Option<String>,
}

/// An end that did not hold: the change is open again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeReturn {
    /// How often it came back, this time among them; never 0.
    pub times: u32,
    /// When it was found open again.
    pub at: DateTime<Utc>,
}

/// Days within which a way back ends a change. After that the new level is the usual one, and what comes is another change.
pub const REVERTS_WITHIN_DAYS: i64 = 28;

/// A change as stores keep it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChange {
    /// Stable from the moment the change was noticed: short, lower case hexadecimal.
    pub id: String,
    pub series: MeasuredSeries,
    pub level: ChangedLevel,
    pub began: EstimatedTime,
    /// End of the block of time that made it certain.
    pub noticed_at: DateTime<Utc>,
    /// When it went back: an incident that is over.
    pub ended: Option<EstimatedTime>,
    pub scope: ChangeScope,
    pub cause: ChangeCause,
    /// The cause in a sentence, with its figures.
    pub cause_line: String,
    pub acknowledged: Option<Acknowledgement>,
    /// The last time it was found open after it was over; stays when it ends again.
    pub returned: Option<ChangeReturn>,
    /// Whether another runner that measures the same sees it too; `None` where no other runner does, or nobody asked.
    pub confirmed: Option<bool>,
}

impl SeriesChange {
    /// True where it would be told of a provider though another runner measures the same and does not, or not yet, see it.
    pub fn is_unconfirmed(&self) -> bool {
        let of_provider = matches!(self.scope, ChangeScope::Model | ChangeScope::Provider);
        of_provider && self.confirmed == Some(false)
    }

    /// How often it came back.
    pub fn returns(&self) -> u32 {
        self.returned.map_or(0, |returned| returned.times)
    }

    /// True while it may end: it has not, and its level is not yet the usual one.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.ended.is_none() && now - self.began.at < TimeDelta::days(REVERTS_WITHIN_DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_lasts_is_open_for_four_weeks() {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let began = EstimatedTime { at, earliest: at, latest: at };
        let level =
            ChangedLevel::Swap { fact: "f".to_owned(), before: "a".to_owned(), after: "b".to_owned() };
        let series = MeasuredSeries {
            model: ModelRef::new("groq", "m"),
            runner: None,
            profile: None,
            connection: None,
        };
        let change = SeriesChange {
            id: "1".to_owned(),
            series,
            level,
            began,
            noticed_at: at,
            ended: None,
            scope: ChangeScope::Model,
            cause: ChangeCause::Unknown,
            cause_line: String::new(),
            acknowledged: None,
            returned: None,
            confirmed: None,
        };
        let open = |change: &SeriesChange, days: i64| change.is_open(at + TimeDelta::days(days));
        assert_eq!((open(&change, 27), open(&change, 28)), (true, false));
        assert!(!open(&SeriesChange { ended: Some(began), ..change }, 1));
    }
}

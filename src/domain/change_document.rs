//! A change of a series as JSON: what stores keep and programs read.

use super::ModelRef;
use super::interval::Interval;
use super::series_change::{
    Acknowledgement, ChangeCause, ChangeReturn, ChangeScope, ChangedLevel, EstimatedTime, MeasuredSeries,
    SeriesChange, WatchedFigure,
};
use super::timestamp::time;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The field that only an acknowledgement writes.
pub const ACKNOWLEDGED: &str = "acknowledged";

impl ChangeScope {
    pub const ALL: [ChangeScope; 4] =
        [ChangeScope::Model, ChangeScope::Provider, ChangeScope::Runner, ChangeScope::Path];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeScope::Model => "model",
            ChangeScope::Provider => "provider",
            ChangeScope::Runner => "runner",
            ChangeScope::Path => "path",
        }
    }
}

impl ChangeCause {
    pub const ALL: [ChangeCause; 7] = [
        ChangeCause::Client,
        ChangeCause::Path,
        ChangeCause::ModelSwapped,
        ChangeCause::AnswersChanged,
        ChangeCause::Errors,
        ChangeCause::NothingElse,
        ChangeCause::Unknown,
    ];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeCause::Client => "client",
            ChangeCause::Path => "path",
            ChangeCause::ModelSwapped => "model_swapped",
            ChangeCause::AnswersChanged => "answers_changed",
            ChangeCause::Errors => "errors",
            ChangeCause::NothingElse => "nothing_else",
            ChangeCause::Unknown => "unknown",
        }
    }
}

/// The fields of a change.
pub fn change_document(change: &SeriesChange) -> Map<String, Value> {
    let MeasuredSeries { model, runner, profile, connection } = &change.series;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("id", change.id.clone().into());
    put("provider", model.provider.clone().into());
    put("model", model.model_id.clone().into());
    put("runner", runner.clone().into());
    put("profile", profile.clone().into());
    put("connection", connection.clone().into());
    match &change.level {
        ChangedLevel::Figure { figure, before, after, ratio } => {
            put("kind", "figure".into());
            put("metric", figure.as_str().into());
            put("before", json!(before));
            put("after", json!(after));
            put("ratio", json!({"low": ratio.low, "point": after / before, "high": ratio.high}));
        }
        ChangedLevel::Swap { fact, before, after } => {
            put("kind", "swap".into());
            put("fact", fact.clone().into());
            put("before", before.clone().into());
            put("after", after.clone().into());
        }
    }
    put("began", estimated(&change.began));
    put("noticed_at", time(change.noticed_at).into());
    put("ended", change.ended.as_ref().map_or(Value::Null, estimated));
    put("scope", change.scope.as_str().into());
    put("cause", change.cause.as_str().into());
    put("cause_line", change.cause_line.clone().into());
    put(ACKNOWLEDGED, change.acknowledged.as_ref().map_or(Value::Null, acknowledgement));
    let returned = |one: &ChangeReturn| json!({"times": one.times, "at": time(one.at)});
    put("returned", change.returned.as_ref().map_or(Value::Null, returned));
    put("confirmed", change.confirmed.into());
    fields
}

fn estimated(moment: &EstimatedTime) -> Value {
    json!({"at": time(moment.at), "earliest": time(moment.earliest), "latest": time(moment.latest)})
}

/// An acknowledgement as its field holds it.
pub fn acknowledgement(seen: &Acknowledgement) -> Value {
    json!({"at": time(seen.at), "who": seen.who, "note": seen.note})
}

/// Reads a change; `None` if the document is none, or of a kind that this version does not know.
pub fn parse_change(fields: &Map<String, Value>) -> Option<SeriesChange> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let owned = |name: &str| text(name).map(str::to_owned);
    let word = |name: &str| text(name).unwrap_or_default();
    Some(SeriesChange {
        id: owned("id")?,
        series: MeasuredSeries {
            model: ModelRef::new(text("provider")?, text("model")?),
            runner: owned("runner"),
            profile: owned("profile"),
            connection: owned("connection"),
        },
        level: level(fields)?,
        began: estimated_of(fields.get("began")?)?,
        noticed_at: moment(fields.get("noticed_at")?)?,
        ended: fields.get("ended").and_then(estimated_of),
        scope: ChangeScope::ALL.into_iter().find(|one| one.as_str() == word("scope"))?,
        cause: ChangeCause::ALL
            .into_iter()
            .find(|one| one.as_str() == word("cause"))
            .unwrap_or(ChangeCause::Unknown),
        cause_line: owned("cause_line").unwrap_or_default(),
        acknowledged: fields.get(ACKNOWLEDGED).and_then(acknowledgement_of),
        returned: fields.get("returned").and_then(return_of),
        confirmed: fields.get("confirmed").and_then(Value::as_bool),
    })
}

fn level(fields: &Map<String, Value>) -> Option<ChangedLevel> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let number = |name: &str| fields.get(name).and_then(Value::as_f64);
    match text("kind")? {
        "figure" => {
            let bound = |name: &str| fields.get("ratio")?.get(name)?.as_f64();
            Some(ChangedLevel::Figure {
                figure: WatchedFigure::parse(text("metric")?)?,
                before: number("before")?,
                after: number("after")?,
                ratio: Interval { low: bound("low")?, high: bound("high")? },
            })
        }
        "swap" => Some(ChangedLevel::Swap {
            fact: text("fact")?.to_owned(),
            before: text("before")?.to_owned(),
            after: text("after")?.to_owned(),
        }),
        _ => None,
    }
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.to_utc())
}

fn estimated_of(value: &Value) -> Option<EstimatedTime> {
    let at = |name: &str| moment(value.get(name)?);
    Some(EstimatedTime { at: at("at")?, earliest: at("earliest")?, latest: at("latest")? })
}

fn acknowledgement_of(value: &Value) -> Option<Acknowledgement> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Acknowledgement { at: moment(value.get("at")?)?, who: text("who")?, note: text("note") })
}

fn return_of(value: &Value) -> Option<ChangeReturn> {
    let times = u32::try_from(value.get("times")?.as_u64()?).ok()?;
    (times > 0).then_some(ChangeReturn { times, at: moment(value.get("at")?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(level: ChangedLevel) -> SeriesChange {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let began = EstimatedTime {
            at: at("2026-11-24T14:00:00Z"),
            earliest: at("2026-11-24T09:00:00Z"),
            latest: at("2026-11-24T18:00:00Z"),
        };
        SeriesChange {
            id: "0123456789".to_owned(),
            series: MeasuredSeries {
                model: ModelRef::new("groq", "m"),
                runner: Some("tokyo".to_owned()),
                profile: None,
                connection: Some("cold".to_owned()),
            },
            level,
            began,
            noticed_at: at("2026-11-26T00:00:00Z"),
            ended: Some(began),
            scope: ChangeScope::Provider,
            cause: ChangeCause::NothingElse,
            cause_line: "Nothing else changed.".to_owned(),
            acknowledged: Some(Acknowledgement { at: began.at, who: "ann".to_owned(), note: None }),
            returned: Some(ChangeReturn { times: 2, at: at("2026-11-29T00:00:00Z") }),
            confirmed: Some(false),
        }
    }

    #[test]
    fn a_document_gives_its_change_back() {
        let figure = ChangedLevel::Figure {
            figure: WatchedFigure::Ttft,
            before: 0.4,
            after: 0.5,
            ratio: Interval { low: 1.13, high: 1.36 },
        };
        let swap = ChangedLevel::Swap {
            fact: "response_model".to_owned(),
            before: "a".to_owned(),
            after: "b".to_owned(),
        };
        for level in [figure, swap] {
            let change = change(level);
            assert_eq!(parse_change(&change_document(&change)), Some(change.clone()));
            let open =
                SeriesChange { ended: None, acknowledged: None, returned: None, confirmed: None, ..change };
            let mut older = change_document(&open);
            assert_eq!(parse_change(&older), Some(open.clone()));
            // Stores have changes that older versions wrote.
            ["returned", "confirmed"].into_iter().for_each(|name| drop(older.remove(name)));
            assert_eq!(parse_change(&older), Some(open));
        }
    }

    #[test]
    fn words_are_told_apart_and_other_documents_are_no_change() {
        let mut words: Vec<_> = ChangeCause::ALL.iter().map(|cause| cause.as_str()).collect();
        words.dedup();
        assert_eq!(words.len(), ChangeCause::ALL.len());
        assert_eq!(parse_change(&Map::new()), None);
        let mut newer = change_document(&change(ChangedLevel::Swap {
            fact: String::new(),
            before: String::new(),
            after: String::new(),
        }));
        newer.insert("cause".to_owned(), "moon".into());
        assert_eq!(parse_change(&newer).unwrap().cause, ChangeCause::Unknown);
        newer.insert("kind".to_owned(), "moon".into());
        assert_eq!(parse_change(&newer), None);
    }
}

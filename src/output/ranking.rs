//! A lane's place in the dashboard's ranking and what keeps it from the next one: a line for people, an object for
//! programs. Pure.

use super::text;
use crate::domain::publication::{LaneCoverage, LaneRanking, RankingPlace, Unnamed};
use serde_json::{Value, json};

/// The lane without its model, under the keys of `models show --json`.
pub fn json(lane: &LaneRanking) -> Value {
    let LaneCoverage { samples, span, dates, blocks } = lane.coverage;
    json!({
        "endpoint_tag": lane.endpoint_tag,
        "quantization": lane.quantization,
        "place": lane.place().map(RankingPlace::as_str),
        "samples": samples,
        "span_seconds": span.num_seconds(),
        "dates": dates,
        "blocks": blocks,
        "missing": lane.missing(),
    })
}

/// Endpoint, quantization, place and what is missing.
pub fn line(lane: &LaneRanking) -> String {
    let name = name(lane);
    let name = if name.is_empty() { name } else { format!("{name}: ") };
    let place = lane.place().map_or("no place yet", RankingPlace::as_str);
    let kept = kept_back(lane);
    if kept.is_empty() { format!("{name}{place}") } else { format!("{name}{place}; {kept}") }
}

/// Endpoint and quantization, as far as they are known.
pub fn name(lane: &LaneRanking) -> String {
    let words = [&lane.endpoint_tag, &lane.quantization].into_iter().flatten();
    words.map(|word| text::one_line(word)).collect::<Vec<_>>().join(" ")
}

/// What keeps it from the next place, with that place's name; empty if nothing does.
pub fn kept_back(lane: &LaneRanking) -> String {
    let missing = lane.missing();
    let next = lane.coverage.next().filter(|_| !missing.is_empty());
    let next = next.map_or_else(String::new, |next| format!("for {}: ", next.as_str()));
    format!("{next}{}", missing.join(", "))
}

/// The same in few words, for a column: `29/96 h, 3/5 dates`.
pub fn kept_back_shortly(lane: &LaneRanking) -> String {
    let next = lane.coverage.next();
    let shortfalls = next.map(|place| lane.coverage.shortfalls(place)).unwrap_or_default();
    let counts = shortfalls.iter().map(|short| format!("{}/{} {}", short.has, short.needs, short.short_unit));
    let unnamed = lane.unnamed().map(|unnamed| match unnamed {
        Unnamed::Endpoint => "no endpoint".to_owned(),
        Unnamed::Quantization => "no quantization".to_owned(),
    });
    counts.chain(unnamed).collect::<Vec<_>>().join(", ")
}

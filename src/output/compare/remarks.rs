//! What a reader of a comparison must know beside the table: failures, what was left out, and how long it takes to tell.

use super::{ComparedFigure, ComparisonReport, StratumReport};
use crate::measure::block_comparison::{BLOCKS_NEEDED, BlockLength, HoursOfDay};
use crate::output::view::ReportView;
use crate::output::{text, units};

/// The remarks, one sentence or two each, broken at the terminal's width.
pub fn lines(comparison: &ComparisonReport, view: &ReportView) -> Vec<String> {
    let remarks = [
        failures(comparison),
        hours(comparison),
        days(comparison),
        shortage(comparison),
        waiting(comparison),
    ];
    let strata = comparison.strata.iter().filter_map(left_out);
    remarks.into_iter().flatten().chain(strata).flat_map(|remark| view.wrap(&remark)).collect()
}

fn failures(comparison: &ComparisonReport) -> Option<String> {
    let [a, b] = comparison.failures.sides;
    let (share_a, share_b) = (a.share()?, b.share()?);
    let counts = format!(
        "Failed: A {} of {} ({}), B {} of {} ({})",
        a.failures,
        a.attempts,
        units::share(share_a),
        b.failures,
        b.attempts,
        units::share(share_b)
    );
    Some(match comparison.failures.more_at_b() {
        Some(more_at_b) => {
            let name = if more_at_b { "B" } else { "A" };
            format!("{counts}. {name} fails more often, and the figures are of the answers that came.")
        }
        None => format!("{counts}."),
    })
}

fn hours(comparison: &ComparisonReport) -> Option<String> {
    let most = |side: usize| {
        let left_out = comparison.figures.iter().map(|judged| judged.answer.sides[side].other_hours);
        left_out.max().unwrap_or(0)
    };
    let is = |hours| comparison.figures.iter().any(|judged| judged.answer.hours == hours);
    if is(HoursOfDay::Apart) {
        return Some(
            "The sides have no hours of the day in common, so these are not matched: speed changes over the day, and \
             a difference may be that of the hours."
                .to_owned(),
        );
    }
    is(HoursOfDay::Matched).then(|| {
        format!(
            "Only hours of the day that both sides have are compared: {} runs of A and {} of B are left out.",
            most(0),
            most(1)
        )
    })
}

/// What an answer from blocks of 3 hours cannot know.
fn days(comparison: &ComparisonReport) -> Option<String> {
    let short = |judged: &ComparedFigure| {
        judged.real == Some(true) && judged.answer.length == BlockLength::ThreeHours
    };
    comparison.figures.iter().any(short).then(|| {
        "Fewer than three days do not tell how days differ: the difference may be that of these days."
            .to_owned()
    })
}

/// Why figures have no answer, and how long it would take; `None` where all have one.
pub fn shortage(comparison: &ComparisonReport) -> Option<String> {
    let judged = comparison.figures.iter().filter(|judged| judged.real.is_none());
    let judged =
        judged.max_by_key(|judged| judged.answer.sides.map(|side| side.blocks).iter().sum::<usize>())?;
    let [a, b] = judged.answer.sides.map(|side| side.blocks);
    if a + b == 0 {
        return Some(nothing_common(comparison));
    }
    let length = judged.answer.length;
    let mut words = format!(
        "Too short: A has {} and B has {}; an answer needs {BLOCKS_NEEDED} of a model on either side, that is {}.",
        blocks(a, length),
        blocks(b, length),
        period(BLOCKS_NEEDED as u32 * length.hours())
    );
    if judged.answer.noise.is_some() {
        words.push(' ');
        words.push_str(&takes("At", judged, comparison));
    }
    Some(words)
}

fn nothing_common(comparison: &ComparisonReport) -> String {
    let lacking = |judged: &&ComparedFigure| judged.real.is_none();
    let titles: Vec<&str> =
        comparison.figures.iter().filter(lacking).map(|judged| judged.figure.title).collect();
    let figures = if titles.len() == comparison.figures.len() {
        String::new()
    } else {
        format!(" with {}", titles.join(", "))
    };
    format!("No model has runs of both sides{figures} under the same circumstances.")
}

/// A number of blocks: `7 days`, `1 block of 3 hours`.
pub(super) fn blocks(count: usize, length: BlockLength) -> String {
    match length {
        BlockLength::Day => units::counted(count as u64, "day"),
        BlockLength::ThreeHours => format!("{} of 3 hours", units::counted(count as u64, "block")),
    }
}

/// How long it takes to find a difference where none was found yet.
fn waiting(comparison: &ComparisonReport) -> Option<String> {
    let unfinished = |judged: &&ComparedFigure| {
        let blocks = judged.answer.sides.map(|side| side.blocks).into_iter().min().unwrap_or(0);
        let had = blocks as u32 * judged.answer.length.hours();
        judged.real == Some(false) && judged.hours_to_decide.is_none_or(|hours| hours > had)
    };
    // Nothing stands for longer than any number of hours.
    let longest = |judged: &&ComparedFigure| judged.hours_to_decide.unwrap_or(u32::MAX);
    let judged = comparison.figures.iter().filter(unfinished).max_by_key(longest)?;
    Some(takes(&format!("For {}, at", judged.figure.title), judged, comparison))
}

fn takes(opening: &str, judged: &ComparedFigure, comparison: &ComparisonReport) -> String {
    let difference = units::share(comparison.asked.decided_difference);
    match judged.hours_to_decide {
        Some(hours) => format!(
            "{opening} the present noise it takes about {} on either side to find a difference of {difference}.",
            period(hours)
        ),
        None => {
            format!("{opening} the present noise a difference of {difference} is not found within ten years.")
        }
    }
}

/// Hours below two days, else days, rounded up.
fn period(hours: u32) -> String {
    if hours < 48 {
        units::counted(hours.into(), "hour")
    } else {
        units::counted(hours.div_ceil(24).into(), "day")
    }
}

/// A stratum that only one side has.
fn left_out(one: &StratumReport) -> Option<String> {
    if one.compared {
        return None;
    }
    let stratum = &one.stratum;
    let named = |what: &str, name: &Option<String>| {
        name.as_ref().map_or_else(|| format!("no {what}"), |name| format!("{what} {}", text::escape(name)))
    };
    let circumstances = format!(
        "{}, {}, {}",
        named("runner", &stratum.runner),
        named("profile", &stratum.profile),
        stratum.connection.as_deref().map_or_else(|| "no connection".to_owned(), text::escape)
    );
    Some(match one.runs {
        [a, 0] => format!("Only A has runs of {circumstances}: its {a} are not compared."),
        [0, b] => format!("Only B has runs of {circumstances}: its {b} are not compared."),
        [a, b] => format!(
            "No model has runs of both sides of {circumstances}: {a} of A and {b} of B are not compared."
        ),
    })
}

//! Badges: one figure of one model as a small SVG file, for other people's pages. The same figure gives the same bytes.

use super::xml::xml_text;
use crate::output::{text as words, units};
use maud::{Markup, PreEscaped, Render, html};

/// A label and a value beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    pub label: String,
    pub value: String,
    /// Both in a sentence with the model's name, for who cannot see the badge.
    pub title: String,
    pub tone: BadgeTone,
}

/// The colour behind the value. A speed is neither good nor bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadgeTone {
    Figure,
    Good,
    Middling,
    Bad,
    Unknown,
}

impl BadgeTone {
    /// White text on each of them has a contrast of more than 4.5.
    fn color(self) -> &'static str {
        match self {
            BadgeTone::Figure => "#1b5c9a",
            BadgeTone::Good => "#1d6f3a",
            BadgeTone::Middling => "#8a5a00",
            BadgeTone::Bad => "#a32820",
            BadgeTone::Unknown => "#5b626c",
        }
    }
}

/// From these shares of answered requests upwards, availability is good or middling.
const GOOD: f64 = 0.99;
const MIDDLING: f64 = 0.95;

const HEIGHT: u32 = 20;
/// Width of a column of text, and the room at both ends of a part.
const COLUMN: u32 = 7;
const ROOM: u32 = 6;

impl Badge {
    /// The median of the time to first token, in seconds.
    pub fn ttft(model: &str, median: Option<f64>) -> Self {
        Self::figure(model, "TTFT", median.map(|value| units::seconds(value, true)))
    }

    /// The median rate.
    pub fn tokens_per_second(model: &str, median: Option<f64>) -> Self {
        Self::figure(model, "tokens/s", median.map(units::rate))
    }

    /// Answered requests among all; those that the measuring side failed are in neither.
    pub fn availability(model: &str, answered: u64, requests: u64) -> Self {
        if requests == 0 {
            return Self::figure(model, "availability", None);
        }
        let share = answered.min(requests) as f64 / requests as f64;
        let tone = match share {
            share if share >= GOOD => BadgeTone::Good,
            share if share >= MIDDLING => BadgeTone::Middling,
            _ => BadgeTone::Bad,
        };
        // Rounded down: one failure among many is not 100 %.
        let value = units::share((share * 1e3).floor() / 1e3);
        Self { tone, ..Self::figure(model, "availability", Some(value)) }
    }

    fn figure(model: &str, label: &str, value: Option<String>) -> Self {
        let tone = if value.is_some() { BadgeTone::Figure } else { BadgeTone::Unknown };
        let value = value.unwrap_or_else(|| "no data".to_owned());
        Self { title: format!("{model}: {label} {value}"), label: label.to_owned(), value, tone }
    }
}

impl Render for Badge {
    /// The whole file.
    fn render(&self) -> Markup {
        let (label, value) = (xml_text(&self.label), xml_text(&self.value));
        let widths = [part_width(&label), part_width(&value)];
        let width = widths[0] + widths[1];
        let part = |left: u32, width: u32, color: &str, text: &str| {
            html! {
                rect x=(left) width=(width) height=(HEIGHT) fill=(color) {}
                text x=(left + width / 2) y="14" text-anchor="middle" textLength=(width - 2 * ROOM)
                    lengthAdjust="spacingAndGlyphs" { (text) }
            }
        };
        let drawing = html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(HEIGHT) viewBox=(format!("0 0 {width} {HEIGHT}"))
                role="img" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" {
                title { (xml_text(&self.title)) }
                (part(0, widths[0], "#3f454d", &label))
                (part(widths[0], widths[1], self.tone.color(), &value))
            }
        };
        PreEscaped(drawing.0 + "\n")
    }
}

fn part_width(text: &str) -> u32 {
    u32::try_from(words::width(text)).unwrap_or(u32::MAX / 32).clamp(1, 200) * COLUMN + 2 * ROOM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup_check::elements;
    use proptest::prelude::*;

    #[test]
    fn a_badge_says_what_of_whom_with_its_unit() {
        let badge = Badge::ttft("acme/fast-1", Some(0.214));
        let found = elements(&badge.render().0);
        assert_eq!(found[1].text, "acme/fast-1: TTFT 214 ms");
        assert_eq!(found[0].attributes["viewBox"], "0 0 94 20");
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../tests/snapshots" }, {
            insta::assert_snapshot!("badge_ttft", badge.render().0);
        });
        assert_eq!(Badge::tokens_per_second("a", Some(38.42)).value, "38.4 tok/s");
        assert_eq!(Badge::ttft("a", None).value, "no data");
    }

    #[test]
    fn availability_is_rounded_down_and_has_a_tone() {
        let shown = |answered, requests| {
            let badge = Badge::availability("a", answered, requests);
            (badge.value, badge.tone)
        };
        assert_eq!(shown(5000, 5000), ("100 %".to_owned(), BadgeTone::Good));
        assert_eq!(shown(99_999, 100_000), ("99.9 %".to_owned(), BadgeTone::Good));
        assert_eq!(shown(97, 100), ("97 %".to_owned(), BadgeTone::Middling));
        assert_eq!(shown(0, 4), ("0 %".to_owned(), BadgeTone::Bad));
        assert_eq!(shown(0, 0), ("no data".to_owned(), BadgeTone::Unknown));
    }

    proptest! {
        #[test]
        fn any_name_gives_a_file(model in "\\PC{0,90}", median in prop::num::f64::ANY) {
            let badge = Badge::ttft(&model, Some(median).filter(|value| value.is_finite()));
            elements(&badge.render().0);
        }
    }
}

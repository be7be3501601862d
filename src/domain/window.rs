//! Parses moments and windows of time as users write them. Pure: the current time and its zone are parameters.

use super::clock_skew;
use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

/// A period of time. An open end also includes rows dated in the future: the Python runner wrote local time labelled
/// UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Start, inclusive.
    pub from: Option<DateTime<Utc>>,
    /// End, exclusive.
    pub to: Option<DateTime<Utc>>,
}

/// The default length of a window.
pub const DAY: Duration = Duration::hours(24);

/// The forms that [`moment`] accepts, for its errors and `--help`.
pub const FORMS: &str =
    "write 24h, 7d, 2w, today, yesterday, 2026-11-01, '2026-11-01 13:00' or 2026-11-01T13:00:00Z";

impl Window {
    /// The window from one text to another, each in a form that [`moment`] accepts. Without a start it is `length`
    /// long; without an end it is open.
    ///
    /// # Errors
    /// One sentence: a text is no moment, or a window ends before it begins.
    pub fn parse<Tz: TimeZone>(
        from: Option<&str>,
        to: Option<&str>,
        length: Option<Duration>,
        now: &DateTime<Tz>,
    ) -> Result<Self, String> {
        let to = to.map(|text| moment(text, now)).transpose()?;
        let present = now.to_utc();
        let from = match from {
            Some(text) => Some(moment(text, now)?),
            None => length.and_then(|length| to.unwrap_or(present).checked_sub_signed(length)),
        };
        match (from, to) {
            (Some(from), Some(to)) if to <= from => {
                Err(format!("the window ends ({}) before it begins ({})", shown(to), shown(from)))
            }
            (Some(from), None) if from > present => {
                Err(format!("the window begins in the future ({})", shown(from)))
            }
            _ => Ok(Self { from, to }),
        }
    }
}

fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A duration in the most readable unit: `40 s`, `3 min`, `5 h`, `12 d`. A negative duration counts as zero.
pub fn span(length: Duration) -> String {
    let seconds = length.num_seconds().max(0);
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min", seconds / 60),
        6000..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The time since a moment: `40 s ago`, `3 min ago`, `5 h ago`, `12 d ago`. A moment in the future is marked as such.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if clock_skew::is_ahead(at, now) {
        format!("dated {} ahead", span(at - now))
    } else {
        format!("{} ago", span(now - at))
    }
}

/// Parses a moment: a time ago (`90s`, `30m`, `24h`, `7d`, `2w`), `now`, `today` or `yesterday` (their first moment),
/// a date (its first moment), a date and time, or RFC 3339. Without an offset, the zone of `now` applies.
///
/// # Errors
/// One sentence with the accepted forms.
pub fn moment<Tz: TimeZone>(text: &str, now: &DateTime<Tz>) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    let today = now.naive_local().date();
    let found = match text.to_ascii_lowercase().as_str() {
        "now" => Some(now.to_utc()),
        "today" => midnight(today, now),
        "yesterday" => today.pred_opt().and_then(|date| midnight(date, now)),
        lower => long_ago(lower, now).or_else(|| calendar(text, now)),
    };
    found.ok_or_else(|| format!("`{}` is no time: {FORMS}", text.escape_debug()))
}

fn long_ago<Tz: TimeZone>(text: &str, now: &DateTime<Tz>) -> Option<DateTime<Utc>> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - unit.len_utf8()];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length = Duration::try_seconds(number.parse::<i64>().ok()?.checked_mul(seconds)?)?;
    now.to_utc().checked_sub_signed(length)
}

fn calendar<Tz: TimeZone>(text: &str, now: &DateTime<Tz>) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return midnight(date, now);
    }
    let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).and_then(|at| local(at, now))
}

fn midnight<Tz: TimeZone>(date: NaiveDate, now: &DateTime<Tz>) -> Option<DateTime<Utc>> {
    local(date.and_time(NaiveTime::MIN), now)
}

/// Local time to an instant: an ambiguous time is the first of the two; a skipped one is the moment after the gap.
fn local<Tz: TimeZone>(at: NaiveDateTime, now: &DateTime<Tz>) -> Option<DateTime<Utc>> {
    match now.timezone().from_local_datetime(&at) {
        LocalResult::Single(found) | LocalResult::Ambiguous(found, _) => Some(found.to_utc()),
        LocalResult::None => {
            let later = at.checked_add_signed(Duration::hours(1))?;
            now.timezone().from_local_datetime(&later).earliest().map(|found| found.to_utc())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;
    use proptest::prelude::*;

    fn now() -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339("2026-11-02T01:30:00+02:00").unwrap()
    }

    fn read(text: &str) -> String {
        moment(text, &now()).map_or_else(|error| error, |at| at.to_rfc3339())
    }

    #[test]
    fn what_is_dated_ahead_is_not_called_a_moment_ago() {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let told = |seconds| super::ago(now - Duration::seconds(seconds), now);
        assert_eq!([told(40), told(0), told(-60)], ["40 s ago", "0 s ago", "0 s ago"]);
        assert_eq!([told(-61), told(-7200)], ["dated 61 s ahead", "dated 2 h ahead"]);
    }

    #[test]
    fn people_write_moments_in_many_ways() {
        for (text, meant) in [
            ("24h", "2026-10-31T23:30:00+00:00"),
            ("7d", "2026-10-25T23:30:00+00:00"),
            ("2W", "2026-10-18T23:30:00+00:00"),
            ("90s", "2026-11-01T23:28:30+00:00"),
            (" now ", "2026-11-01T23:30:00+00:00"),
            ("Today", "2026-11-01T22:00:00+00:00"),
            ("yesterday", "2026-10-31T22:00:00+00:00"),
            ("2026-11-01", "2026-10-31T22:00:00+00:00"),
            ("2026-11-01 13:00", "2026-11-01T11:00:00+00:00"),
            ("2026-11-01T13:00:05", "2026-11-01T11:00:05+00:00"),
            ("2026-11-01T13:00:00Z", "2026-11-01T13:00:00+00:00"),
            ("2026-11-01T13:00:00+05:30", "2026-11-01T07:30:00+00:00"),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }

    #[test]
    fn nonsense_names_the_forms() {
        for text in
            ["", "h", "-3h", "1.5d", "tomorrowish", "2026-13-01", "99999999999999d", "24 h", "٣h", "1\u{1b}h"]
        {
            let said = read(text);
            assert!(said.contains("is no time: write 24h") && !said.contains('\u{1b}'), "{text}: {said}");
        }
    }

    #[test]
    fn a_window_runs_forward() {
        let window = |from, to| Window::parse(from, to, Some(DAY), &now());
        let day = window(None, None).unwrap();
        assert_eq!((day.from, day.to), (moment("24h", &now()).ok(), None));
        let before = window(None, Some("2026-10-10")).unwrap();
        assert_eq!(before.from, before.to.map(|to| to - DAY));
        assert!(window(Some("2026-10-10"), Some("2026-10-09")).unwrap_err().contains("before it begins"));
        assert!(window(Some("2026-10-10"), Some("2026-10-10")).is_err());
        assert!(window(Some("2027-01-01"), None).unwrap_err().contains("in the future"));
        assert_eq!(Window::parse(None, None, None, &now()), Ok(Window::default()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,30}", number in any::<u64>(), unit in "[smhdw]") {
            let _ = moment(&text, &now());
            let _ = moment(&format!("{number}{unit}"), &now());
            let _ = Window::parse(Some(&text), Some(&format!("{number}{unit}")), Some(DAY), &now());
        }

        #[test]
        fn every_date_is_read_or_refused(year in -300_000i32..300_000, month in 0u32..15, day in 0u32..35) {
            let _ = moment(&format!("{year}-{month:02}-{day:02} 12:00"), &now());
            let _ = moment(&format!("{year}-{month:02}-{day:02}"), &now());
        }
    }
}

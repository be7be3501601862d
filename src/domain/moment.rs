//! Moments as people write them: `24h`, `7d`, `yesterday`, `2026-11-01`. Pure: the present and the time zone are given.

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};

const FORMS: &str = "write 90m, 24h, 7d, 2w, today, yesterday, 2026-11-01 or 2026-11-01T08:00";

/// Reads a moment: so long before `now`, or a day or time in `zone` unless it names an offset itself.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn parse(text: &str, now: DateTime<Utc>, zone: FixedOffset) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    let today = now.with_timezone(&zone).date_naive();
    let found = match text.to_ascii_lowercase().as_str() {
        "now" => Some(now),
        "today" => midnight(today, zone),
        "yesterday" => today.checked_sub_days(Days::new(1)).and_then(|day| midnight(day, zone)),
        _ => ago(text, now).or_else(|| absolute(text, zone)),
    };
    found.ok_or_else(|| format!("`{}` is no moment: {FORMS}", text.escape_debug()))
}

fn midnight(day: NaiveDate, zone: FixedOffset) -> Option<DateTime<Utc>> {
    local(day.and_hms_opt(0, 0, 0)?, zone)
}

fn local(time: NaiveDateTime, zone: FixedOffset) -> Option<DateTime<Utc>> {
    zone.from_local_datetime(&time).single().map(|time| time.to_utc())
}

/// `24h` and its like.
fn ago(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let digits = text.find(|ch: char| !ch.is_ascii_digit())?;
    let number: i64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    now.checked_sub_signed(TimeDelta::try_seconds(number.checked_mul(unit)?)?)
}

fn absolute(text: &str, zone: FixedOffset) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return midnight(day, zone);
    }
    let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    local(time, zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Result<String, String> {
        let now = DateTime::parse_from_rfc3339("2026-11-23T01:30:00Z").unwrap().to_utc();
        let zone = FixedOffset::east_opt(2 * 3600).unwrap();
        parse(text, now, zone).map(|moment| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    #[test]
    fn every_human_form() {
        for (text, moment) in [
            ("24h", "2026-11-22T01:30:00Z"),
            ("7d", "2026-11-16T01:30:00Z"),
            ("2w", "2026-11-09T01:30:00Z"),
            ("90m", "2026-11-23T00:00:00Z"),
            (" today ", "2026-11-22T22:00:00Z"),
            ("Yesterday", "2026-11-21T22:00:00Z"),
            ("2026-11-01", "2026-10-31T22:00:00Z"),
            ("2026-11-01T08:00", "2026-11-01T06:00:00Z"),
            ("2026-11-01 08:00:30", "2026-11-01T06:00:30Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(moment), "{text}");
        }
    }

    #[test]
    fn nonsense_is_answered_with_the_forms() {
        for text in
            ["", "soon", "h", "24", "24x", "-3d", "2026-13-01", "99999999999999999999d", "9999999999999d"]
        {
            assert!(at(text).unwrap_err().contains("write 90m, 24h"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = at(&text);
        }
    }
}

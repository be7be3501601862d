//! Parses values of the command line, such as durations and shares. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use std::time::Duration;

/// `500ms`, `30s`, `2m`, `1h`, or a plain number of seconds.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits_end = text.find(|ch: char| !ch.is_ascii_digit() && ch != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(FORMS.to_owned()),
    };
    let seconds = number.parse::<f64>().map_err(|_| FORMS.to_owned())? * factor;
    if seconds > 0.0 && seconds <= 365.0 * 86_400.0 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("must be more than nothing and at most a year; {FORMS}"))
    }
}

/// `7d`, `2w` or `96h`: three days or more, at most a year.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn baseline(text: &str) -> Result<Duration, String> {
    const FORMS: &str = "write 7d, 2w or 96h";
    let digits_end = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err(FORMS.to_owned()),
    };
    let hours = number.parse::<u64>().ok().and_then(|number| number.checked_mul(hours));
    match hours.ok_or_else(|| FORMS.to_owned())? {
        hours @ 72..=8_760 => Ok(Duration::from_secs(hours * 3600)),
        0..72 => Err("fewer than 3 days do not tell how much days differ".to_owned()),
        _ => Err(format!("must be at most a year; {FORMS}")),
    }
}

const FORMS: &str = "write 500ms, 30s, 2m or 1h";

/// `5%` or `0.05`; 0 to 1 as a share.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().map_err(|_| "write 5% or 0.05".to_owned())? / scale;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must lie between 0% and 100%".to_owned()) }
}

/// A key of a model across providers: lower-case letters, digits, `.`, `-` and `_`, at most 128.
///
/// # Errors
/// A sentence with the accepted characters.
pub fn canonical_key(text: &str) -> Result<String, String> {
    let may_be = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ".-_".contains(ch);
    let begins = text.starts_with(|ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit());
    if begins && text.len() <= 128 && text.chars().all(may_be) && !text.contains("..") {
        Ok(text.to_owned())
    } else {
        Err("write lower-case letters, digits, `.`, `-` and `_`, such as llama-3.3-70b".to_owned())
    }
}

/// A confidence: a share from 0.5 to 0.9999.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn confidence(text: &str) -> Result<f64, String> {
    let sure = share(text).map_err(|_| "write 95% or 0.95".to_owned())?;
    if (0.5..=0.9999).contains(&sure) { Ok(sure) } else { Err("must lie between 50% and 99.99%".to_owned()) }
}

/// An integer of 1 or more.
///
/// # Errors
/// A sentence, which names the largest number that `N` holds if that is exceeded.
pub fn at_least_one<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let number = text.parse::<u64>().ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| "must be a whole number of 1 or more".to_owned())?;
    N::try_from(number).map_err(|_| "is too large".to_owned())
}

/// A number above 0.
///
/// # Errors
/// A sentence for the user.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}

/// A sampling temperature, 0 to 2.
///
/// # Errors
/// A sentence for the user.
pub fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=2.0).contains(&number) => Ok(number),
        _ => Err("must be a number from 0 to 2".to_owned()),
    }
}

/// A day (`2026-12-01`, its beginning in UTC) or an instant in RFC 3339 (`2026-12-01T09:00:00Z`).
///
/// # Errors
/// A sentence with the accepted forms.
pub fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    let start = day.ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    start.map(|start| start.and_utc()).ok_or_else(|| "write 2026-12-01 or 2026-12-01T09:00:00Z".to_owned())
}

/// A word that groups reasons: small letters, digits and underscores, such as `hard_model`.
///
/// # Errors
/// A sentence for the user.
pub fn class(text: &str) -> Result<String, String> {
    let fits = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '_';
    if !text.is_empty() && text.len() <= 40 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("write a word of small letters, digits and underscores, such as hard_model".to_owned())
    }
}

/// A text that is not empty.
///
/// # Errors
/// A sentence for the user.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why in a few words".to_owned()) } else { Ok(text.to_owned()) }
}

/// A name that people can read: some text, on one line.
///
/// # Errors
/// A sentence for the user.
pub fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("write a name of one line".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_no_count() {
        assert_eq!((at_least_one::<u64>("1"), at_least_one::<u16>("65535")), (Ok(1), Ok(65535)));
        for wrong in ["0", "-1", "1.5", "many", ""] {
            let said = at_least_one::<u64>(wrong).unwrap_err();
            assert_eq!(said, "must be a whole number of 1 or more", "{wrong}");
        }
        assert_eq!(at_least_one::<u16>("65536").unwrap_err(), "is too large");
    }

    #[test]
    fn people_write_durations_in_many_ways() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        for wrong in ["", "0s", "-1s", "5 parsecs", "1e9h", "nan", "99999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_are_percent_or_fraction() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("120%").is_err());
        assert!(share("5").is_err());
        assert_eq!(confidence("99%"), Ok(0.99));
        for wrong in ["100%", "0.4", "95", "sure"] {
            assert!(confidence(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_begin_in_utc() {
        assert_eq!(instant("2026-12-01").unwrap().to_rfc3339(), "2026-12-01T00:00:00+00:00");
        assert_eq!(instant("2026-12-01T01:00:00+01:00"), instant("2026-12-01"));
        for wrong in ["", "tomorrow", "2026-13-01", "2026-02-30", "01.12.2026"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reasons_say_something_and_classes_are_words() {
        assert_eq!(reason(" gone "), Ok("gone".to_owned()));
        assert!(reason(" ").is_err());
        assert_eq!(class("hard_model"), Ok("hard_model".to_owned()));
        for wrong in ["", "Hard", "a b", "a-b"] {
            assert!(class(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = (instant(&text), class(&text), reason(&text));
            let _ = (duration(&text), share(&text), positive(&text), temperature(&text));
        }
    }
}

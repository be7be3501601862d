//! How people write durations and shares on the command line. Pure.

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

/// A number above 0.
///
/// # Errors
/// A sentence.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}

/// A sampling temperature, 0 to 2.
///
/// # Errors
/// A sentence.
pub fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=2.0).contains(&number) => Ok(number),
        _ => Err("must be a number from 0 to 2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = (duration(&text), share(&text), positive(&text), temperature(&text));
        }
    }
}

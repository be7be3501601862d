//! Reads the wait that an answer asks for. Headers come from outside: past dates,
//! negative and absurd numbers all occur.

use chrono::{DateTime, Utc};

/// The longest accepted wait, seconds.
pub const LONGEST: f64 = 3600.0;

/// Seconds to wait, 0 to [`LONGEST`]; `None` if the headers name no wait. `retry-after-ms` wins over `retry-after`,
/// as in the SDKs of OpenAI and Anthropic; `retry-after` is seconds (a fraction is allowed) or an HTTP date.
/// `x-should-retry` is ignored: the kind of a failure decides whether it is retried. Header names in lower case.
pub fn seconds(headers: &[(String, String)], now: DateTime<Utc>) -> Option<f64> {
    let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
    let milliseconds = value("retry-after-ms").and_then(number).map(|wait| wait / 1000.0);
    let wait = milliseconds
        .or_else(|| value("retry-after").and_then(|text| number(text).or_else(|| until(text, now))))?;
    Some(wait.clamp(0.0, LONGEST))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|wait: &f64| wait.is_finite())
}

fn until(text: &str, now: DateTime<Utc>) -> Option<f64> {
    let date = DateTime::<Utc>::from(httpdate::parse_http_date(text).ok()?);
    Some((date - now).num_milliseconds() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap()
    }

    fn parse(pairs: &[(&str, &str)]) -> Option<f64> {
        let headers: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        seconds(&headers, now())
    }

    #[test]
    fn every_form() {
        let cases = [
            ("12", Some(12.0)),
            (" 1.5 ", Some(1.5)),
            ("0", Some(0.0)),
            ("-7", Some(0.0)),
            ("1e9", Some(3600.0)),
            ("99999999999999999999", Some(3600.0)),
            ("Mon, 23 Nov 2026 10:00:30 GMT", Some(30.0)),
            ("Monday, 23-Nov-26 10:00:30 GMT", Some(30.0)),
            ("Sun, 22 Nov 2026 10:00:00 GMT", Some(0.0)),
            ("Mon, 23 Nov 2093 10:00:00 GMT", Some(3600.0)),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(&[("retry-after", text)]), expected, "{text}");
        }
    }

    #[test]
    fn milliseconds_win_where_they_are_a_number() {
        assert_eq!(parse(&[("retry-after", "9"), ("retry-after-ms", "250")]), Some(0.25));
        assert_eq!(parse(&[("retry-after", "9"), ("retry-after-ms", "x")]), Some(9.0));
        assert_eq!(parse(&[("x-should-retry", "true")]), None);
    }

    proptest! {
        #[test]
        fn always_within_bounds(text in ".*", milliseconds in proptest::option::of(".*")) {
            let mut headers = vec![("retry-after".to_owned(), text)];
            headers.extend(milliseconds.map(|value| ("retry-after-ms".to_owned(), value)));
            let wait = seconds(&headers, now());
            prop_assert!(wait.is_none_or(|wait| (0.0..=LONGEST).contains(&wait)));
        }

        #[test]
        fn every_number_is_understood(number in proptest::num::f64::NORMAL) {
            let headers = [("retry-after".to_owned(), number.to_string())];
            prop_assert_eq!(seconds(&headers, now()), Some(number.clamp(0.0, LONGEST)));
        }
    }
}

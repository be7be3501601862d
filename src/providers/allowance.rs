//! Reads the remaining rate limits from an answer's headers: `x-ratelimit-remaining-requests`,
//! `anthropic-ratelimit-tokens-remaining` and similar ones. Headers come from outside: an incomplete
//! or nonsensical limit is skipped. Pure.

use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The longest accepted time until a reset, seconds.
pub const LONGEST: f64 = 3600.0;

/// The remainder of one limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowance {
    /// The provider's name for the limited resource: `requests`, `tokens`, `requests-day`.
    /// At most 30 letters, digits, dashes.
    pub what: String,
    /// The remaining amount.
    pub left: u64,
    /// The limit, at least 1.
    pub of: u64,
    /// Seconds until the limit resets, 0 to [`LONGEST`].
    pub resets_in: f64,
}

impl Allowance {
    /// The remaining share, 0 to 1.
    pub fn share(&self) -> f64 {
        (self.left as f64 / self.of as f64).min(1.0)
    }
}

/// The three facts that headers give about one limit.
#[derive(Default)]
struct LimitHeaders {
    limit: Option<u64>,
    remaining: Option<u64>,
    resets_in: Option<f64>,
}

/// The limit with the smallest remaining share; `None` if headers name no limit. Header names in lower case.
pub fn tightest(headers: &[(String, String)], now: DateTime<Utc>) -> Option<Allowance> {
    let mut limits: BTreeMap<&str, LimitHeaders> = BTreeMap::new();
    for (name, value) in headers {
        let Some((fact, what)) = fact_of(name) else { continue };
        let facts = limits.entry(what).or_default();
        let value = value.trim();
        match fact {
            "limit" => facts.limit = number(value),
            "remaining" => facts.remaining = number(value),
            _ => facts.resets_in = until(value, now),
        }
    }
    let allowance = |(what, facts): (&str, LimitHeaders)| {
        let LimitHeaders { limit: Some(of @ 1..), remaining: Some(left), resets_in: Some(resets_in) } = facts
        else {
            return None;
        };
        Some(Allowance { what: what.to_owned(), left, of, resets_in })
    };
    limits
        .into_iter()
        .filter_map(allowance)
        .min_by(|one, other| one.share().total_cmp(&other.share()).then(one.left.cmp(&other.left)))
}

/// The fact and the limit that a header names: `x-ratelimit-remaining-tokens` is (`remaining`, `tokens`).
fn fact_of(name: &str) -> Option<(&str, &str)> {
    const FACTS: [&str; 3] = ["limit", "remaining", "reset"];
    let (fact, what) = if let Some(rest) = name.strip_prefix("x-ratelimit-") {
        rest.split_once('-').unwrap_or((rest, "requests"))
    } else {
        let (what, fact) = name.strip_prefix("anthropic-ratelimit-")?.rsplit_once('-')?;
        (fact, what)
    };
    let plain = what.len() <= 30 && what.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (FACTS.contains(&fact) && plain && !what.is_empty()).then_some((fact, what))
}

/// A whole number, or the whole part of one with decimals.
fn number(text: &str) -> Option<u64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}

/// Seconds until a reset: a time span as Go writes it (`6m0s`, `120ms`), seconds, seconds or
/// milliseconds since 1970, or a date.
fn until(text: &str, now: DateTime<Utc>) -> Option<f64> {
    /// Larger numbers of seconds are moments: 1e9 is 2001 in seconds since 1970, and milliseconds are larger still.
    const MOMENT: f64 = 1e9;
    let since_1970 = |seconds: f64| seconds - now.timestamp_millis() as f64 / 1000.0;
    let seconds = match text.parse::<f64>() {
        Ok(number) if !number.is_finite() => return None,
        Ok(number) if number >= MOMENT * 1000.0 => since_1970(number / 1000.0),
        Ok(number) if number >= MOMENT => since_1970(number),
        Ok(number) => number,
        Err(_) => span(text).or_else(|| {
            let at = DateTime::parse_from_rfc3339(text).ok()?;
            Some((at.with_timezone(&Utc) - now).num_milliseconds() as f64 / 1000.0)
        })?,
    };
    Some(seconds.clamp(0.0, LONGEST))
}

/// A time span as Go writes it, seconds.
fn span(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] =
        [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|ch: char| !ch.is_ascii_digit() && ch != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let (unit, factor) = UNITS.iter().find(|(unit, _)| rest[end..].starts_with(unit))?;
        seconds += number * factor;
        rest = &rest[end + unit.len()..];
    }
    (!text.is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap()
    }

    fn read(pairs: &[(&str, &str)]) -> Option<Allowance> {
        let headers: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        tightest(&headers, now())
    }

    fn allowance(what: &str, left: u64, of: u64, resets_in: f64) -> Option<Allowance> {
        Some(Allowance { what: what.to_owned(), left, of, resets_in })
    }

    #[test]
    fn the_tightest_of_several_limits_counts() {
        let openai = [
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-tokens", "1500"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        assert_eq!(read(&openai), allowance("tokens", 1500, 150_000, 360.0));
        let anthropic = [
            ("anthropic-ratelimit-input-tokens-limit", "50000"),
            ("anthropic-ratelimit-input-tokens-remaining", "50000"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T10:00:30Z"),
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T10:00:02.5Z"),
        ];
        assert_eq!(read(&anthropic), allowance("requests", 0, 50, 2.5));
        let cerebras = [
            ("x-ratelimit-limit-requests-day", "14400"),
            ("x-ratelimit-remaining-requests-day", "14399"),
            ("x-ratelimit-reset-requests-day", "33011.382867"),
        ];
        assert_eq!(read(&cerebras), allowance("requests-day", 14_399, 14_400, 3600.0));
        let together =
            [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "9.5"), ("x-ratelimit-reset", "1")];
        assert_eq!(read(&together), allowance("requests", 9, 10, 1.0));
    }

    #[test]
    fn what_is_not_whole_is_passed_over() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("x-ratelimit-remaining-requests", "0")]), None);
        let cases =
            [("0", "0", "1s"), ("60", "-1", "1s"), ("60", "NaN", "1s"), ("60", "3", "soon"), ("", "3", "1s")];
        for (limit, remaining, reset) in cases {
            let told = read(&[
                ("x-ratelimit-limit-requests", limit),
                ("x-ratelimit-remaining-requests", remaining),
                ("x-ratelimit-reset-requests", reset),
            ]);
            assert_eq!(told, None, "{limit} {remaining} {reset}");
        }
    }

    #[test]
    fn resets_in_every_form() {
        let cases = [
            ("120ms", Some(0.12)),
            ("1m30.5s", Some(90.5)),
            ("1h2m", Some(3600.0)),
            ("7", Some(7.0)),
            ("-3", Some(0.0)),
            ("1795428010", Some(10.0)),
            ("1795428010500", Some(10.5)),
            ("2026-11-23T10:01:00+00:00", Some(60.0)),
            ("2020-01-01T00:00:00Z", Some(0.0)),
            ("5 s", None),
            ("m", None),
            ("inf", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(until(text, now()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_passed_over(
            headers in prop::collection::vec(
                ("(x-ratelimit|anthropic-ratelimit|x)-(limit|remaining|reset|requests|.{0,8})(-.{0,9}){0,2}", "[0-9a-z.:µ-]{0,12}|.{0,8}"),
                0..12,
            ),
        ) {
            if let Some(allowance) = tightest(&headers, now()) {
                prop_assert!((0.0..=LONGEST).contains(&allowance.resets_in));
                prop_assert!((0.0..=1.0).contains(&allowance.share()));
                prop_assert!(allowance.of > 0 && allowance.what.len() <= 30);
            }
        }

        #[test]
        fn three_headers_are_a_limit(left in 0_u64..1_000_000, of in 1_u64..1_000_000, seconds in 0_u64..3600) {
            let told = read(&[
                ("x-ratelimit-limit-tokens", &of.to_string()),
                ("x-ratelimit-remaining-tokens", &left.to_string()),
                ("x-ratelimit-reset-tokens", &format!("{}m{}s", seconds / 60, seconds % 60)),
            ]);
            prop_assert_eq!(told, allowance("tokens", left, of, seconds as f64));
        }
    }
}

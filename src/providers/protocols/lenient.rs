//! Lenient field types: a null or a value of another type reads as absent, because one odd field that is not needed
//! must not void a paid answer. Text is borrowed from the recording as far as JSON escapes allow it.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A string, if the field holds one.
#[derive(Debug, Default, Clone)]
pub(super) struct LenientString<'a>(Option<Cow<'a, str>>);

impl<'a> LenientString<'a> {
    /// The text; `None` if it is empty or not a string.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// The text to keep; empty if there is none.
    pub fn into_text(self) -> Cow<'a, str> {
        self.0.unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.get().is_none()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LenientString<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientStringVisitor).map(LenientString)
    }
}

struct LenientStringVisitor;

impl<'de> Visitor<'de> for LenientStringVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// The first element of a list, read without keeping the others; nothing for null and for an empty list.
#[derive(Debug)]
pub(super) struct First<T>(pub Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        First(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor(PhantomData)).map(First)
    }
}

struct FirstVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let first = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}

/// Above this, doubles skip whole numbers; many JSON readers have only doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A count, if the field holds a number. Any other value reads as absent.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) enum Count {
    #[default]
    Absent,
    /// A whole number from 0 to 2^53.
    Whole(u64),
    /// A number that cannot be a count: negative, fractional, or above 2^53.
    Odd(f64),
}

impl Count {
    /// The count, if it is a valid one.
    pub fn whole(self) -> Option<u64> {
        if let Count::Whole(count) = self { Some(count) } else { None }
    }

    /// The first of these numbers that cannot be a count.
    pub fn first_odd(counts: &[Count]) -> Option<f64> {
        counts.iter().find_map(|count| if let Count::Odd(number) = count { Some(*number) } else { None })
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)?.as_f64() {
            None => Count::Absent,
            Some(number) if (0.0..=EXACT).contains(&number) && number.fract() == 0.0 => {
                Count::Whole(number as u64)
            }
            Some(number) => Count::Odd(number),
        })
    }
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ArrayLength(pub Option<u32>);

impl<'de> Deserialize<'de> for ArrayLength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(ArrayLength(value.as_array().and_then(|list| u32::try_from(list.len()).ok())))
    }
}

/// A field that reads as its default if it is null.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_borrowed_and_anything_else_is_absent() {
        let word: LenientString = serde_json::from_str(r#""plain""#).unwrap();
        assert!(matches!(word.0, Some(Cow::Borrowed("plain"))));
        let word: LenientString = serde_json::from_str(r#""a\nb""#).unwrap();
        assert_eq!(word.get(), Some("a\nb"));
        for other in ["null", "1", "-1", "1.5", "true", "[1,{}]", r#"{"a":[1]}"#, r#""""#] {
            assert!(serde_json::from_str::<LenientString>(other).unwrap().is_empty(), "{other}");
        }
    }

    #[test]
    fn only_the_first_element_is_kept() {
        assert_eq!(serde_json::from_str::<First<u8>>("[1,2,3]").unwrap().0, Some(1));
        assert_eq!(serde_json::from_str::<First<u8>>("[]").unwrap().0, None);
        assert_eq!(serde_json::from_str::<First<u8>>("null").unwrap().0, None);
        assert!(serde_json::from_str::<First<u8>>("{}").is_err());
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        let count = |text: &str| serde_json::from_str::<Count>(text).unwrap();
        for (text, whole) in [("7", 7), ("7.0", 7), ("0", 0), ("9007199254740992", 1 << 53)] {
            assert_eq!(count(text), Count::Whole(whole), "{text}");
        }
        for (text, odd) in [("-7", -7.0), ("7.5", 7.5), ("18446744073709551615", 1.8446744073709552e19)] {
            assert_eq!((count(text), count(text).whole()), (Count::Odd(odd), None), "{text}");
        }
        assert_eq!(
            (count("null"), count(r#""7""#), count("{}")),
            (Count::Absent, Count::Absent, Count::Absent)
        );
        assert_eq!(Count::first_odd(&[Count::Absent, Count::Whole(1), Count::Odd(-1.0)]), Some(-1.0));
        assert_eq!(serde_json::from_str::<ArrayLength>("[1,2]").unwrap().0, Some(2));
        assert_eq!(serde_json::from_str::<ArrayLength>("5").unwrap().0, None);
    }
}

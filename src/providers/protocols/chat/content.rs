//! The text of a message as a chunk holds it: a string, or a list of parts where a model reasons (Mistral: parts of type
//! `thinking` with a list of texts; Databricks: parts of type `reasoning` with a summary). Anything else reads as absent.
//! <https://docs.mistral.ai/capabilities/reasoning>,
//! <https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models>

use super::super::lenient::LenientString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Visible text, and reasoning that stands among it.
#[derive(Debug, Default)]
pub(in super::super) struct ChunkContent<'a> {
    pub visible: Cow<'a, str>,
    pub reasoning: Cow<'a, str>,
}

/// Types of parts that no user would see.
const THOUGHTS: [&str; 2] = ["thinking", "reasoning"];

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(borrow, rename = "type")]
    kind: LenientString<'a>,
    #[serde(borrow)]
    text: LenientString<'a>,
    #[serde(borrow)]
    thinking: ChunkContent<'a>,
    #[serde(borrow)]
    summary: ChunkContent<'a>,
}

impl<'a> ChunkContent<'a> {
    fn add(&mut self, part: ContentPart<'a>) {
        let hidden = part.kind.get().is_some_and(|kind| THOUGHTS.contains(&kind));
        let text = part.text.into_text();
        if hidden {
            append(&mut self.reasoning, text);
        } else {
            append(&mut self.visible, text);
        }
        for thought in [part.thinking, part.summary] {
            append(&mut self.reasoning, thought.visible);
            append(&mut self.reasoning, thought.reasoning);
        }
    }
}

/// Appends without a copy if there was nothing before.
fn append<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else if !more.is_empty() {
        text.to_mut().push_str(&more);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ChunkContent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = ChunkContent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(ChunkContent { visible: Cow::Borrowed(text), reasoning: Cow::default() })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ChunkContent { visible: Cow::Owned(text.to_owned()), reasoning: Cow::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut content = ChunkContent::default();
        while let Some(LenientContentPart(part)) = seq.next_element()? {
            content.add(part);
        }
        Ok(content)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(ChunkContent::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(ChunkContent::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(ChunkContent::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(ChunkContent::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(ChunkContent::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(ChunkContent::default())
    }
}

/// A part of a list; an element that is no object counts as an empty one.
struct LenientContentPart<'a>(ContentPart<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for LenientContentPart<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentPartVisitor)
    }
}

struct ContentPartVisitor;

impl<'de> Visitor<'de> for ContentPartVisitor {
    type Value = LenientContentPart<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        ContentPart::deserialize(MapAccessDeserializer::new(map)).map(LenientContentPart)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(LenientContentPart(ContentPart::default()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(LenientContentPart(ContentPart::default()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(LenientContentPart(ContentPart::default()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(LenientContentPart(ContentPart::default()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(LenientContentPart(ContentPart::default()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(LenientContentPart(ContentPart::default()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(LenientContentPart(ContentPart::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let content: ChunkContent<'_> = serde_json::from_str(text).unwrap();
        (content.visible.into_owned(), content.reasoning.into_owned())
    }

    fn both(visible: &str, reasoning: &str) -> (String, String) {
        (visible.to_owned(), reasoning.to_owned())
    }

    #[test]
    fn plain_text_is_borrowed() {
        let content: ChunkContent<'_> = serde_json::from_str(r#""once""#).unwrap();
        assert!(matches!(content.visible, Cow::Borrowed("once")));
        assert_eq!(read(r#""a\nb""#), both("a\nb", ""));
    }

    #[test]
    fn parts_are_told_apart() {
        let mistral = r#"[{"type":"thinking","thinking":[{"type":"text","text":"So, "},{"type":"text","text":"then."}]},
            {"type":"text","text":"Once"}]"#;
        assert_eq!(read(mistral), both("Once", "So, then."));
        let databricks = r#"[{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}]},
            {"type":"text","text":"Once"},{"type":"text","text":" upon"}]"#;
        assert_eq!(read(databricks), both("Once upon", "Hm."));
        assert_eq!(read(r#"[{"type":"thinking","thinking":"plain"}]"#), both("", "plain"));
    }

    #[test]
    fn anything_else_is_absent() {
        for odd in ["null", "1", "-1", "1.5", "true", "{}", "[]", r#"["a",1,null,[2],{"type":7,"text":[8]}]"#]
        {
            assert_eq!(read(odd), both("", ""), "{odd}");
        }
    }
}

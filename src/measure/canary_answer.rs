//! What the row of a canary keeps of the answer: the text, which is short and answers a question of ours, its hash and
//! length, by which days compare, and the probabilities of its tokens.

use crate::domain::digest::sha256_hex;
use crate::providers::protocols::{Channel, DecodedStream};
use serde_json::{Map, Value, json};

pub const ANSWER_TEXT: &str = "answer_text";
pub const ANSWER_SHA256: &str = "answer_sha256";
pub const ANSWER_CHARACTERS: &str = "answer_characters";
pub const ANSWER_LOGPROBS: &str = "answer_logprobs";

/// The most characters of the text that are kept; the hash is that of all.
const KEPT: usize = 400;

/// The fields of an answer; the probabilities are absent where the API gave none.
pub fn fields(answer: &DecodedStream) -> Map<String, Value> {
    let visible = answer.deltas.iter().filter(|delta| delta.channel == Channel::Visible);
    let text: String = visible.map(|delta| delta.text.as_str()).collect();
    let mut fields = Map::new();
    fields.insert(ANSWER_TEXT.to_owned(), json!(text.chars().take(KEPT).collect::<String>()));
    fields.insert(ANSWER_SHA256.to_owned(), json!(sha256_hex(&text)));
    fields.insert(ANSWER_CHARACTERS.to_owned(), json!(text.chars().count()));
    if !answer.logprobs.is_empty() {
        fields.insert(ANSWER_LOGPROBS.to_owned(), json!(answer.logprobs));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::row_fields::{FieldType, field_type};
    use crate::providers::protocols::Delta;
    use std::time::Duration;

    #[test]
    fn the_visible_text_is_kept_whatever_its_pieces_were() {
        let delta =
            |channel, text: &str| Delta { at: Duration::ZERO, channel, text: text.to_owned(), tokens: None };
        let answer = |pieces: &[&str]| DecodedStream {
            deltas: [delta(Channel::Reasoning, "hm")]
                .into_iter()
                .chain(pieces.iter().map(|piece| delta(Channel::Visible, piece)))
                .collect(),
            logprobs: vec![-0.5, 0.0],
            ..DecodedStream::default()
        };
        let kept = fields(&answer(&["be", "ar"]));
        assert_eq!(kept, fields(&answer(&["bear"])));
        assert_eq!((&kept[ANSWER_TEXT], &kept[ANSWER_CHARACTERS]), (&json!("bear"), &json!(4)));
        assert_eq!(kept[ANSWER_SHA256], sha256_hex("bear"));
        assert_eq!(kept[ANSWER_LOGPROBS], json!([-0.5, 0.0]));
        let long = fields(&answer(&["ö".repeat(1000).as_str()]));
        assert_eq!(long[ANSWER_TEXT].as_str().map(|text| text.chars().count()), Some(KEPT));
        assert_eq!(long[ANSWER_CHARACTERS], 1000);
        let types = kept.keys().map(|name| field_type(name).unwrap());
        assert_eq!(
            types.collect::<Vec<_>>(),
            [FieldType::Text, FieldType::Text, FieldType::Integer, FieldType::DoubleList]
        );
    }
}

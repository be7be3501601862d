//! The simulator's text: plain words, each with its leading space about one token of common tokenizers, the same
//! words for every request. Not random: an answer can be predicted from its token count.

use super::scenario::SimFault;
use crate::providers::protocols::Channel;
use std::sync::LazyLock;

const STORY: &str = "Once upon a time small groups of people walked across a wide green world and looked up at the \
    stars They learned to make fire and to share food and when the night was cold they sat close together and told each \
    other stories Some of them stayed beside a great river and planted seeds in the black earth The seeds became fields \
    and the fields became villages and the villages became cities full of music and light A child drew a picture on a \
    wall and another child drew a letter and soon people could read the words of those who lived before them Ships \
    crossed the sea with oil and wine and gold and also with songs and ideas Teachers asked what the world was made of \
    and doctors asked how to heal There were hard years too and still each spring somebody opened a window planted a \
    garden and began again";

const THOUGHT: &str = "The user wants a long and happy story about the world so I should think about how to start I could \
    begin with early people then rivers then cities then ships and books I should keep the tone warm and simple and \
    move from one age to the next without too many dates Let me plan the parts and then write it";

/// Words whose letters take two, three and four UTF-8 bytes.
const FOREIGN: &str = "Größe naïve façade история мир όνειρο 世界 物語 幸せ 이야기 🌍 🚀 héros übermütig";

/// What another model says.
const SWAPPED: &str = "Long before the first clock ticked a garden grew where two rivers met and its keeper wrote down \
    every flower that opened so that whoever came later would know how bright the mornings had been";

static SWAPPED_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| spaced(SWAPPED));
static STORY_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| spaced(STORY));
static THOUGHT_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| spaced(THOUGHT));
static FOREIGN_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| spaced(FOREIGN));

fn spaced(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| format!(" {word}")).collect()
}

fn list(channel: Channel, fault: SimFault) -> &'static [String] {
    match (channel, fault) {
        (Channel::Reasoning, _) => &THOUGHT_WORDS,
        (Channel::Visible, SimFault::SplitUtf8) => &FOREIGN_WORDS,
        (Channel::Visible, SimFault::Swapped) => &SWAPPED_WORDS,
        (Channel::Visible, _) => &STORY_WORDS,
    }
}

/// Appends tokens `from..from + count` of a channel. The first token of a channel has no leading space.
pub fn write(out: &mut Vec<u8>, channel: Channel, fault: SimFault, from: u64, count: u64) {
    let words = list(channel, fault);
    for index in from..from + count {
        let word = words[(index % words.len() as u64) as usize].as_bytes();
        out.extend_from_slice(if index == 0 { &word[1..] } else { word });
    }
}

/// The first `count` tokens of a channel as text; endless answers are cut after 100,000 tokens.
pub fn text(channel: Channel, fault: SimFault, count: u64) -> String {
    let mut out = Vec::new();
    write(&mut out, channel, fault, 0, count.min(100_000));
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_predictable_and_needs_no_escaping() {
        assert_eq!(text(Channel::Visible, SimFault::None, 4), "Once upon a time");
        let long = text(Channel::Visible, SimFault::None, 1000);
        assert_eq!(long.split_whitespace().count(), 1000);
        for words in [STORY, THOUGHT, FOREIGN, SWAPPED] {
            assert!(!words.contains(['"', '\\']) && !words.chars().any(char::is_control));
        }
    }
}

//! Guesses from a model's name whether it can be measured. Names only warn: a real call decides.

/// A property suggested by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// A kind of model that does not answer in text.
    OtherKind(&'static str),
    /// A model that judges texts and answers in one word or two.
    Guard,
    /// A system of several models and tools behind one name, whose answers vary widely in length.
    Compound,
}

/// Kinds of models, and the words in names that suggest them.
const WORDS: &[(&str, &[&str])] = &[
    ("embeddings", &["embed", "embedding", "embeddings", "bge", "gte", "e5", "titanembed", "ada"]),
    ("ranking", &["rerank", "reranker"]),
    (
        "speech",
        &["tts", "speech", "whisper", "transcribe", "transcription", "asr", "sonic", "voxtral", "orpheus"],
    ),
    ("images", &["image", "images", "imagen", "dall", "flux", "diffusion", "sdxl", "canvas"]),
    ("video", &["video", "sora", "veo", "reel"]),
    ("moderation", &["moderation"]),
];

/// The hint in the name of a model, if it suggests anything but text.
pub fn hint(model_id: &str) -> Option<Hint> {
    let lower = model_id.to_lowercase();
    let words: Vec<&str> = lower.split(|ch: char| !ch.is_alphanumeric()).collect();
    let has = |word: &str| words.contains(&word);
    if words.iter().any(|word| word.contains("guard")) {
        return Some(Hint::Guard);
    }
    if has("compound") {
        return Some(Hint::Compound);
    }
    WORDS.iter().find(|(_, kind)| kind.iter().any(|word| has(word))).map(|(kind, _)| Hint::OtherKind(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_text_models() {
        for (name, kind) in [
            ("text-embedding-3-large", "embeddings"),
            ("amazon.titan-embed-text-v2:0", "embeddings"),
            ("BAAI/bge-large-en-v1.5", "embeddings"),
            ("whisper-large-v3-turbo", "speech"),
            ("gpt-4o-mini-tts", "speech"),
            ("black-forest-labs/FLUX.1-schnell", "images"),
            ("dall-e-3", "images"),
            ("amazon.nova-reel-v1:0", "video"),
            ("omni-moderation-latest", "moderation"),
        ] {
            assert_eq!(hint(name), Some(Hint::OtherKind(kind)), "{name}");
        }
        assert_eq!(hint("meta-llama/Llama-Guard-4-12B"), Some(Hint::Guard));
        assert_eq!(hint("groq/compound-mini"), Some(Hint::Compound));
    }

    #[test]
    fn names_of_text_models_say_nothing() {
        for name in ["gpt-4o", "llama-3.3-70b-versatile", "us.anthropic.claude-opus-4-7", "Qwen/Qwen3-32B"] {
            assert_eq!(hint(name), None, "{name}");
        }
    }
}

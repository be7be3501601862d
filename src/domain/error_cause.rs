//! The subject of an error message, in one word. Complements `Kind`, which decides the reaction: rows of other writers
//! have kinds of their own or none, but nearly always a message.

/// A word, and the pieces of messages (lower case) that mean it. The first that fits wins.
pub const CAUSES: &[(&str, &[&str])] = &[
    // botocore: `The config profile (x) could not be found`.
    ("aws_profile", &["config profile (", "aws profile", "aws_profile"]),
    ("rate_limit", &["rate limit", "rate_limit", "ratelimit", "too many requests", "error code: 429"]),
    // The Python runner required a token count within ten percent.
    ("token_mismatch", &["not within 10% of requested", "token mismatch", "token count mismatch"]),
    ("not_found", &["not found", "not_found", "does not exist", "error code: 404"]),
];

/// The word for any other subject.
pub const OTHER: &str = "other";

/// The word for the subject of this message.
pub fn cause(message: &str) -> &'static str {
    let lower = message.to_ascii_lowercase();
    let fits = |pieces: &[&str]| pieces.iter().any(|piece| lower.contains(piece));
    CAUSES.iter().find(|(_, pieces)| fits(pieces)).map_or(OTHER, |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_many_writers_have_a_word() {
        for (message, word) in [
            ("Error code: 429 - {'error': 'slow down'}", "rate_limit"),
            ("Rate limit reached for model `x`", "rate_limit"),
            ("output_tokens 30 not within 10% of requested 64", "token_mismatch"),
            ("The model `x` does not exist or you do not have access to it", "not_found"),
            ("The config profile (bench) could not be found", "aws_profile"),
            ("AWS profile `bench` not found", "aws_profile"),
            ("", "other"),
            ("no first byte within 60 s", "other"),
        ] {
            assert_eq!(cause(message), word, "{message}");
        }
    }

    #[test]
    fn every_piece_is_in_lower_case_and_none_stands_behind_another() {
        for (word, pieces) in CAUSES {
            for piece in *pieces {
                assert_eq!((cause(piece), piece.to_ascii_lowercase().as_str()), (*word, *piece));
            }
        }
    }
}

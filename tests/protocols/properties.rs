//! What holds for any bytes, any cut of them into reads, and any damage to a good stream.

use super::cassettes::{body, files, folder};
use super::entries::{self, assert_sound, recording, without_stamps};
use llmbench::providers::protocols::{DecodedStream, Delta, Dialect, Quirks};
use llmbench::wire::ExchangeEnd;
use proptest::prelude::*;

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(Dialect::ALL.to_vec())
}

/// A dialect and the body of one of its cassettes.
fn cassette_where(wanted: fn(&DecodedStream) -> bool) -> impl Strategy<Value = (Dialect, Vec<u8>)> {
    let of = |dialect| files(&folder(dialect)).into_iter().map(move |file| (dialect, body(dialect, &file)));
    let mut all: Vec<(Dialect, Vec<u8>)> = Dialect::ALL.into_iter().flat_map(of).collect();
    all.retain(|(dialect, body)| !body.is_empty() && wanted(&read_at_once(*dialect, body)));
    proptest::sample::select(all)
}

fn read_at_once(dialect: Dialect, body: &[u8]) -> DecodedStream {
    dialect.decode(&recording(body, vec![body.len()], ExchangeEnd::Complete), &Quirks::default())
}

/// Pieces of event streams, so that generated input gets past the first line.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "data",
        "event",
        "id",
        ":",
        ": ",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "error",
        "[DONE]",
        "{",
        "}",
        "[",
        "]",
        "\"error\":",
        "\"message\":\"m\"",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}",
        "\u{FEFF}",
        "é",
        "<",
        "data: {\"error\":{\"code\":1}}\n\n",
        "{\"type\":\"error\"}",
        ",",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn events_are_cut_as_the_standard_says(body in lines()) {
        entries::events(&body);
    }

    #[test]
    fn any_bytes_are_cut_and_decoded(dialect in dialect(), body in proptest::collection::vec(any::<u8>(), 0..400)) {
        entries::events(&body);
        entries::decode(dialect, &body);
        entries::error_body(&body);
    }

    #[test]
    fn any_lines_are_decoded(dialect in dialect(), body in lines()) {
        entries::decode(dialect, &body);
    }

    #[test]
    fn reads_shape_stamps_and_nothing_else(
        (dialect, body) in cassette_where(|_| true),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        ends.push(body.len());
        ends.sort_unstable();
        ends.dedup();
        let cut = dialect.decode(&recording(&body, ends.clone(), ExchangeEnd::Complete), &Quirks::default());
        let whole = read_at_once(dialect, &body);
        assert_sound(&cut);
        let last = std::time::Duration::from_millis(10 * ends.len() as u64);
        prop_assert!(cut.deltas.iter().all(|delta| delta.at <= last));
        prop_assert_eq!(without_stamps(cut), without_stamps(whole));
    }

    #[test]
    fn a_cut_stream_is_a_prefix_and_not_malformed(
        (dialect, body) in cassette_where(|answer| answer.malformed.is_none() && answer.error.is_none()),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = read_at_once(dialect, &body);
        let length = cut.index(body.len() + 1);
        let ending = ExchangeEnd::Cut("reset".into());
        let part = dialect.decode(&recording(&body[..length], vec![length], ending), &Quirks::default());
        prop_assert_eq!(&part.malformed, &None);
        prop_assert_eq!(&part.error, &None);
        let text = |deltas: &[Delta]| {
            deltas.iter().map(|delta| delta.text.as_str()).collect::<String>()
        };
        // What was held back as the beginning of a tag comes out when no tag follows.
        let (part, whole) = (text(&part.deltas), text(&whole.deltas));
        let held = part.len().min(part.rfind('<').unwrap_or(part.len()));
        prop_assert!(whole.starts_with(part[..held].trim_end()), "{part:?} of {whole:?}");
    }

    #[test]
    fn damage_never_panics(
        (dialect, mut body) in cassette_where(|_| true),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for (place, byte) in damage {
            let place = place.index(body.len());
            body[place] = byte;
        }
        entries::decode(dialect, &body);
    }
}

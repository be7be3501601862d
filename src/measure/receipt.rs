//! Receipts: what the figures of a run were computed from, small enough to be kept with its row. A receipt holds when
//! each read of the answer arrived, how many bytes it brought, and how long the pieces of text in it were, but not the
//! text. With it, anybody can derive the figures again. Pure.
//!
//! A receipt is a text: `1.` and the base64 of deflated bytes. These are the length of a JSON head, the head, and lists
//! of unsigned LEB128 numbers: the number of reads, for each of them the nanoseconds since the one before, its bytes and
//! its wait (0 without a stamp of the kernel, else nanoseconds + 1); the number of pieces, for each of them how many
//! reads after the one before it came (doubled, plus 1 for reasoning), its length in [`rough_tokens`], and its tokens (0 if
//! the provider did not count them, else tokens + 1).

use crate::domain::run::{Speeds, StreamShape, Tokens};
use crate::measure::timeline::{AnswerTimes, DEFINITIONS_VERSION, shape, speeds};
use crate::measure::tokens::rough_tokens;
use crate::providers::protocols::{Channel, DecodedStream, Delta};
use crate::wire::{BodyRead, Recording};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::time::Duration;

/// The field of a row that holds its receipt.
pub const FIELD: &str = "receipt";

const VERSION: &str = "1.";
/// Unpacked, a larger receipt is none: it would be that of 300,000 reads. What is read takes some 30 times as much memory
/// at worst.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;
/// The longest text that may hold so much.
const TEXT_LIMIT: usize = 6 * 1024 * 1024;

/// The facts of a run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceiptHead {
    /// Version of the definitions by which the row's figures were computed.
    pub definitions: u32,
    /// Program and version.
    pub program: String,
    /// SHA-256 of what was asked, and how: profile, request mode, adaptations, metadata, endpoint, connection.
    pub configuration: String,
    /// The calibration of the host that was the newest at that time, if there was one.
    pub calibration: Option<String>,
    /// The end of the answer, nanoseconds from t0.
    pub end_ns: u64,
    /// Seconds.
    pub network_rtt: Option<f64>,
    pub visible_tokens: Option<u64>,
    pub generated_tokens: Option<u64>,
}

/// A receipt that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    pub head: ReceiptHead,
    pub reads: Vec<BodyRead>,
    /// Where each piece of text came, and how long it was; the text itself is a word as often as that.
    pieces: Vec<Delta>,
}

/// A text that is no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no receipt: {0}")]
pub struct ReceiptError(&'static str);

/// The figures that a receipt yields.
#[derive(Debug, Clone, PartialEq)]
pub struct RecomputedFigures {
    pub speeds: Speeds,
    pub stream: StreamShape,
}

/// The receipt of a run. `None` if a piece of text came with no read, which only an answer has that was cut off, and if
/// the receipt would be too large to be read again.
pub fn write(head: &ReceiptHead, recording: &Recording, answer: &DecodedStream) -> Option<String> {
    let text = serde_json::to_vec(head).ok()?;
    let mut bytes = Vec::with_capacity(text.len() + 16 * recording.reads.len());
    put(&mut bytes, text.len() as u64);
    bytes.extend_from_slice(&text);
    put_reads(&mut bytes, &recording.reads);
    put_pieces(&mut bytes, recording, answer)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return None;
    }
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(&bytes).ok()?;
    Some(format!("{VERSION}{}", STANDARD_NO_PAD.encode(deflated.finish().ok()?)))
}

fn put_reads(bytes: &mut Vec<u8>, reads: &[BodyRead]) {
    put(bytes, reads.len() as u64);
    let (mut at, mut end) = (0, 0);
    for read in reads {
        let (now, waited) = (nanoseconds(read.at), read.waited.map_or(0, |waited| nanoseconds(waited) + 1));
        put(bytes, now - at);
        put(bytes, (read.body_end - end) as u64);
        put(bytes, waited);
        (at, end) = (now, read.body_end);
    }
}

fn put_pieces(bytes: &mut Vec<u8>, recording: &Recording, answer: &DecodedStream) -> Option<()> {
    put(bytes, answer.deltas.len() as u64);
    let mut before = 0;
    for delta in &answer.deltas {
        let index = recording.reads.partition_point(|read| read.at < delta.at);
        let index = Some(index)
            .filter(|index| recording.reads.get(*index).is_some_and(|read| read.at == delta.at))?;
        let reasoning = u64::from(delta.channel == Channel::Reasoning);
        put(bytes, (index.checked_sub(before)? as u64) << 1 | reasoning);
        put(bytes, rough_tokens(&delta.text));
        put(bytes, delta.tokens.map_or(0, |tokens| u64::from(tokens) + 1));
        before = index;
    }
    Some(())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

impl Receipt {
    /// Reads a receipt.
    ///
    /// # Errors
    /// [`ReceiptError`] for any other text.
    pub fn read(text: &str) -> Result<Self, ReceiptError> {
        if text.len() > TEXT_LIMIT {
            return Err(ReceiptError("it is too long"));
        }
        let coded = text.strip_prefix(VERSION).ok_or(ReceiptError("it is of an unknown version"))?;
        let deflated = STANDARD_NO_PAD.decode(coded).map_err(|_| ReceiptError("it is no base64"))?;
        let mut bytes = Vec::new();
        let mut unpacking = DeflateDecoder::new(&deflated[..]).take(SIZE_LIMIT);
        unpacking.read_to_end(&mut bytes).map_err(|_| ReceiptError("it cannot be unpacked"))?;
        if !unpacking.into_inner().into_inner().is_empty() {
            return Err(ReceiptError("something follows it"));
        }
        let mut rest = &bytes[..];
        let receipt = Self::from_bytes(&mut rest).ok_or(ReceiptError("it is not whole"))?;
        if rest.is_empty() { Ok(receipt) } else { Err(ReceiptError("something follows it")) }
    }

    fn from_bytes(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(number(bytes)?).ok()?;
        let (head, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        let head = serde_json::from_slice(head).ok()?;
        let reads = reads(bytes)?;
        let pieces = pieces(bytes, &reads)?;
        Some(Self { head, reads, pieces })
    }

    /// Computes the figures of the run again, by today's definitions.
    pub fn recompute(self) -> RecomputedFigures {
        let tokens = Tokens {
            visible_output_tokens: self.head.visible_tokens,
            generated_output_tokens: self.head.generated_tokens,
            ..Tokens::default()
        };
        let times =
            AnswerTimes { end: Duration::from_nanos(self.head.end_ns), network_rtt: self.head.network_rtt };
        let answer = DecodedStream { deltas: self.pieces, ..DecodedStream::default() };
        RecomputedFigures { speeds: speeds(times, &answer, &tokens), stream: shape(&answer, &tokens) }
    }

    /// True if the row's figures were computed by today's definitions.
    pub fn is_current(&self) -> bool {
        self.head.definitions == DEFINITIONS_VERSION
    }
}

fn reads(bytes: &mut &[u8]) -> Option<Vec<BodyRead>> {
    let count = number(bytes)?;
    let (mut at, mut body_end) = (0_u64, 0_usize);
    (0..count)
        .map(|_| {
            at = at.checked_add(number(bytes)?)?;
            body_end = body_end.checked_add(usize::try_from(number(bytes)?).ok()?)?;
            let waited = number(bytes)?.checked_sub(1).map(Duration::from_nanos);
            Some(BodyRead { body_end, at: Duration::from_nanos(at), waited })
        })
        .collect()
}

fn pieces(bytes: &mut &[u8], reads: &[BodyRead]) -> Option<Vec<Delta>> {
    let count = number(bytes)?;
    let mut index = 0_usize;
    let mut words_left = SIZE_LIMIT;
    (0..count)
        .map(|_| {
            let place = number(bytes)?;
            index = index.checked_add(usize::try_from(place >> 1).ok()?)?;
            let words = number(bytes)?;
            words_left = words_left.checked_sub(words)?;
            let tokens = number(bytes)?.checked_sub(1).map(u32::try_from).transpose().ok()?;
            let channel = if place & 1 == 1 { Channel::Reasoning } else { Channel::Visible };
            Some(Delta { at: reads.get(index)?.at, channel, text: "x ".repeat(words as usize), tokens })
        })
        .collect()
}

/// The next number; `None` if it is not whole or too large.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0_u32);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift > 63 || (part << shift) >> shift != part {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Connection, ConnectionInfo};
    use crate::wire::{ExchangeEnd, Marks};
    use proptest::prelude::*;

    fn head() -> ReceiptHead {
        ReceiptHead {
            definitions: DEFINITIONS_VERSION,
            program: "llmbench/0.1.0".into(),
            configuration: "5".repeat(64),
            calibration: None,
            end_ns: 1_480_000_123,
            network_rtt: Some(0.012_345),
            visible_tokens: Some(64),
            generated_tokens: Some(70),
        }
    }

    /// Pieces of text: characters, whether it is reasoning, and tokens.
    type Pieces = Vec<(usize, bool, Option<u32>)>;

    /// An answer of these reads, each with its nanoseconds since the one before, and its pieces.
    fn answer(reads: &[(u64, Pieces)]) -> (Recording, DecodedStream) {
        let (mut at, mut body_end) = (0, 0);
        let (mut taken, mut deltas) = (Vec::new(), Vec::new());
        for (later, pieces) in reads {
            at += later;
            body_end += 100 + pieces.len();
            let stamp = Duration::from_nanos(at);
            taken.push(BodyRead { body_end, at: stamp, waited: (later % 3 > 0).then_some(stamp / 1000) });
            deltas.extend(pieces.iter().map(|(characters, reasoning, tokens)| Delta {
                at: stamp,
                channel: if *reasoning { Channel::Reasoning } else { Channel::Visible },
                text: "ä".repeat(*characters),
                tokens: *tokens,
            }));
        }
        let recording = Recording {
            started_at: Default::default(),
            ended_at: Default::default(),
            connection: Connection::Cold,
            carrier: ConnectionInfo { network_rtt_seconds: Some(0.012_345), ..ConnectionInfo::default() },
            marks: Marks { end: Duration::from_nanos(1_480_000_123), ..Marks::default() },
            head: None,
            body: bytes::Bytes::new(),
            reads: taken,
            ending: ExchangeEnd::Complete,
            late_wakes: Vec::new(),
            connect_delay: None,
            dispatch_delay: Duration::ZERO,
        };
        (recording, DecodedStream { deltas, ..DecodedStream::default() })
    }

    #[test]
    fn a_run_of_64_tokens_has_a_small_receipt() {
        let reads: Vec<_> = (0..64).map(|n| (20_000_000 + n * n * 7919, vec![(5, false, None)])).collect();
        let (recording, answer) = answer(&reads);
        let text = write(&head(), &recording, &answer).unwrap();
        assert!(text.len() < 2000, "{}", text.len());
    }

    #[test]
    fn what_is_too_large_is_neither_written_nor_read() {
        let reads: Vec<_> = (0..450_000).map(|n| (20_000_000 + n * 7919, vec![(5, false, None)])).collect();
        let (recording, answer) = answer(&reads);
        assert_eq!(write(&head(), &recording, &answer), None);
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(&vec![0; 5 * 1024 * 1024]).unwrap();
        assert!(Receipt::read(&format!("1.{}", STANDARD_NO_PAD.encode(deflated.finish().unwrap()))).is_err());
        assert!(Receipt::read(&format!("1.{}", "A".repeat(TEXT_LIMIT))).is_err());
    }

    #[test]
    fn other_texts_are_no_receipts() {
        let (recording, answer) = answer(&[(5, vec![(3, false, None)])]);
        let text = write(&head(), &recording, &answer).unwrap();
        assert!(Receipt::read(&text).is_ok());
        for odd in ["", "1.", "2.AAAA", "1.!", "1.AAAA", &text[..text.len() - 4], &format!("{text}AAAA")] {
            assert!(Receipt::read(odd).is_err(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn figures_come_out_bit_for_bit(
            reads in proptest::collection::vec(
                (0_u64..30_000_000, proptest::collection::vec((1_usize..40, any::<bool>(), proptest::option::of(1_u32..9)), 0..4)),
                0..80,
            ),
            tokens in proptest::option::of(0_u64..500),
        ) {
            let (recording, answer) = answer(&reads);
            let counts = Tokens {
                visible_output_tokens: tokens,
                generated_output_tokens: Some(70),
                ..Tokens::default()
            };
            let head = ReceiptHead { visible_tokens: tokens, ..head() };
            let receipt = Receipt::read(&write(&head, &recording, &answer).unwrap()).unwrap();
            prop_assert_eq!(&receipt.head, &head);
            prop_assert_eq!(&receipt.reads, &recording.reads);
            let again = receipt.recompute();
            prop_assert_eq!(again.stream, shape(&answer, &counts));
            let (ours, theirs) = (speeds(AnswerTimes::of(&recording), &answer, &counts), again.speeds);
            prop_assert_eq!(serde_json::to_string(&ours).unwrap(), serde_json::to_string(&theirs).unwrap());
        }

        #[test]
        fn any_text_is_read_or_refused(odd in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Receipt::read(&odd);
            let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
            deflated.write_all(&bytes).unwrap();
            let _ = Receipt::read(&format!("1.{}", STANDARD_NO_PAD.encode(deflated.finish().unwrap())));
        }
    }
}

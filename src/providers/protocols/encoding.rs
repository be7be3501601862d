//! Decompresses bodies that a host compressed although `Accept-Encoding: identity` was sent, to read the error in
//! them. A compressed stream is never a sample, because its bytes come in lumps.

use crate::wire::ResponseHead;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::Read;

/// The most bytes that are decompressed: an error is small, and a body may be a bomb.
const MOST_UNPACKED: u64 = 1024 * 1024;

/// The first bytes of a gzip body.
const GZIP: &[u8] = b"\x1F\x8B\x08";

/// The coding of a body, as its head names it or its first bytes show; `None` if it is not compressed.
pub(super) fn coding<'a>(head: &'a ResponseHead, body: &[u8]) -> Option<&'a str> {
    let named = head.header("content-encoding").map(str::trim);
    let named = named.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    named.or_else(|| body.starts_with(GZIP).then_some("gzip"))
}

/// The decompressed body, cut after 1 MiB. A body that is not compressed after all, corrupt from its start, or
/// compressed in an unknown way is returned unchanged.
pub fn unpacked<'a>(head: &ResponseHead, body: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(coding) = coding(head, body) else { return Cow::Borrowed(body) };
    let plain = match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body)),
        "deflate" => read(ZlibDecoder::new(body)),
        _ => Vec::new(),
    };
    if plain.is_empty() { Cow::Borrowed(body) } else { Cow::Owned(plain) }
}

/// Everything up to the cap, or up to the first corrupt byte.
fn read(decoder: impl Read) -> Vec<u8> {
    let mut plain = Vec::new();
    // The part before a corruption may hold the whole error.
    let _ = decoder.take(MOST_UNPACKED).read_to_end(&mut plain);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn head(coding: &str) -> ResponseHead {
        ResponseHead { status: 429, headers: vec![("content-encoding".to_owned(), coding.to_owned())] }
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_read_named_or_not() {
        let plain = b"{\"error\":{\"code\":\"insufficient_quota\"}}";
        let packed = gzip(plain);
        for coding in ["gzip", "X-Gzip", " gzip ", "identity", ""] {
            assert_eq!(unpacked(&head(coding), &packed), plain.as_slice(), "{coding:?}");
        }
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(plain).unwrap();
        assert_eq!(unpacked(&head("deflate"), &zlib.finish().unwrap()), plain.as_slice());
        assert_eq!(unpacked(&head("br"), plain), plain.as_slice());
        assert_eq!(unpacked(&head("gzip"), plain), plain.as_slice(), "plain after all");
    }

    #[test]
    fn a_bomb_is_cut_and_a_broken_body_read_as_far_as_it_goes() {
        let bomb = gzip(&vec![b'x'; 64 * 1024 * 1024]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpacked(&head("gzip"), &bomb).len() as u64, MOST_UNPACKED);
        let whole = gzip(&b"{\"message\":\"no\"}".repeat(1000));
        let part = unpacked(&head("gzip"), &whole[..whole.len() - 12]);
        assert!(part.starts_with(b"{\"message\":\"no\"}"), "{part:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_under_any_coding(
            coding in "(gzip|deflate|br|identity|)",
            magic in any::<bool>(),
            mut body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            if magic {
                body.splice(0..0, GZIP.iter().copied());
            }
            prop_assert!(unpacked(&head(&coding), &body).len() as u64 <= MOST_UNPACKED);
        }
    }
}

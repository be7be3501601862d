//! Finds the end of an HTTP/1.1 body, and removes chunk framing from its bytes. Pure and incremental: any chunking of
//! the same bytes gives the same body. Not a general HTTP parser: `httparse` reads heads.

/// Removes the framing of one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFraming {
    /// `Content-Length`: bytes still to come.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked(ChunkState),
    /// Neither: the body ends with the connection.
    UntilClose,
}

/// Parser state of a chunked body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkState {
    /// Reading a size line; the part that has been read.
    Size(Vec<u8>),
    /// Bytes of the chunk still to come.
    Data(u64),
    /// The line end after a chunk's data; true once its CR has been read.
    DataEnd(bool),
    /// Reading trailer lines; length of the line so far, CR not counted.
    Trailer(usize),
    /// The last chunk and its trailers have been read.
    Done,
}

/// The longest size line that is accepted, extensions included.
const SIZE_LINE_LIMIT: usize = 1024;
/// The longest trailer line that is accepted.
const TRAILER_LINE_LIMIT: usize = 8192;

impl BodyFraming {
    /// The framing that a head announces. `Transfer-Encoding` wins over `Content-Length` (RFC 9112, 6.3).
    ///
    /// # Errors
    /// A sentence, if the head is inconsistent: two different lengths, a length that is
    /// not a number, an unknown coding.
    pub fn of_head(headers: &[(String, String)]) -> Result<Self, String> {
        let values = |wanted: &'static str| {
            headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.trim())
        };
        if let Some(coding) = values("transfer-encoding").next() {
            return if coding.eq_ignore_ascii_case("chunked") {
                Ok(BodyFraming::Chunked(ChunkState::Size(Vec::new())))
            } else {
                Err(format!("unknown transfer coding `{}`", coding.escape_debug()))
            };
        }
        let mut lengths = values("content-length");
        let Some(first) = lengths.next() else { return Ok(BodyFraming::UntilClose) };
        if lengths.any(|other| other != first) {
            return Err("two different content lengths".to_owned());
        }
        let plain = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
        match first.parse() {
            Ok(length) if plain => Ok(BodyFraming::Length(length)),
            _ => Err(format!("content length `{}` is no number", first.escape_debug())),
        }
    }

    /// True if the body is complete; never for a body that ends with the connection.
    pub fn is_complete(&self) -> bool {
        matches!(self, BodyFraming::Length(0) | BodyFraming::Chunked(ChunkState::Done))
    }

    /// True if the body is complete when the connection ends now.
    pub fn may_end_here(&self) -> bool {
        self.is_complete() || matches!(self, BodyFraming::UntilClose)
    }

    /// Takes bytes from the connection and appends body bytes to `body`. Bytes after the body's end are ignored,
    /// because no request is open that they could answer.
    ///
    /// # Errors
    /// A sentence, if the chunk framing is broken.
    pub fn feed(&mut self, mut input: &[u8], body: &mut Vec<u8>) -> Result<(), String> {
        while !input.is_empty() && !self.is_complete() {
            let taken = match self {
                BodyFraming::UntilClose => {
                    body.extend_from_slice(input);
                    input.len()
                }
                BodyFraming::Length(left) => take(left, input, body),
                BodyFraming::Chunked(chunk) => chunk.step(input, body)?,
            };
            input = &input[taken..];
        }
        Ok(())
    }
}

/// Moves at most `left` bytes of `input` to `body`.
fn take(left: &mut u64, input: &[u8], body: &mut Vec<u8>) -> usize {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    body.extend_from_slice(&input[..count]);
    *left -= count as u64;
    count
}

impl ChunkState {
    /// Consumes at least one byte of a non-empty input and returns the number of bytes.
    fn step(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, String> {
        match self {
            ChunkState::Size(line) => {
                let newline = memchr::memchr(b'\n', input);
                let end = newline.unwrap_or(input.len());
                if line.len() + end > SIZE_LINE_LIMIT {
                    return Err("a chunk size line is too long".to_owned());
                }
                line.extend_from_slice(&input[..end]);
                if newline.is_none() {
                    return Ok(input.len());
                }
                let size = chunk_size(line)?;
                *self = if size == 0 { ChunkState::Trailer(0) } else { ChunkState::Data(size) };
                Ok(end + 1)
            }
            ChunkState::Data(left) => {
                let taken = take(left, input, body);
                if *left == 0 {
                    *self = ChunkState::DataEnd(false);
                }
                Ok(taken)
            }
            ChunkState::DataEnd(seen_cr) => match (input[0], *seen_cr) {
                (b'\r', false) => {
                    *seen_cr = true;
                    Ok(1)
                }
                (b'\n', _) => {
                    *self = ChunkState::Size(Vec::new());
                    Ok(1)
                }
                _ => Err("a chunk is longer than its size says".to_owned()),
            },
            ChunkState::Trailer(length) => {
                let byte = input[0];
                if byte == b'\n' {
                    *self = if *length == 0 { ChunkState::Done } else { ChunkState::Trailer(0) };
                } else if byte != b'\r' {
                    *length += 1;
                    if *length > TRAILER_LINE_LIMIT {
                        return Err("a trailer line is too long".to_owned());
                    }
                }
                Ok(1)
            }
            ChunkState::Done => Ok(input.len()),
        }
    }
}

/// Parses the number in a size line, without extensions and white space.
fn chunk_size(line: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(line).unwrap_or("");
    let digits = text.split(';').next().unwrap_or("").trim();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u64::from_str_radix(digits, 16) {
        Ok(size) if plain => Ok(size),
        _ => Err(format!("`{}` is no chunk size", text.chars().take(40).collect::<String>().escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, BodyFraming), String> {
        let mut framing = BodyFraming::Chunked(ChunkState::Size(Vec::new()));
        let mut body = Vec::new();
        for piece in pieces {
            framing.feed(piece, &mut body)?;
        }
        Ok((body, framing))
    }

    fn head(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_head_decides() {
        assert_eq!(BodyFraming::of_head(&head(&[("content-length", "12")])), Ok(BodyFraming::Length(12)));
        assert_eq!(BodyFraming::of_head(&head(&[])), Ok(BodyFraming::UntilClose));
        let both = head(&[("content-length", "12"), ("transfer-encoding", "Chunked")]);
        assert!(matches!(BodyFraming::of_head(&both), Ok(BodyFraming::Chunked(_))));
        assert!(BodyFraming::of_head(&head(&[("content-length", "1"), ("content-length", "2")])).is_err());
        assert!(BodyFraming::of_head(&head(&[("content-length", "+1")])).is_err());
        assert!(BodyFraming::of_head(&head(&[("transfer-encoding", "gzip, chunked")])).is_err());
    }

    #[test]
    fn chunks_with_extensions_and_trailers() {
        let (body, framing) =
            decode(&[b"4;x=y\r\nWiki\r\n", b"5\r\npedia\r\n0\r\nA: b\r\n\r\nmore"]).unwrap();
        assert_eq!(body, b"Wikipedia");
        assert!(framing.is_complete());
    }

    #[test]
    fn broken_framing_is_named() {
        assert!(decode(&[b"zz\r\n"]).is_err());
        assert!(decode(&[b"-1\r\n"]).is_err());
        assert!(decode(&[b"2\r\nabc\r\n"]).is_err());
        assert!(decode(&[&[b'1'; 2000]]).is_err());
        assert!(decode(&[b"fffffffffffffffff\r\n"]).is_err());
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
            places.extend([0, wire.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
            let (body, framing) = decode(&pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(framing.is_complete());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&[&bytes]);
        }
    }
}

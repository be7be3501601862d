//! Checks the raw head of a request before it is parsed: a head that two parsers could interpret differently is
//! refused. Pure; `guarded_stream` supplies the bytes.

/// Maximum length of a line, in bytes; hyper refuses shorter heads already.
const LONGEST_LINE: usize = 64 * 1024;

/// The framing of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFraming {
    /// Length in bytes; 0 if the head names none.
    Length(u64),
    /// Chunks, whose end only their parser knows.
    Chunked,
}

/// The reason for refusing a head, as one sentence.
pub type HeadFlaw = &'static str;

/// A head of which a part may have arrived.
#[derive(Debug, Default)]
pub struct RequestHeadScanner {
    line: Vec<u8>,
    lines: usize,
    host: bool,
    length: Option<u64>,
    chunked: bool,
}

impl RequestHeadScanner {
    /// Takes the next bytes. If the head ends in them, returns the number of its bytes and the framing.
    ///
    /// # Errors
    /// [`HeadFlaw`]: a line that ends in LF alone, two lengths, two hosts, a length of more than 63 bits, a transfer
    /// coding other than `chunked`, or one beside a length.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<(usize, RequestFraming)>, HeadFlaw> {
        for (at, byte) in bytes.iter().enumerate() {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > LONGEST_LINE {
                    return Err("a line of the head is too long");
                }
                continue;
            }
            let mut line = std::mem::take(&mut self.line);
            if line.pop() != Some(b'\r') {
                return Err("a line of the head ends in LF without CR");
            }
            // Empty lines before a request are not part of it.
            if line.is_empty() && self.lines > 0 {
                return Ok(Some((at + 1, self.framing()?)));
            }
            if !line.is_empty() {
                self.field(&line)?;
                self.lines += 1;
            }
        }
        Ok(None)
    }

    /// Checks one line; the first one is the request line and has no name that matters here.
    fn field(&mut self, line: &[u8]) -> Result<(), HeadFlaw> {
        let Some(colon) = line.iter().position(|byte| *byte == b':').filter(|_| self.lines > 0) else {
            return Ok(());
        };
        let (name, value) = (line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii());
        match name.as_slice() {
            b"host" if std::mem::replace(&mut self.host, true) => Err("there are two Host headers"),
            b"content-length" if self.length.is_some() => Err("there are two Content-Length headers"),
            b"content-length" => {
                self.length = Some(length(value)?);
                Ok(())
            }
            b"transfer-encoding" if self.chunked || !value.eq_ignore_ascii_case(b"chunked") => {
                Err("the Transfer-Encoding is not exactly `chunked`")
            }
            b"transfer-encoding" => {
                self.chunked = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn framing(&self) -> Result<RequestFraming, HeadFlaw> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err("there is a Content-Length beside a Transfer-Encoding"),
            (true, None) => Ok(RequestFraming::Chunked),
            (false, length) => Ok(RequestFraming::Length(length.unwrap_or(0))),
        }
    }
}

/// Parses a length: only digits, at most 63 bits.
fn length(value: &[u8]) -> Result<u64, HeadFlaw> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse::<i64>().ok());
    length.and_then(|length| u64::try_from(length).ok()).ok_or("the Content-Length is no length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(lines: &str) -> Result<Option<(usize, RequestFraming)>, HeadFlaw> {
        RequestHeadScanner::default().take(format!("POST / HTTP/1.1\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn a_head_says_what_follows() {
        assert_eq!(taken("Host: b\r\n"), Ok(Some((28, RequestFraming::Length(0)))));
        assert_eq!(taken("content-LENGTH:  12 \r\n"), Ok(Some((41, RequestFraming::Length(12)))));
        assert_eq!(taken("Transfer-Encoding: Chunked\r\n"), Ok(Some((47, RequestFraming::Chunked))));
        assert_eq!(RequestHeadScanner::default().take(b"\r\n\r\nGET / HTTP/1.1\r\n"), Ok(None));
        assert_eq!(
            RequestHeadScanner::default().take(b"\r\nGET / HTTP/1.1\r\n\r\nrest"),
            Ok(Some((20, RequestFraming::Length(0))))
        );
    }

    #[test]
    fn what_two_readers_divide_differently_is_refused() {
        for lines in [
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: 2, 2\r\n",
            "Content-Length: +2\r\n",
            "Content-Length:\r\n",
            "Content-Length: 9223372036854775808\r\n",
            "Host: a\r\nhost: a\r\n",
            "A: b\nC: d\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        ] {
            assert!(taken(lines).is_err(), "{lines}");
        }
        assert!(taken("Content-Length: 9223372036854775807\r\n").is_ok());
    }

    proptest! {
        #[test]
        fn where_bytes_are_divided_changes_nothing(
            text in "(\r\n)?[A-Z: /]{0,9}(\r\n|\n)(Host|A|Content-Length|Transfer-Encoding): (1|2|chunked)\r\n(\r\n)?[a\r\n]{0,6}",
            cut in 0_usize..60,
        ) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let mut head = RequestHeadScanner::default();
            let parts = head.take(&bytes[..cut]).and_then(|first| match first {
                Some(ended) => Ok(Some(ended)),
                None => head.take(&bytes[cut..]).map(|rest| rest.map(|(at, framing)| (cut + at, framing))),
            });
            prop_assert_eq!(parts, RequestHeadScanner::default().take(bytes));
        }
    }
}

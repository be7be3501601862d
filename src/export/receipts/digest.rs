//! SHA-256 and length of what passes through a writer or a reader.

use crate::domain::digest::hex;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

/// What a file is: its length and SHA-256 in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    pub bytes: u64,
    pub sha256: String,
}

/// A reader or writer that digests what passes.
#[derive(Debug)]
pub struct Digesting<T> {
    inner: T,
    digest: Sha256,
    bytes: u64,
}

impl<T> Digesting<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, digest: Sha256::new(), bytes: 0 }
    }

    /// The inner reader or writer.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What has passed, and the inner reader or writer.
    pub fn finish(self) -> (FileDigest, T) {
        let sha256 = hex(&self.digest.finalize());
        (FileDigest { bytes: self.bytes, sha256 }, self.inner)
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.pass(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.pass(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::sha256_hex;

    #[test]
    fn what_is_written_and_what_is_read_have_one_digest() {
        let bytes: Vec<u8> = (0..100_000).map(|number: u32| (number % 251) as u8).collect();
        let mut writer = Digesting::new(Vec::new());
        bytes.chunks(777).for_each(|part| writer.write_all(part).unwrap());
        let (written, kept) = writer.finish();
        let mut reader = Digesting::new(&kept[..]);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(reader.finish().0, written);
        assert_eq!(written, FileDigest { bytes: 100_000, sha256: sha256_hex(&bytes) });
    }
}

//! Writes a file on a thread of its own, some pieces behind, so that the encoder does not wait for the system. Does
//! not know the bytes' meaning, nor when the file is complete.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

/// Bytes per piece. Larger pieces need fewer writes.
const PIECE: usize = 256 * 1024;

/// Pieces that may wait.
const WAITING: usize = 2;

/// A file that a thread writes in the background.
#[derive(Debug)]
pub struct BackgroundWriter {
    piece: Vec<u8>,
    full: Option<SyncSender<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<File>>>,
}

impl BackgroundWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's error if it cannot create the thread.
    pub fn start(mut file: File) -> io::Result<Self> {
        let (full, pieces) = sync_channel::<Vec<u8>>(WAITING);
        let (used, empty) = channel();
        let write = move || {
            for mut piece in pieces {
                file.write_all(&piece)?;
                piece.clear();
                // At the end the receiver is gone and the piece is not needed.
                drop(used.send(piece));
            }
            Ok(file)
        };
        let thread = std::thread::Builder::new().name("write".to_owned()).spawn(write)?;
        Ok(Self { piece: Vec::with_capacity(PIECE), full: Some(full), empty, thread: Some(thread) })
    }

    /// Waits until everything is written, and returns the file.
    ///
    /// # Errors
    /// The operating system's error of any write.
    pub fn finish(mut self) -> io::Result<File> {
        self.hand_on()?;
        self.end()
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE));
        let piece = mem::replace(&mut self.piece, next);
        match &self.full {
            Some(full) if full.send(piece).is_ok() => Ok(()),
            // The thread ends only after an error.
            _ => self.end().and(Err(gone())),
        }
    }

    fn end(&mut self) -> io::Result<File> {
        self.full = None;
        self.thread.take().ok_or_else(gone)?.join().unwrap_or_else(|_| Err(gone()))
    }
}

impl Write for BackgroundWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE {
            self.hand_on()?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Passes the buffered bytes to the thread; [`BackgroundWriter::finish`] reports whether they were written.
    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()
    }
}

impl Drop for BackgroundWriter {
    fn drop(&mut self) {
        // A caller that needs the result has called `finish` before.
        let _ = self.end();
    }
}

fn gone() -> io::Error {
    io::Error::other("the file is not written any more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};

    #[test]
    fn all_bytes_arrive_in_their_order() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("bytes");
        let mut behind = BackgroundWriter::start(File::create(&path).unwrap()).unwrap();
        let bytes: Vec<u8> = (0..5 * PIECE + 7).map(|number| (number % 251) as u8).collect();
        for part in bytes.chunks(PIECE - 3) {
            behind.write_all(part).unwrap();
        }
        behind.flush().unwrap();
        behind.write_all(b"end").unwrap();
        behind.finish().unwrap();
        assert!(fs::read(&path).unwrap() == [&bytes[..], b"end"].concat());
    }

    #[test]
    fn a_full_disk_is_heard_of() {
        let mut behind =
            BackgroundWriter::start(OpenOptions::new().write(true).open("/dev/full").unwrap()).unwrap();
        let piece = vec![0; PIECE];
        let error = loop {
            if let Err(error) = behind.write_all(&piece).and_then(|()| behind.flush()) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(behind.write_all(&piece).and_then(|()| behind.flush()).is_err());
        let mut short =
            BackgroundWriter::start(OpenOptions::new().write(true).open("/dev/full").unwrap()).unwrap();
        short.write_all(b"little").unwrap();
        assert_eq!(short.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}

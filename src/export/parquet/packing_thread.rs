//! Pages of a full group of rows, made and compressed on a thread of their own while the next group fills.

use super::column::ColumnBuffer;
use super::thrift::StructWriter;
use super::{PLAIN, RLE, size};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The columns of a group, by name.
pub type RowGroupColumns = Vec<(&'static str, ColumnBuffer)>;

/// A column's values as they stand in the file: one page.
pub struct ParquetPage {
    /// The header of the page.
    pub head: Vec<u8>,
    /// The values, compressed with Snappy.
    pub body: Vec<u8>,
    /// Length of the body before compression.
    pub plain_bytes: usize,
    /// Number of values, missing ones included.
    pub values: u64,
}

/// A group's pages and its columns, which are empty now.
type PackedGroup = (RowGroupColumns, io::Result<Vec<ParquetPage>>);

pub struct PackingThread {
    full: SyncSender<RowGroupColumns>,
    done: Receiver<PackedGroup>,
}

impl PackingThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's error if it cannot create the thread.
    pub fn start() -> io::Result<Self> {
        let (full, groups) = sync_channel::<RowGroupColumns>(1);
        let (reply, done) = sync_channel(1);
        let pack = move || {
            let mut page = Vec::new();
            for mut group in groups {
                let packed = group.iter_mut().map(|(_, column)| packed(column, &mut page)).collect();
                if reply.send((group, packed)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("pack".to_owned()).spawn(pack)?;
        Ok(Self { full, done })
    }

    /// Gives a group to the thread. One at a time: [`PackingThread::take`] comes before the next.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn give(&self, group: RowGroupColumns) -> io::Result<()> {
        self.full.send(group).map_err(|_| gone())
    }

    /// Waits for the group that was given.
    ///
    /// # Errors
    /// If the thread has ended, or the compression failed.
    pub fn take(&self) -> io::Result<(RowGroupColumns, Vec<ParquetPage>)> {
        let (group, packed) = self.done.recv().map_err(|_| gone())?;
        Ok((group, packed?))
    }
}

fn packed(column: &mut ColumnBuffer, page: &mut Vec<u8>) -> io::Result<ParquetPage> {
    page.clear();
    let values = column.take_page(page);
    let mut body = vec![0; snap::raw::max_compress_len(page.len())];
    let length = snap::raw::Encoder::new().compress(page, &mut body).map_err(io::Error::other)?;
    body.truncate(length);
    let mut head = Vec::new();
    StructWriter::new(&mut head)
        .i32(1, 0)
        .i32(2, size(page.len())?)
        .i32(3, size(length)?)
        .inner(5, |data| {
            data.i32(1, values as i32).i32(2, PLAIN).i32(3, RLE).i32(4, RLE);
        })
        .end();
    Ok(ParquetPage { head, body, plain_bytes: page.len(), values })
}

fn gone() -> io::Error {
    io::Error::other("the thread that packs has ended")
}

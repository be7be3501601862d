//! Rows as Parquet: optional columns with plain values in Snappy's compression, rows in groups of bounded size.
//! Written by hand because little of the format is needed, and a library's columns cost more time per row than there
//! is. No dictionaries, no statistics, no nesting beyond a list. <https://parquet.apache.org/docs/file-format/>

mod column;
mod packing_thread;
mod thrift;

use super::Encoder;
use super::cell::Cell;
use super::columns::{EXTRA, ExportColumns};
use super::row::split;
use crate::storage::history::row_pages::RowSource;
use column::{ColumnBuffer, ColumnType, PhysicalType};
use packing_thread::{PackingThread, ParquetPage, RowGroupColumns};
use std::io::{self, Write};
use thrift::StructWriter;

/// Stands at the beginning and the end of a file.
const MAGIC: &[u8] = b"PAR1";

/// Bytes of values in a group of rows before it is written. Readers prefer larger groups, but memory holds two: one
/// group is packed while the next one fills.
const GROUP: usize = 6 << 20;

/// `FieldRepetitionType`: a value is required, may be missing, or may occur many times.
const REQUIRED: i32 = 0;
const OPTIONAL: i32 = 1;
const REPEATED: i32 = 2;

/// `ConvertedType`: a list.
const LIST: i32 = 3;

/// `Encoding`.
const PLAIN: i32 = 0;
const RLE: i32 = 3;

/// `CompressionCodec`.
const SNAPPY: i32 = 1;

/// Location of a column's values in one group.
struct ColumnChunk {
    offset: i64,
    plain_bytes: i64,
    packed_bytes: i64,
    values: i64,
}

struct RowGroup {
    rows: i64,
    chunks: Vec<ColumnChunk>,
}

/// Writes rows; the file is complete only after [`Encoder::finish`], because its end holds the index.
pub struct ParquetEncoder<W: Write> {
    out: W,
    written: i64,
    columns: ExportColumns,
    values: RowGroupColumns,
    /// Empty columns, while no group is being packed.
    spare: Option<RowGroupColumns>,
    packing: PackingThread,
    /// Rows of the group that is being packed.
    packed_rows: i64,
    groups: Vec<RowGroup>,
    rows: i64,
}

impl<W: Write> ParquetEncoder<W> {
    /// Creates the encoder and writes the magic bytes.
    pub fn new(table: RowSource, mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        let columns = ExportColumns::of(table);
        let known = |(name, field): &(&'static str, _)| (*name, ColumnBuffer::new(ColumnType::of(*field)));
        let empty =
            || columns.all.iter().map(known).chain([(EXTRA, ColumnBuffer::new(ColumnType::TEXT))]).collect();
        let (values, spare) = (empty(), Some(empty()));
        Ok(Self {
            out,
            written: MAGIC.len() as i64,
            columns,
            values,
            spare,
            packing: PackingThread::start()?,
            packed_rows: 0,
            groups: Vec::new(),
            rows: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as i64;
        Ok(())
    }

    /// Sends the full group to be packed, after the one before it is written.
    fn end_group(&mut self) -> io::Result<()> {
        let empty = match self.spare.take() {
            Some(spare) => spare,
            None => self.write_group()?,
        };
        self.packed_rows = std::mem::take(&mut self.rows);
        self.packing.give(std::mem::replace(&mut self.values, empty))
    }

    /// Writes the group that was being packed, and returns its columns.
    fn write_group(&mut self) -> io::Result<RowGroupColumns> {
        let (empty, packed) = self.packing.take()?;
        let chunks = packed.iter().map(|chunk| self.write_chunk(chunk)).collect::<io::Result<_>>()?;
        self.groups.push(RowGroup { rows: self.packed_rows, chunks });
        Ok(empty)
    }

    fn write_chunk(&mut self, packed: &ParquetPage) -> io::Result<ColumnChunk> {
        let ParquetPage { head, body, plain_bytes, values } = packed;
        let offset = self.written;
        self.write(head)?;
        self.write(body)?;
        let with_head = |body: usize| (head.len() + body) as i64;
        Ok(ColumnChunk {
            offset,
            plain_bytes: with_head(*plain_bytes),
            packed_bytes: with_head(body.len()),
            values: *values as i64,
        })
    }

    fn footer(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let rows = self.groups.iter().map(|group| group.rows).sum();
        StructWriter::new(&mut out)
            .i32(1, 1)
            .structs(2, &elements(&self.values), SchemaElement::write)
            .i64(3, rows)
            .structs(4, &self.groups, |group, to| self.write_group_of_footer(group, to))
            .text(6, concat!("llmbench version ", env!("CARGO_PKG_VERSION")))
            .end();
        out
    }

    fn write_group_of_footer(&self, group: &RowGroup, to: &mut StructWriter<'_>) {
        let chunks: Vec<_> = group.chunks.iter().zip(&self.values).collect();
        to.structs(1, &chunks, |(chunk, (name, column)), to| {
            to.i64(2, chunk.offset).inner(3, |to| {
                let path: &[&str] = if column.shape.list { &[name, "list", "element"] } else { &[name] };
                to.i32(1, column.shape.physical as i32).i32s(2, &[PLAIN, RLE]).texts(3, path).i32(4, SNAPPY);
                to.i64(5, chunk.values)
                    .i64(6, chunk.plain_bytes)
                    .i64(7, chunk.packed_bytes)
                    .i64(9, chunk.offset);
            });
        });
        let bytes = group.chunks.iter().map(|chunk| chunk.plain_bytes).sum();
        to.i64(2, bytes).i64(3, group.rows);
    }
}

impl<W: Write + Send> Encoder for ParquetEncoder<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        let split = split(&self.columns, text);
        let extra = if split.extra.is_empty() { Cell::Null } else { Cell::Text(split.extra.as_str().into()) };
        for ((_, column), cell) in self.values.iter_mut().zip(split.cells.iter().chain([&extra])) {
            column.add(cell);
        }
        self.rows += 1;
        // Levels of a column hardly grow; checking the sizes every 64 rows is enough.
        let full = || self.values.iter().map(|(_, column)| column.size()).sum::<usize>() >= GROUP;
        if self.rows % 64 == 0 && full() {
            self.end_group()?;
        }
        Ok(split.sound)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.end_group()?;
        }
        if self.spare.is_none() {
            self.write_group()?;
        }
        let footer = self.footer();
        self.write(&footer)?;
        self.write(&(footer.len() as u32).to_le_bytes())?;
        self.write(MAGIC)?;
        self.out.flush()
    }
}

/// A node of the schema, which lists its tree in depth-first order.
#[derive(Clone, Copy)]
struct SchemaElement {
    name: &'static str,
    repetition: Option<i32>,
    children: Option<i32>,
    physical: Option<PhysicalType>,
    meaning: Option<i32>,
}

impl SchemaElement {
    fn write(&self, to: &mut StructWriter<'_>) {
        if let Some(physical) = self.physical {
            to.i32(1, physical as i32);
        }
        if let Some(repetition) = self.repetition {
            to.i32(3, repetition);
        }
        to.text(4, self.name);
        if let Some(children) = self.children {
            to.i32(5, children);
        }
        if let Some(meaning) = self.meaning {
            to.i32(6, meaning);
        }
    }
}

fn elements(columns: &[(&'static str, ColumnBuffer)]) -> Vec<SchemaElement> {
    let node = |name, repetition, children, meaning| SchemaElement {
        name,
        repetition,
        children,
        physical: None,
        meaning,
    };
    let leaf = |name, repetition, shape: ColumnType| {
        let (repetition, physical) = (Some(repetition), Some(shape.physical));
        SchemaElement { name, repetition, children: None, physical, meaning: shape.meaning }
    };
    let mut all = vec![node("row", None, Some(columns.len() as i32), None)];
    for (name, column) in columns {
        if column.shape.list {
            all.push(node(name, Some(OPTIONAL), Some(1), Some(LIST)));
            all.push(node("list", Some(REPEATED), Some(1), None));
            all.push(leaf("element", REQUIRED, column.shape));
        } else {
            all.push(leaf(name, OPTIONAL, column.shape));
        }
    }
    all
}

/// Sizes of a page are 32-bit numbers.
fn size(bytes: usize) -> io::Result<i32> {
    i32::try_from(bytes).map_err(|_| io::Error::other("a row is too big for a Parquet file"))
}

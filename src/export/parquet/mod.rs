//! Rows as Parquet: optional columns with plain values in Snappy's compression, rows in groups of bounded size. Written out
//! here and not by a library: what is needed is small, and a library's columns cost more time a row than there is. No
//! dictionaries, no statistics, no nesting beyond a list. <https://parquet.apache.org/docs/file-format/>

mod column;
mod thrift;

use super::Encoder;
use super::cell::Cell;
use super::columns::{Columns, EXTRA};
use super::row::split;
use crate::storage::rows::Table;
use column::{Column, Physical, Shape};
use std::io::{self, Write};
use thrift::Struct;

/// At the beginning and the end of a file.
const MAGIC: &[u8] = b"PAR1";

/// How many bytes of values a group of rows holds before it is written. Readers like larger ones, and this is what has to
/// be in memory at once.
const GROUP: usize = 8 << 20;

/// `FieldRepetitionType`: whether a value may be missing, or be there many times.
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

/// Where the values of a column stand, of one group.
struct Chunk {
    offset: i64,
    plain_bytes: i64,
    packed_bytes: i64,
    values: i64,
}

struct Group {
    rows: i64,
    chunks: Vec<Chunk>,
}

/// Writes rows; the file is whole after [`Encoder::finish`] alone, because its end says where everything is.
pub struct Parquet<W: Write> {
    out: W,
    written: i64,
    columns: Columns,
    values: Vec<(&'static str, Column)>,
    groups: Vec<Group>,
    rows: i64,
    page: Vec<u8>,
    packed: Vec<u8>,
}

impl<W: Write> Parquet<W> {
    /// Writes the beginning.
    pub fn new(table: Table, mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        let columns = Columns::of(table);
        let known = columns.all.iter().map(|(name, field)| (*name, Column::new(Shape::of(*field))));
        let values = known.chain([(EXTRA, Column::new(Shape::TEXT))]).collect();
        let (groups, page, packed) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { out, written: MAGIC.len() as i64, columns, values, groups, rows: 0, page, packed })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as i64;
        Ok(())
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut chunks = Vec::with_capacity(self.values.len());
        for place in 0..self.values.len() {
            chunks.push(self.write_chunk(place)?);
        }
        self.groups.push(Group { rows: std::mem::take(&mut self.rows), chunks });
        Ok(())
    }

    /// A column's values are one page.
    fn write_chunk(&mut self, place: usize) -> io::Result<Chunk> {
        self.page.clear();
        let values = self.values[place].1.take_page(&mut self.page) as i64;
        self.packed.resize(snap::raw::max_compress_len(self.page.len()), 0);
        let packed =
            snap::raw::Encoder::new().compress(&self.page, &mut self.packed).map_err(io::Error::other)?;
        let mut head = Vec::new();
        Struct::new(&mut head)
            .i32(1, 0)
            .i32(2, size(self.page.len())?)
            .i32(3, size(packed)?)
            .inner(5, |data| {
                data.i32(1, values as i32).i32(2, PLAIN).i32(3, RLE).i32(4, RLE);
            })
            .end();
        let offset = self.written;
        self.write(&head)?;
        let body = std::mem::take(&mut self.packed);
        let done = self.write(&body[..packed]);
        self.packed = body;
        done?;
        let sizes = |body: usize| (head.len() + body) as i64;
        Ok(Chunk { offset, plain_bytes: sizes(self.page.len()), packed_bytes: sizes(packed), values })
    }

    fn footer(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let rows = self.groups.iter().map(|group| group.rows).sum();
        Struct::new(&mut out)
            .i32(1, 1)
            .structs(2, &elements(&self.values), Element::write)
            .i64(3, rows)
            .structs(4, &self.groups, |group, to| self.write_group_of_footer(group, to))
            .text(6, concat!("llmbench version ", env!("CARGO_PKG_VERSION")))
            .end();
        out
    }

    fn write_group_of_footer(&self, group: &Group, to: &mut Struct<'_>) {
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

impl<W: Write + Send> Encoder for Parquet<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        let split = split(&self.columns, text);
        let extra = if split.extra.is_empty() { Cell::Null } else { Cell::Text(split.extra.as_str().into()) };
        for ((_, column), cell) in self.values.iter_mut().zip(split.cells.iter().chain([&extra])) {
            column.add(cell);
        }
        self.rows += 1;
        // Levels of a column hardly grow; looking at every size once in a while is enough.
        let full = || self.values.iter().map(|(_, column)| column.size()).sum::<usize>() >= GROUP;
        if self.rows % 64 == 0 && full() {
            self.write_group()?;
        }
        Ok(split.sound)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        let footer = self.footer();
        self.write(&footer)?;
        self.write(&(footer.len() as u32).to_le_bytes())?;
        self.write(MAGIC)?;
        self.out.flush()
    }
}

/// A node of the schema, which is a tree in the order of its branches.
#[derive(Clone, Copy)]
struct Element {
    name: &'static str,
    repetition: Option<i32>,
    children: Option<i32>,
    physical: Option<Physical>,
    meaning: Option<i32>,
}

impl Element {
    fn write(&self, to: &mut Struct<'_>) {
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

fn elements(columns: &[(&'static str, Column)]) -> Vec<Element> {
    let node =
        |name, repetition, children, meaning| Element { name, repetition, children, physical: None, meaning };
    let leaf = |name, repetition, shape: Shape| {
        let (repetition, physical) = (Some(repetition), Some(shape.physical));
        Element { name, repetition, children: None, physical, meaning: shape.meaning }
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

/// Sizes of a page are numbers of 32 bits.
fn size(bytes: usize) -> io::Result<i32> {
    i32::try_from(bytes).map_err(|_| io::Error::other("a row is too big for a Parquet file"))
}

//! Rows as Parquet, through Apache's crate without its Arrow half: optional columns in Snappy's compression, rows in groups
//! of bounded size. A group is collected here by column, because rows come one at a time and the library wants a column
//! whole. <https://parquet.apache.org/docs/file-format/>

mod column;

use super::Encoder;
use super::cell::Cell;
use super::columns::{EXTRA, ExportColumns};
use super::row::split;
use crate::domain::row_fields::FieldType;
use crate::storage::history::row_pages::RowSource;
use column::ColumnBuffer;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, Type};
use std::io::{self, Write};
use std::sync::Arc;

/// Bytes of values in a group of rows before it is written. Readers prefer larger groups, but memory holds one.
const GROUP: usize = 5 << 20;

/// Writes rows; the file is complete only after [`Encoder::finish`], because its end holds the index.
pub struct ParquetEncoder<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: ExportColumns,
    /// A buffer for each column, and one for [`EXTRA`].
    buffers: Vec<ColumnBuffer>,
    rows: usize,
}

impl<W: Write + Send> ParquetEncoder<W> {
    /// Creates the encoder and writes the magic bytes.
    pub fn new(table: RowSource, out: W) -> io::Result<Self> {
        let columns = ExportColumns::of(table);
        let mut all = columns.all.clone();
        all.push((EXTRA, FieldType::Text));
        let schema = schema(&all).map_err(io_error)?;
        let properties = properties(&all);
        let writer =
            SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(io_error)?;
        let buffers = all.iter().map(|(_, field)| ColumnBuffer::new(*field)).collect();
        Ok(Self { writer, columns, buffers, rows: 0 })
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for buffer in &mut self.buffers {
            if let Some(column) = group.next_column()? {
                buffer.write(column)?;
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> Encoder for ParquetEncoder<W> {
    fn row(&mut self, text: &str) -> io::Result<bool> {
        let split = split(&self.columns, text);
        let extra = if split.extra.is_empty() { Cell::Null } else { Cell::Text(split.extra.as_str().into()) };
        for (buffer, cell) in self.buffers.iter_mut().zip(split.cells.iter().chain([&extra])) {
            buffer.add(cell);
        }
        self.rows += 1;
        // Checking the sizes every 64 rows is enough.
        let full = || self.buffers.iter().map(ColumnBuffer::size).sum::<usize>() >= GROUP;
        if self.rows.is_multiple_of(64) && full() {
            self.write_group().map_err(io_error)?;
        }
        Ok(split.sound)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group().map_err(io_error)?;
        }
        self.writer.finish().map_err(io_error)?;
        Ok(())
    }
}

/// Dictionaries where values repeat, and the range of times for readers that look for a day. All other statistics, and
/// indexes of pages, would be held in memory for every group until the end.
fn properties(columns: &[(&'static str, FieldType)]) -> WriterProperties {
    let common = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_created_by(concat!("llmbench version ", env!("CARGO_PKG_VERSION")).to_owned());
    let column = |all: WriterPropertiesBuilder, (name, field): &(&str, FieldType)| match field {
        FieldType::Text => all.set_column_dictionary_enabled(ColumnPath::from(*name), true),
        FieldType::Date => {
            all.set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Chunk)
        }
        _ => all,
    };
    columns.iter().fold(common, column).build()
}

/// The schema of columns, in the library's notation.
fn schema(columns: &[(&'static str, FieldType)]) -> Result<Type> {
    let column = |(name, field): &(&str, FieldType)| {
        let list =
            |item| format!("optional group {name} (LIST) {{ repeated group list {{ required {item} }} }}");
        match field {
            FieldType::Text | FieldType::Object => format!("optional binary {name} (STRING);"),
            FieldType::Date => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
            FieldType::Double => format!("optional double {name};"),
            FieldType::Integer => format!("optional int64 {name};"),
            FieldType::Flag => format!("optional boolean {name};"),
            FieldType::DoubleList => list("double element;"),
            FieldType::TextList => list("binary element (STRING);"),
        }
    };
    let columns: Vec<String> = columns.iter().map(column).collect();
    parse_message_type(&format!("message row {{ {} }}", columns.join(" ")))
}

/// The system's own error where there is one: a full disk and a reader that has gone are told apart by its kind.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(inner) => io::Error::other(inner),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::history::RunSeries;

    /// A disk that is full behind the first bytes.
    struct FullDisk(usize);

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.0.min(bytes.len());
            self.0 -= room;
            if room == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(room) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_systems_error_comes_through_the_library() {
        let table = RowSource::Runs(RunSeries::Published);
        let mut encoder = ParquetEncoder::new(table, FullDisk(100)).unwrap();
        assert!(encoder.row("{\"provider\":\"groq\"}").unwrap());
        assert_eq!(encoder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}

//! Rows of a Parquet file as `results export` writes it: optional columns, plain or with a dictionary. One group of rows is
//! in memory. What a stranger's file says of sizes is looked at before the library believes it.

use super::page_header::{self, PageHeader};
use super::{ExportedRow, RowsError, RowsReader};
use crate::domain::row_fields::{FieldType, field_type};
use crate::export::receipts::bounded::is_id;
use crate::measure::receipt_figures::FIGURES;
use parquet::basic::Type as PhysicalType;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use serde_json::{Number, Value};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The largest index at the end of a file, bytes: that of some million rows.
const LARGEST_INDEX: u32 = 16 * 1024 * 1024;
/// The largest page, bytes, and the most values of a column in a group. Groups of an export have 7 MB.
const LARGEST_PAGE: i64 = 64 * 1024 * 1024;
const MOST_VALUES: i64 = 8 * 1024 * 1024;
/// What the read columns of a group may take, bytes: each page unpacked, because texts keep theirs alive, and its values
/// decoded.
const LARGEST_GROUP: i64 = 256 * 1024 * 1024;
/// What a decoded value takes with its levels, bytes.
const TEXT_SIZE: i64 = 40;
const NUMBER_SIZE: i64 = 12;
/// The longest head of a page.
const LONGEST_HEAD: u64 = 4096;

/// The values of a column, without the missing ones.
enum DecodedValues {
    Texts(std::vec::IntoIter<ByteArray>),
    Doubles(std::vec::IntoIter<f64>),
    Integers(std::vec::IntoIter<i64>),
    Flags(std::vec::IntoIter<bool>),
}

/// A column of a group, from which rows are taken.
struct GroupColumn {
    name: &'static str,
    values: DecodedValues,
    defined: std::vec::IntoIter<i16>,
    /// For lists: 0 at the first item of a row.
    repeated: Option<std::iter::Peekable<std::vec::IntoIter<i16>>>,
}

pub struct ParquetRows {
    file: File,
    /// `None` before the index is read.
    reader: Option<SerializedFileReader<File>>,
    next_group: usize,
    /// What the columns of a group may take in memory, bytes.
    room: i64,
    columns: Vec<GroupColumn>,
    /// Rows left in the group.
    left: usize,
    ended: bool,
}

impl ParquetRows {
    pub fn new(file: File) -> Self {
        let columns = Vec::new();
        Self { file, reader: None, next_group: 0, room: LARGEST_GROUP, columns, left: 0, ended: false }
    }

    fn row(&mut self) -> Result<Option<ExportedRow>, RowsError> {
        while self.left == 0 {
            if !self.advance()? {
                return Ok(None);
            }
        }
        self.left -= 1;
        let mut row = ExportedRow::default();
        for column in &mut self.columns {
            match (column.next().ok_or_else(|| form("a column of it is too short"))?, column.name) {
                (Value::Null, _) => {}
                (Value::String(id), ID) => row.id = Some(id).filter(|id| is_id(id)),
                (value, name) => drop(row.figures.insert(name.to_owned(), value)),
            }
        }
        Ok(Some(row))
    }

    /// Reads the next group; false at the end.
    fn advance(&mut self) -> Result<bool, RowsError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                check_index(&mut self.file)?;
                let file = self.file.try_clone().map_err(RowsError::of)?;
                guarded(|| SerializedFileReader::new(file))?
            }
        };
        let group = self.next_group;
        let more = group < reader.num_row_groups();
        if more {
            let (file, room) = (&mut self.file, self.room);
            self.columns.clear();
            (self.columns, self.left) = guarded(|| Ok(columns(&reader, group, file, room)))??;
        }
        self.next_group += 1;
        self.reader = Some(reader);
        Ok(more)
    }
}

impl RowsReader for ParquetRows {
    fn next_row(&mut self) -> Option<Result<ExportedRow, RowsError>> {
        if self.ended {
            return None;
        }
        let row = self.row();
        self.ended = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

const ID: &str = "_id";

fn form(said: &str) -> RowsError {
    RowsError::Form(said.to_owned())
}

fn odd(error: &ParquetError) -> RowsError {
    RowsError::Form(format!("it is no Parquet file of an export: {error}"))
}

/// Calls the library. It panics where a schema is none that it knows, which [`columns`] should have ruled out.
fn guarded<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, RowsError> {
    let called = catch_unwind(AssertUnwindSafe(call));
    called.map_err(|_| form("it is no Parquet file of an export"))?.map_err(|error| odd(&error))
}

/// Refuses a file whose index would not fit into memory.
fn check_index(file: &mut File) -> Result<(), RowsError> {
    let mut tail = [0; 8];
    let read = file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut tail));
    read.map_err(|_| form("it is cut off: it has no end"))?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != *b"PAR1" {
        return Err(form("it has no end, or is no Parquet file"));
    }
    if u32::from_le_bytes([a, b, c, d]) > LARGEST_INDEX {
        return Err(form("its index is too large"));
    }
    Ok(())
}

fn too_large() -> RowsError {
    form("a group of its rows is too large")
}

/// The columns that are needed, and the number of rows. They have to fit into `room` bytes.
fn columns(
    reader: &SerializedFileReader<File>,
    group: usize,
    file: &mut File,
    mut room: i64,
) -> Result<(Vec<GroupColumn>, usize), RowsError> {
    let group = reader.get_row_group(group).map_err(|error| odd(&error))?;
    let rows = group.metadata().num_rows();
    let count = usize::try_from(rows).ok().filter(|_| rows <= MOST_VALUES);
    let count = count.ok_or_else(too_large)?;
    let mut columns = Vec::new();
    for name in std::iter::once(ID).chain(FIGURES.iter().copied()) {
        let chunks = group.metadata().columns();
        let place = chunks
            .iter()
            .position(|chunk| chunk.column_path().parts().first().is_some_and(|part| part == name));
        match (place, field_type(name)) {
            (Some(place), Some(kind)) => {
                let taken = check_chunk(&chunks[place], file)?;
                room = room.checked_sub(taken).filter(|room| *room >= 0).ok_or_else(too_large)?;
                columns.push(column(&*group, place, name, kind, count)?);
            }
            _ if name == ID => return Err(form("it has no column `_id`")),
            _ => {}
        }
    }
    Ok((columns, count))
}

/// Refuses pages that would not fit into memory, and such as an export does not have. Returns what all of them take in
/// memory, bytes.
fn check_chunk(chunk: &ColumnChunkMetaData, file: &mut File) -> Result<i64, RowsError> {
    let refused = || form("a page of it is none that llmbench writes");
    let begin = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let mut at = u64::try_from(begin).map_err(|_| refused())?;
    let end = u64::try_from(chunk.compressed_size()).ok().and_then(|length| at.checked_add(length));
    let end = end.ok_or_else(refused)?;
    let (mut values, mut unpacked) = (0, 0);
    while at < end {
        let mut head = Vec::new();
        let read =
            file.seek(SeekFrom::Start(at)).and_then(|_| file.take(LONGEST_HEAD).read_to_end(&mut head));
        read.map_err(RowsError::of)?;
        let header = page_header::read(&head).ok_or_else(refused)?;
        let PageHeader { kind, uncompressed, compressed, values: page, encoding, length } = header;
        let known = matches!((kind, encoding), (Some(0), Some(0 | 2 | 8)) | (Some(2), Some(0 | 2)));
        let size = uncompressed.filter(|size| (0..=LARGEST_PAGE).contains(size));
        let packed = compressed.and_then(|size| u64::try_from(size).ok()).filter(|size| *size <= end - at);
        values += page.filter(|page| (0..=MOST_VALUES).contains(page)).ok_or_else(refused)?;
        match (known, size, packed) {
            (true, Some(size), Some(packed)) if values <= 2 * MOST_VALUES && unpacked <= LARGEST_GROUP => {
                at += length as u64 + packed;
                unpacked += size;
            }
            _ => return Err(refused()),
        }
    }
    let text = chunk.column_type() == PhysicalType::BYTE_ARRAY;
    Ok(unpacked + values * if text { TEXT_SIZE } else { NUMBER_SIZE })
}

fn column(
    group: &dyn RowGroupReader,
    place: usize,
    name: &'static str,
    kind: FieldType,
    rows: usize,
) -> Result<GroupColumn, RowsError> {
    let (physical, list) = match kind {
        FieldType::Double => (PhysicalType::DOUBLE, false),
        FieldType::DoubleList => (PhysicalType::DOUBLE, true),
        FieldType::Integer => (PhysicalType::INT64, false),
        FieldType::Flag => (PhysicalType::BOOLEAN, false),
        _ => (PhysicalType::BYTE_ARRAY, false),
    };
    let about = group.metadata().column(place).column_descr();
    let levels = (about.max_def_level(), about.max_rep_level());
    if about.physical_type() != physical || levels != if list { (2, 1) } else { (1, 0) } {
        return Err(RowsError::Form(format!("its column `{name}` is of another type")));
    }
    let (values, defined, repeated) = match physical {
        PhysicalType::DOUBLE => {
            let (values, defined, repeated) = read::<DoubleType>(group, place, rows)?;
            (DecodedValues::Doubles(values.into_iter()), defined, repeated)
        }
        PhysicalType::INT64 => {
            let (values, defined, repeated) = read::<Int64Type>(group, place, rows)?;
            (DecodedValues::Integers(values.into_iter()), defined, repeated)
        }
        PhysicalType::BOOLEAN => {
            let (values, defined, repeated) = read::<BoolType>(group, place, rows)?;
            (DecodedValues::Flags(values.into_iter()), defined, repeated)
        }
        _ => {
            let (values, defined, repeated) = read::<ByteArrayType>(group, place, rows)?;
            (DecodedValues::Texts(values.into_iter()), defined, repeated)
        }
    };
    let repeated = list.then(|| repeated.into_iter().peekable());
    Ok(GroupColumn { name, values, defined: defined.into_iter(), repeated })
}

/// Values, and the levels of definition and repetition.
type ColumnLevels<T> = (Vec<T>, Vec<i16>, Vec<i16>);

fn read<T: DataType>(
    group: &dyn RowGroupReader,
    place: usize,
    rows: usize,
) -> Result<ColumnLevels<T::T>, RowsError> {
    let reader = group.get_column_reader(place).map_err(|error| odd(&error))?;
    let mut reader = get_typed_column_reader::<T>(reader);
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    let mut left = rows;
    while left > 0 {
        let read = reader.read_records(left, Some(&mut defined), Some(&mut repeated), &mut values);
        match read.map_err(|error| odd(&error))?.0 {
            0 => break,
            records => left -= records.min(left),
        }
    }
    Ok((values, defined, repeated))
}

impl GroupColumn {
    /// The value of the next row; `None` if the column has ended.
    fn next(&mut self) -> Option<Value> {
        let defined = self.defined.next()?;
        let Some(repeated) = &mut self.repeated else {
            return if defined == 0 { Some(Value::Null) } else { self.values.next() };
        };
        repeated.next()?;
        match defined {
            0 => return Some(Value::Null),
            1 => return Some(Value::Array(Vec::new())),
            _ => {}
        }
        let mut items = vec![self.values.next()?];
        while repeated.next_if(|level| *level > 0).is_some() {
            self.defined.next()?;
            items.push(self.values.next()?);
        }
        Some(Value::Array(items))
    }
}

impl DecodedValues {
    fn next(&mut self) -> Option<Value> {
        Some(match self {
            Self::Texts(texts) => texts.next()?.as_utf8().unwrap_or_default().into(),
            Self::Doubles(numbers) => Number::from_f64(numbers.next()?).map_or(Value::Null, Value::Number),
            Self::Integers(numbers) => numbers.next()?.into(),
            Self::Flags(flags) => flags.next()?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{ExportFormat, encoder};
    use crate::storage::history::RunSeries;
    use crate::storage::history::row_pages::RowSource;
    use serde_json::Map;
    use std::io::Write;

    /// A file whose first page begins with these bytes instead of its own.
    fn file(head: &[u8]) -> File {
        let mut bytes = Vec::new();
        let table = RowSource::Runs(RunSeries::Published);
        let mut rows = encoder(ExportFormat::Parquet, table, &Map::new(), &mut bytes).unwrap();
        rows.row("{\"_id\":\"a\"}").unwrap();
        rows.finish().unwrap();
        drop(rows);
        bytes[4..4 + head.len()].copy_from_slice(head);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn pages_that_would_fill_the_memory_are_refused() {
        let chunk = SerializedFileReader::new(file(&[])).unwrap().metadata().row_group(0).column(0).clone();
        assert!(check_chunk(&chunk, &mut file(&[])).is_ok());
        let huge = [0xfe, 0xff, 0xff, 0xff, 0x0f];
        let page = |size: &[u8], values: &[u8], encoding: u8| {
            let head =
                [&[0x15, 0x00, 0x15], size, &[0x15, 0x02, 0x2c, 0x15], values, &[0x15, encoding, 0, 0]];
            head.concat()
        };
        let refused = |head: &[u8]| check_chunk(&chunk, &mut file(head)).is_err();
        for head in [page(&huge, &[2], 0), page(&[2], &huge, 0), page(&[2], &[2], 10), page(&[1], &[2], 0)] {
            assert!(refused(&head), "{head:?}");
            let mut rows = ParquetRows::new(file(&head));
            assert!(matches!(rows.next_row(), Some(Err(RowsError::Form(_)))) && rows.next_row().is_none());
        }
        assert!(refused(&[0xff; 16]) && refused(&[0; 4]));
    }

    #[test]
    fn pages_that_would_fill_the_memory_together_are_refused() {
        let chunk = SerializedFileReader::new(file(&[])).unwrap().metadata().row_group(0).column(0).clone();
        // One value in 60 MB that are packed into a byte.
        let page = [0x15, 0x00, 0x15, 0x80, 0x80, 0x80, 0x3c, 0x15, 0x02, 0x2c, 0x15, 0x02, 0x15, 0, 0, 0, 0];
        let of_pages = |pages: usize| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&[&b"PAR1"[..], &page.repeat(pages)].concat()).unwrap();
            let length = (page.len() * pages) as i64;
            let chunk = chunk.clone().into_builder().set_total_compressed_size(length).build().unwrap();
            check_chunk(&chunk, &mut file)
        };
        assert_eq!(of_pages(4).unwrap(), 4 * (60 << 20) + 4 * TEXT_SIZE);
        assert!(of_pages(5).is_ok_and(|taken| taken > LARGEST_GROUP) && of_pages(6).is_err());
        // All columns of a group share the room.
        let columns = |room| ParquetRows { room, ..ParquetRows::new(file(&[])) }.next_row().unwrap();
        let one = check_chunk(&chunk, &mut file(&[])).unwrap();
        assert!(columns(LARGEST_GROUP).is_ok());
        for room in [one - 1, one, one + NUMBER_SIZE] {
            assert_eq!(columns(room).unwrap_err().to_string(), "a group of its rows is too large");
        }
    }
}

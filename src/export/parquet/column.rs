//! One column of a group of rows: levels and values as they come, and a page of them
//! at the end. <https://parquet.apache.org/docs/file-format/data-pages/encodings/>

use super::thrift::varint;
use crate::domain::row_fields::FieldType;
use crate::export::cell::Cell;
use memchr::memchr;

/// The physical type of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhysicalType {
    Boolean = 0,
    Int64 = 2,
    Double = 5,
    /// A length of four bytes, and the bytes.
    Bytes = 6,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnType {
    pub physical: PhysicalType,
    /// The logical type, as the number of Parquet's `ConvertedType`.
    pub meaning: Option<i32>,
    /// True if a row holds a list of values.
    pub list: bool,
}

const UTF8: i32 = 0;
const TIMESTAMP_MILLIS: i32 = 9;

impl ColumnType {
    pub const TEXT: ColumnType =
        ColumnType { physical: PhysicalType::Bytes, meaning: Some(UTF8), list: false };

    /// The column type of a field.
    pub fn of(field: FieldType) -> Self {
        let plain = |physical| ColumnType { physical, meaning: None, list: false };
        match field {
            FieldType::Text | FieldType::Object => Self::TEXT,
            FieldType::Date => ColumnType { meaning: Some(TIMESTAMP_MILLIS), ..plain(PhysicalType::Int64) },
            FieldType::Double => plain(PhysicalType::Double),
            FieldType::Integer => plain(PhysicalType::Int64),
            FieldType::Flag => plain(PhysicalType::Boolean),
            FieldType::DoubleList => ColumnType { list: true, ..plain(PhysicalType::Double) },
            FieldType::TextList => ColumnType { list: true, ..Self::TEXT },
        }
    }

    /// The definition level of a present value: a row may lack it, and a list may be empty.
    fn defined(self) -> u8 {
        if self.list { 2 } else { 1 }
    }
}

/// Levels: runs of equal ones. All are below 4, so a run's value is one byte.
#[derive(Debug, Default)]
struct Levels {
    runs: Vec<u8>,
    value: u8,
    length: u64,
}

impl Levels {
    fn add(&mut self, value: u8, times: u64) {
        if value != self.value {
            self.close();
            self.value = value;
        }
        self.length += times;
    }

    fn close(&mut self) {
        if self.length > 0 {
            varint(&mut self.runs, self.length << 1);
            self.runs.push(self.value);
            self.length = 0;
        }
    }

    /// Appends the levels behind their length, and clears them.
    fn take(&mut self, out: &mut Vec<u8>) {
        self.close();
        out.extend_from_slice(&(self.runs.len() as u32).to_le_bytes());
        out.append(&mut self.runs);
    }
}

/// The values of one column since the last page.
#[derive(Debug)]
pub struct ColumnBuffer {
    pub shape: ColumnType,
    repeated: Levels,
    defined: Levels,
    values: Vec<u8>,
    bits: usize,
    count: u64,
}

impl ColumnBuffer {
    pub fn new(shape: ColumnType) -> Self {
        let (repeated, defined) = (Levels::default(), Levels::default());
        Self { shape, repeated, defined, values: Vec::new(), bits: 0, count: 0 }
    }

    /// The approximate size in bytes.
    pub fn size(&self) -> usize {
        self.values.len() + self.defined.runs.len() + self.repeated.runs.len()
    }

    /// Adds the cell of a row, which fits the column's shape.
    pub fn add(&mut self, cell: &Cell<'_>) {
        match cell {
            Cell::Null => return self.level(0, 1),
            Cell::Text(words) => self.text(words),
            Cell::Json(words) => self.text(words),
            Cell::Date(_, number) | Cell::Integer(number) => {
                self.values.extend_from_slice(&number.to_le_bytes());
            }
            Cell::Double(number) => self.double(number),
            Cell::Flag(flag) => self.bit(*flag),
            Cell::Doubles(numbers) => {
                let before = self.values.len();
                self.doubles(numbers);
                return self.items((self.values.len() - before) as u64 / 8);
            }
            Cell::Texts(texts) => {
                texts.iter().for_each(|words| self.text(words));
                return self.items(texts.len() as u64);
            }
        }
        self.level(self.shape.defined(), 1);
    }

    /// Adds the levels of a list whose items are written already.
    fn items(&mut self, length: u64) {
        if length == 0 {
            return self.level(1, 1);
        }
        self.level(2, 1);
        self.repeated.add(1, length - 1);
        self.defined.add(2, length - 1);
        self.count += length - 1;
    }

    fn level(&mut self, defined: u8, times: u64) {
        self.repeated.add(0, times);
        self.defined.add(defined, times);
        self.count += times;
    }

    fn text(&mut self, words: &str) {
        self.values.extend_from_slice(&(words.len() as u32).to_le_bytes());
        self.values.extend_from_slice(words.as_bytes());
    }

    /// Adds numbers with commas between them, which are all the numbers of a row.
    fn doubles(&mut self, mut numbers: &str) {
        while let Some(comma) = memchr(b',', numbers.as_bytes()) {
            self.double(&numbers[..comma]);
            numbers = &numbers[comma + 1..];
        }
        if !numbers.is_empty() {
            self.double(numbers);
        }
    }

    /// Adds a double; the text of a JSON number is always valid for one.
    fn double(&mut self, number: &str) {
        // Hardly any has white space around it, and trimming takes as long as parsing the number.
        let number: f64 = number.parse().or_else(|_| number.trim().parse()).unwrap_or(f64::NAN);
        self.values.extend_from_slice(&number.to_le_bytes());
    }

    fn bit(&mut self, flag: bool) {
        if self.bits.is_multiple_of(8) {
            self.values.push(0);
        }
        if let Some(last) = self.values.last_mut() {
            *last |= u8::from(flag) << (self.bits % 8);
        }
        self.bits += 1;
    }

    /// Appends the body of a page, clears the buffer, and returns the number of values, missing ones included.
    pub fn take_page(&mut self, out: &mut Vec<u8>) -> u64 {
        if self.shape.list {
            self.repeated.take(out);
        }
        self.repeated = Levels::default();
        self.defined.take(out);
        out.extend_from_slice(&self.values);
        self.values.clear();
        self.bits = 0;
        std::mem::take(&mut self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(field: FieldType, cells: &[Cell<'_>]) -> (u64, Vec<u8>) {
        let mut column = ColumnBuffer::new(ColumnType::of(field));
        let mut out = Vec::new();
        // Twice, because a column is used again for the next group.
        for _ in 0..2 {
            out.clear();
            cells.iter().for_each(|cell| column.add(cell));
            let count = column.take_page(&mut out);
            assert_eq!((count, column.size()), (count, 0));
        }
        cells.iter().for_each(|cell| column.add(cell));
        out.clear();
        (column.take_page(&mut out), out)
    }

    #[test]
    fn missing_values_take_a_level_and_no_bytes() {
        let (count, page) =
            page(FieldType::Integer, &[Cell::Integer(1), Cell::Null, Cell::Null, Cell::Integer(-1)]);
        let mut expected = vec![6, 0, 0, 0, 2, 1, 4, 0, 2, 1];
        expected.extend_from_slice(&1_i64.to_le_bytes());
        expected.extend_from_slice(&(-1_i64).to_le_bytes());
        assert_eq!((count, page), (4, expected));
    }

    #[test]
    fn lists_tell_missing_from_empty() {
        let cells = [Cell::Doubles("0.5, 2"), Cell::Null, Cell::Doubles("")];
        let (count, page) = page(FieldType::DoubleList, &cells);
        // Levels of repetition 0 1 0 0, of definition 2 2 0 1.
        let mut expected = vec![6, 0, 0, 0, 2, 0, 2, 1, 4, 0, 6, 0, 0, 0, 4, 2, 2, 0, 2, 1];
        expected.extend_from_slice(&0.5_f64.to_le_bytes());
        expected.extend_from_slice(&2.0_f64.to_le_bytes());
        assert_eq!((count, page), (4, expected));
    }

    #[test]
    fn flags_are_bits() {
        let cells: Vec<Cell<'_>> = (0..9).map(|place| Cell::Flag(place % 3 == 0)).collect();
        assert_eq!(page(FieldType::Flag, &cells).1, [2, 0, 0, 0, 18, 1, 0b0100_1001, 0]);
    }

    #[test]
    fn texts_stand_behind_their_length() {
        let (_, page) = page(FieldType::Text, &[Cell::Text("é".into()), Cell::Text("".into())]);
        assert_eq!(page, [2, 0, 0, 0, 4, 1, 2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0]);
    }
}

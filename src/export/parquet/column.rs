//! One column of a group of rows: values and levels as they come, and the library's column of them at the end.

use crate::domain::row_fields::FieldType;
use crate::export::cell::Cell;
use bytes::Bytes;
use memchr::memchr;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;

/// The values of a column, without the missing ones.
enum ColumnValues {
    Flags(Vec<bool>),
    Integers(Vec<i64>),
    Doubles(Vec<f64>),
    /// Texts one behind the other, and where each ends.
    Texts(Vec<u8>, Vec<usize>),
}

pub struct ColumnBuffer {
    values: ColumnValues,
    /// Of each value, the missing ones included: how much of its path is there. A flat column has 0 and 1; in a list, 1
    /// says that it is empty, and 2 that there is an item.
    defined: Vec<i16>,
    /// In a list: 0 for the first item of a row, 1 for those that follow.
    repeated: Option<Vec<i16>>,
}

impl ColumnBuffer {
    pub fn new(field: FieldType) -> Self {
        let values = match field {
            FieldType::Flag => ColumnValues::Flags(Vec::new()),
            FieldType::Date | FieldType::Integer => ColumnValues::Integers(Vec::new()),
            FieldType::Double | FieldType::DoubleList => ColumnValues::Doubles(Vec::new()),
            FieldType::Text | FieldType::Object | FieldType::TextList => {
                ColumnValues::Texts(Vec::new(), Vec::new())
            }
        };
        let list = matches!(field, FieldType::DoubleList | FieldType::TextList);
        Self { values, defined: Vec::new(), repeated: list.then(Vec::new) }
    }

    /// The size of the values in bytes; levels are packed to almost nothing.
    pub fn size(&self) -> usize {
        match &self.values {
            ColumnValues::Flags(flags) => flags.len() / 8,
            ColumnValues::Integers(numbers) => numbers.len() * 8,
            ColumnValues::Doubles(numbers) => numbers.len() * 8,
            ColumnValues::Texts(bytes, ends) => bytes.len() + ends.len() * 4,
        }
    }

    /// Adds the cell of a row. One of another type than the column's is left out: cells are made by the column's type.
    pub fn add(&mut self, cell: &Cell<'_>) {
        match (&mut self.values, cell) {
            (ColumnValues::Flags(values), Cell::Flag(flag)) => values.push(*flag),
            (ColumnValues::Integers(values), Cell::Integer(number) | Cell::Date(_, number)) => {
                values.push(*number);
            }
            (ColumnValues::Doubles(values), Cell::Double(number)) => values.push(double(number)),
            (ColumnValues::Texts(bytes, ends), Cell::Text(words)) => text(bytes, ends, words),
            (ColumnValues::Texts(bytes, ends), Cell::Json(words)) => text(bytes, ends, words),
            (ColumnValues::Doubles(values), Cell::Doubles(numbers)) => {
                let before = values.len();
                doubles(values, numbers);
                let items = values.len() - before;
                return self.items(items);
            }
            (ColumnValues::Texts(bytes, ends), Cell::Texts(texts)) => {
                texts.iter().for_each(|words| text(bytes, ends, words));
                return self.items(texts.len());
            }
            _ => return self.level(0),
        }
        self.level(1);
    }

    fn level(&mut self, defined: i16) {
        self.defined.push(defined);
        if let Some(repeated) = &mut self.repeated {
            repeated.push(0);
        }
    }

    /// Adds the levels of a list whose items are there already.
    fn items(&mut self, length: usize) {
        if length == 0 {
            return self.level(1);
        }
        self.level(2);
        self.defined.resize(self.defined.len() + length - 1, 2);
        if let Some(repeated) = &mut self.repeated {
            repeated.resize(repeated.len() + length - 1, 1);
        }
    }

    /// Writes the column and empties it.
    ///
    /// # Errors
    /// The writer's, or the library's if the column is not of the type that the schema says.
    pub fn write(&mut self, to: SerializedColumnWriter<'_>) -> Result<()> {
        let (defined, repeated) = (&self.defined, self.repeated.as_deref());
        match &mut self.values {
            ColumnValues::Flags(values) => batch::<BoolType>(to, values, defined, repeated)?,
            ColumnValues::Integers(values) => batch::<Int64Type>(to, values, defined, repeated)?,
            ColumnValues::Doubles(values) => batch::<DoubleType>(to, values, defined, repeated)?,
            ColumnValues::Texts(bytes, ends) => {
                // The texts share one buffer: none is an allocation of its own.
                let bytes = Bytes::from(std::mem::take(bytes));
                let mut start = 0;
                let slice = |end| ByteArray::from(bytes.slice(std::mem::replace(&mut start, end)..end));
                let mut texts: Vec<ByteArray> = ends.drain(..).map(slice).collect();
                batch::<ByteArrayType>(to, &mut texts, defined, repeated)?;
            }
        }
        self.defined.clear();
        self.repeated.iter_mut().for_each(Vec::clear);
        Ok(())
    }
}

fn batch<T: DataType>(
    mut to: SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    defined: &[i16],
    repeated: Option<&[i16]>,
) -> Result<()> {
    to.typed::<T>().write_batch(values, Some(defined), repeated)?;
    values.clear();
    to.close()
}

fn text(bytes: &mut Vec<u8>, ends: &mut Vec<usize>, words: &str) {
    bytes.extend_from_slice(words.as_bytes());
    ends.push(bytes.len());
}

/// Adds numbers with commas between them, which are all the numbers of a row.
fn doubles(values: &mut Vec<f64>, mut numbers: &str) {
    while let Some(comma) = memchr(b',', numbers.as_bytes()) {
        values.push(double(&numbers[..comma]));
        numbers = &numbers[comma + 1..];
    }
    if !numbers.is_empty() {
        values.push(double(numbers));
    }
}

/// A double; the text of a JSON number is always valid for one.
fn double(number: &str) -> f64 {
    // Hardly any has white space around it, and trimming takes as long as parsing the number.
    number.parse().or_else(|_| number.trim().parse()).unwrap_or(f64::NAN)
}

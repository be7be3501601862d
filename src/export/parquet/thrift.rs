//! Thrift's compact protocol, as much of it as Parquet's metadata needs: structs of numbers, texts, lists
//! and structs. <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A struct while it is written: fields in ascending order of their numbers. [`StructWriter::end`] closes it.
pub struct StructWriter<'a> {
    out: &'a mut Vec<u8>,
    last: u8,
}

impl<'a> StructWriter<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last: 0 }
    }

    pub fn i32(&mut self, number: u8, value: i32) -> &mut Self {
        self.head(number, I32);
        varint(self.out, zigzag(i64::from(value)));
        self
    }

    pub fn i64(&mut self, number: u8, value: i64) -> &mut Self {
        self.head(number, I64);
        varint(self.out, zigzag(value));
        self
    }

    pub fn text(&mut self, number: u8, value: &str) -> &mut Self {
        self.head(number, BINARY);
        text(self.out, value);
        self
    }

    pub fn i32s(&mut self, number: u8, values: &[i32]) -> &mut Self {
        self.head(number, LIST);
        list(self.out, I32, values.len());
        values.iter().for_each(|value| varint(self.out, zigzag(i64::from(*value))));
        self
    }

    pub fn texts(&mut self, number: u8, values: &[&str]) -> &mut Self {
        self.head(number, LIST);
        list(self.out, BINARY, values.len());
        values.iter().for_each(|value| text(self.out, value));
        self
    }

    /// Writes a list of structs, one for each item.
    pub fn structs<T>(
        &mut self,
        number: u8,
        items: &[T],
        mut write: impl FnMut(&T, &mut StructWriter<'_>),
    ) -> &mut Self {
        self.head(number, LIST);
        list(self.out, STRUCT, items.len());
        for item in items {
            let mut inner = StructWriter::new(self.out);
            write(item, &mut inner);
            inner.end();
        }
        self
    }

    /// Writes a nested struct.
    pub fn inner(&mut self, number: u8, write: impl FnOnce(&mut StructWriter<'_>)) -> &mut Self {
        self.head(number, STRUCT);
        let mut inner = StructWriter::new(self.out);
        write(&mut inner);
        inner.end();
        self
    }

    pub fn end(&mut self) {
        self.out.push(0);
    }

    /// In all of Parquet's structs numbers ascend by less than 16, so the short form suffices.
    fn head(&mut self, number: u8, kind: u8) {
        self.out.push((number - self.last) << 4 | kind);
        self.last = number;
    }
}

fn list(out: &mut Vec<u8>, kind: u8, length: usize) {
    match u8::try_from(length) {
        Ok(short @ 0..15) => out.push(short << 4 | kind),
        _ => {
            out.push(0xf0 | kind);
            varint(out, length as u64);
        }
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    varint(out, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Seven bits per byte, the lowest first.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_those_of_the_specification() {
        let mut out = Vec::new();
        StructWriter::new(&mut out)
            .i32(1, -1)
            .i64(3, 300)
            .text(4, "ab")
            .i32s(5, &[1, 2])
            .texts(6, &["x"])
            .inner(8, |inner| _ = inner.i32(1, 0))
            .structs(9, &[7], |item, inner| _ = inner.i32(2, *item))
            .end();
        #[rustfmt::skip]
        let expected = [
            0x15, 0x01, 0x26, 0xd8, 0x04, 0x18, 0x02, b'a', b'b', 0x19, 0x25, 0x02, 0x04, 0x19, 0x18, 0x01, b'x',
            0x2c, 0x15, 0x00, 0x00, 0x19, 0x1c, 0x25, 0x0e, 0x00, 0x00,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn long_lists_and_extreme_numbers_have_their_form() {
        let mut out = Vec::new();
        list(&mut out, I32, 15);
        varint(&mut out, zigzag(i64::MIN));
        assert_eq!(out, [0xf5, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }
}

//! The head of a Parquet page, as far as it says how much memory the page takes: in Thrift's compact protocol. The library
//! that decodes pages believes these numbers, so a stranger's are looked at before.
//! <https://parquet.apache.org/docs/file-format/data-pages/>

/// Structures within structures that are followed.
const DEEPEST: usize = 8;

/// What a page says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageHeader {
    /// 0 is a data page, 2 a dictionary.
    pub kind: Option<i64>,
    pub uncompressed: Option<i64>,
    pub compressed: Option<i64>,
    pub values: Option<i64>,
    /// 0 is plain, 2 and 8 are places in a dictionary.
    pub encoding: Option<i64>,
    /// Bytes of the head itself.
    pub length: usize,
}

/// Reads the head at the beginning of these bytes; `None` if it is none, or is longer than they are.
pub fn read(bytes: &[u8]) -> Option<PageHeader> {
    let mut rest = bytes;
    let mut header = PageHeader::default();
    fields(&mut rest, 0, &mut |path, value| match path {
        [1] => header.kind = Some(value),
        [2] => header.uncompressed = Some(value),
        [3] => header.compressed = Some(value),
        // A data page, a dictionary.
        [5 | 7, 1] => header.values = Some(value),
        [5 | 7, 2] => header.encoding = Some(value),
        _ => {}
    })?;
    header.length = bytes.len() - rest.len();
    Some(header)
}

/// Passes on the whole numbers of a structure, each with the numbers of the fields that lead to it.
fn fields(bytes: &mut &[u8], depth: usize, take: &mut dyn FnMut(&[i64], i64)) -> Option<()> {
    let mut last = 0_i64;
    loop {
        let head = byte(bytes)?;
        if head == 0 {
            return Some(());
        }
        let step = i64::from(head >> 4);
        last = if step == 0 { zigzag(bytes)? } else { last.checked_add(step)? };
        let mut inner = |path: &[i64], number: i64| take(&[&[last][..], path].concat(), number);
        value(bytes, head & 0x0f, depth, &mut inner)?;
    }
}

fn value(bytes: &mut &[u8], kind: u8, depth: usize, take: &mut dyn FnMut(&[i64], i64)) -> Option<()> {
    match kind {
        // Flags are in the head of their field.
        1 | 2 => {}
        3 => {
            byte(bytes)?;
        }
        4..=6 => {
            let number = zigzag(bytes)?;
            take(&[], number);
        }
        7 => skip(bytes, 8)?,
        8 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            skip(bytes, length)?;
        }
        12 if depth < DEEPEST => fields(bytes, depth + 1, take)?,
        // No page that llmbench writes has a list in its head.
        _ => return None,
    }
    Some(())
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn skip(bytes: &mut &[u8], length: usize) -> Option<()> {
    *bytes = bytes.get(length..)?;
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let number = varint(bytes)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_head_is_read_to_its_end() {
        // A data page: 300 bytes, 200 packed, 64 values, places in a dictionary, levels as runs.
        let head = [
            0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x90, 0x03, 0x2c, 0x15, 0x80, 0x01, 0x15, 0x10, 0x15, 0x06,
            0x15, 0x06, 0x00, 0x00,
        ];
        let read = read(&[&head[..], b"more"].concat()).unwrap();
        let expected = PageHeader {
            kind: Some(0),
            uncompressed: Some(300),
            compressed: Some(200),
            values: Some(64),
            encoding: Some(8),
            length: head.len(),
        };
        assert_eq!(read, expected);
        assert_eq!(super::read(&head[..head.len() - 1]), None);
        assert_eq!(super::read(&[0x1c; 100]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(header) = read(&bytes) {
                prop_assert!(header.length <= bytes.len());
            }
        }
    }
}

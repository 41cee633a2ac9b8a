//! Text with halves of characters, which Python's strings may hold and Rust's may not.

use std::fmt;

use super::PyValue;

/// Text with lone surrogates among its characters, each in the three bytes that UTF-8 would have for it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Wtf8(Vec<u8>);

/// A part of such a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Piece<'a> {
    Text(&'a str),
    Surrogate(u16),
}

impl Wtf8 {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(in super::super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (piece, more) = split(rest)?;
            rest = more;
            Some(piece)
        })
    }
}

/// The characters, with `\ud800` and the like in the places of halves.
impl fmt::Display for Wtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Surrogate(number) => write!(f, "\\u{number:04x}"),
        })
    }
}

impl fmt::Debug for Wtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl PyValue {
    /// Text from bytes that are UTF-8 but for halves of characters; `None` for others.
    pub(in super::super) fn text_from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => return Some(Self::Str(text)),
            Err(error) => error.into_bytes(),
        };
        let mut rest = bytes.as_slice();
        while let Some((_, more)) = split(rest) {
            rest = more;
        }
        rest.is_empty().then_some(Self::Wtf8(Wtf8(bytes)))
    }
}

/// The first piece and what follows it; `None` at the end and before other bytes.
fn split(bytes: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let chunk = bytes.utf8_chunks().next()?;
    let text = chunk.valid();
    if !text.is_empty() {
        return Some((Piece::Text(text), bytes.get(text.len()..)?));
    }
    match bytes.split_first_chunk()? {
        ([0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf], rest) => {
            let number = 0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f);
            Some((Piece::Surrogate(number), rest))
        }
        _ => None,
    }
}

/// Appends a half of a character.
pub(in super::super) fn put_surrogate(out: &mut Vec<u8>, number: u16) {
    let low_six = |bits: u16| 0x80 | (bits & 0x3f) as u8;
    out.extend_from_slice(&[0xed, low_six(number >> 6), low_six(number)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_kept_between_whole_ones() {
        let mut bytes = "aé".as_bytes().to_vec();
        for number in [0xd800, 0xdbff, 0xdc00, 0xdfff] {
            put_surrogate(&mut bytes, number);
        }
        bytes.push(b'z');
        let Some(PyValue::Wtf8(text)) = PyValue::text_from_bytes(bytes) else {
            panic!("no text");
        };
        let pieces: Vec<_> = text.pieces().collect();
        let half = Piece::Surrogate;
        let (first, last) = (Piece::Text("aé"), Piece::Text("z"));
        let halves = [half(0xd800), half(0xdbff), half(0xdc00), half(0xdfff)];
        assert_eq!(pieces, [&[first][..], &halves, &[last]].concat());
        assert_eq!(text.to_string(), "aé\\ud800\\udbff\\udc00\\udfffz");
    }

    #[test]
    fn other_bytes_are_no_text() {
        for bytes in [
            &b"\xff"[..],
            b"a\xed\xa0",
            b"\xed\x9f",
            b"\xc3",
            b"\xed\xa0\x80\x80",
        ] {
            assert_eq!(PyValue::text_from_bytes(bytes.to_vec()), None);
        }
        assert_eq!(PyValue::text_from_bytes(b"a".to_vec()), Some("a".into()));
    }
}
